"""The line of a key is that of the text that was read, and a line in a string or an array is no key."""

from __future__ import annotations

from inalign.settings.locations import key_lines

TEXT = """\
user = "a" # comment = "b"

[milter]
listen = [
  "inet:127.0.0.1:1",
  # workers = 3
]
workers = 2

[policy]
reject_text = \'\'\'
mode = "enforce"
[dns]
servers = []
\'\'\'
mode = "observe"
spf_fail = "say \\"[dns]\\" = x"

[[sign.key]]
domain = "a.example"

[[sign.key]]
"domain" = "b.example"
"""


def test_keys_have_the_lines_that_they_are_on() -> None:
    assert key_lines(TEXT) == {
        "user": 1,
        "milter": 3,
        "milter.listen": 4,
        "milter.workers": 8,
        "policy": 10,
        "policy.reject_text": 11,
        "policy.mode": 16,
        "policy.spf_fail": 17,
        "sign.key[0]": 19,
        "sign.key[0].domain": 20,
        "sign.key[1]": 22,
        "sign.key[1].domain": 23,
    }
