"""libopendmarc as a process that judges: a JSON object a line in, one a line out. It may crash; we do not.

In: {"author", "spf" or null, "dkim": [domains], "records": {name: text}}. Out: {"result", "policy", "error"}.
A name that was once given a record keeps it, so every case has names of its own.
"""

from __future__ import annotations

import ctypes
import json
import sys

PUBLIC_SUFFIXES = 1  # OPENDMARC_TLD_TYPE_MOZILLA
FROM_MAIL = 1  # DMARC_POLICY_SPF_ORIGIN_MAILFROM
PASSED = 1  # DMARC_POLICY_SPF_OUTCOME_PASS and DMARC_POLICY_DKIM_OUTCOME_PASS
RESULTS = {14: "no record", 15: "pass", 16: "reject", 17: "quarantine", 18: "none"}


class _Settings(ctypes.Structure):
    _fields_ = [
        ("tld_type", ctypes.c_int),
        ("tld_source_file", ctypes.c_char * 4096),
        ("nscount", ctypes.c_int),
        ("nsaddr_list", ctypes.c_char * (16 * 3)),
    ]


def main() -> None:
    """`python libopendmarc.py LIBRARY FILE-OF-PUBLIC-SUFFIXES`."""
    library = ctypes.CDLL(sys.argv[1])
    library.opendmarc_policy_connect_init.restype = ctypes.c_void_p
    settings = _Settings(tld_type=PUBLIC_SUFFIXES, tld_source_file=sys.argv[2].encode())
    library.opendmarc_policy_library_init(ctypes.byref(settings))
    library.opendmarc_dns_fake_record(b"unasked.invalid", b"")
    kept = []  # the library does not copy what it is given
    for line in sys.stdin:
        case = json.loads(line)
        for name, text in case["records"].items():
            kept.append((name.encode(), text.encode("utf-8", "surrogateescape")))
            library.opendmarc_dns_fake_record(*kept[-1])
        sys.stdout.write(json.dumps(_judge(library, case)) + "\n")
        sys.stdout.flush()


def _judge(library: ctypes.CDLL, case: dict[str, object]) -> dict[str, object]:
    context = ctypes.c_void_p(library.opendmarc_policy_connect_init(b"192.0.2.1", 4))
    author = str(case["author"]).encode()
    library.opendmarc_policy_store_from_domain(context, author)
    if case["spf"]:
        library.opendmarc_policy_store_spf(context, str(case["spf"]).encode(), PASSED, FROM_MAIL, None)
    assert isinstance(case["dkim"], list)
    for domain in case["dkim"]:
        library.opendmarc_policy_store_dkim(context, domain.encode(), b"s", PASSED, None)
    asked = library.opendmarc_policy_query_dmarc(context, author)
    answer: dict[str, object] = {"asked": asked, "result": "no record"}
    if asked == 0:
        answer["result"] = RESULTS.get(library.opendmarc_get_policy_to_enforce(context), "error")
    for tag in ("p", "sp", "adkim", "aspf"):
        value = ctypes.c_int(0)
        getattr(library, f"opendmarc_policy_fetch_{tag}")(context, ctypes.byref(value))
        answer[tag] = chr(value.value) if value.value else ""
    library.opendmarc_policy_connect_shutdown(context)
    return answer


if __name__ == "__main__":
    main()
