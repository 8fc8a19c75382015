"""One target under atheris: `python -m tests.fuzz.drive TARGET ARGUMENTS-OF-LIBFUZZER…`."""

from __future__ import annotations

import sys

import atheris

# Comparisons of texts guide the search, too; the hook of regular expressions breaks on those of octets.
atheris.enabled_hooks.add("str")
with atheris.instrument_imports(include=["inalign"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until the arguments say that it is enough."""
    program, target, *arguments = sys.argv
    atheris.Setup([program, *arguments], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
