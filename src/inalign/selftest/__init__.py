"""The conformance vectors of other implementations, run on this host: its Python, its OpenSSL, its resolver.

`suites` judges the engines by the vectors that come with the package, `host` says what this host is made of. The same
judges serve the tests of the source tree.
"""
