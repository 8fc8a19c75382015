"""Makes docs/api.md of the docstrings of the public names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum

import inalign

HEAD = """\
# The Python interface

Made of the docstrings (`make docs`).
Every name on this page is imported from `inalign`; a name that is not on it is private and may change.
`mypy --strict` accepts a program that uses these names ([tests/api/client.py](../tests/api/client.py) is one).
The examples run as tests.

- What mail, DNS or a report can cause is a result, never an exception. A wrong argument is `TypeError` or `ValueError`.
- The engines are coroutines. `run` runs one without an event loop; inside a loop, `await` it.
- `now` is an aware `datetime`, so that a result can be repeated at any time.
- A message is `bytes` as they cross SMTP, with CRLF; where it has no CRLF at all, each LF counts as one.

## Example: verify

```python
{verify}```

## Example: sign in pieces

A program that receives a message in pieces gives the header first, then the body as it comes.

```python
{sign}```
"""


def api() -> str:
    """Return the page: the examples, then each public name with its signature and docstring."""
    from tests.api import examples

    source = {name: inspect.getsource(getattr(examples, name)) for name in ("verify", "sign_in_pieces")}
    lines = [HEAD.format(verify=_body(source["verify"]), sign=_body(source["sign_in_pieces"]))]
    for title, is_in in (
        ("Functions", inspect.isroutine),
        ("Classes and types", lambda value: not inspect.isroutine(value)),
    ):
        lines += [f"## {title}", ""]
        for name in inalign.__all__:
            if not name.startswith("_") and is_in(getattr(inalign, name)):
                lines += _entry(name)
    return "\n".join(lines).rstrip() + "\n"


def _body(source: str) -> str:
    """Return the lines of a function below its docstring, without their indent."""
    _, _, below = source.partition('"""\n')
    return inspect.cleandoc("\n" + below) + "\n"


def _entry(name: str) -> Iterator[str]:
    value: object = getattr(inalign, name)
    yield f"### `{name}`"
    yield ""
    if inspect.isroutine(value):
        signature = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(value)))
        yield "```python"
        yield f"{'async ' if inspect.iscoroutinefunction(value) else ''}def {name}{signature}"
        yield "```"
        yield ""
    yield inspect.getdoc(value) or ""
    yield ""
    if isinstance(value, type) and issubclass(value, Enum):
        yield f"Values: {', '.join(f'`{member.value}`' for member in value)}."
        yield ""
    elif isinstance(value, type):
        fields = list(inspect.get_annotations(value))
        methods = [
            attribute
            for attribute, member in vars(value).items()
            if not attribute.startswith("_")
            and (inspect.isroutine(member) or isinstance(member, classmethod | property))
        ]
        if public := [attribute for attribute in fields if not attribute.startswith("_")]:
            yield f"Attributes: {', '.join(f'`{each}`' for each in public)}."
            yield ""
        if methods:
            yield f"Methods and properties: {', '.join(f'`{each}`' for each in methods)}."
            yield ""
