"""What parsedmarc makes of files: runs in an environment that has it (`bench/robustness.py` starts it).

A path a line on standard input, a JSON object a line on standard output: the form of `tests.reports.vectors.Answer`.
"""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any  # what the peer returns has no types

import parsedmarc


def main() -> None:
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        print(json.dumps(answer(Path(line.rstrip("\n"))), default=str), flush=True)


def answer(path: Path) -> dict[str, object]:
    """Without looking anything up."""
    try:
        found: Any = parsedmarc.parse_report_file(path.read_bytes(), offline=True, always_use_local_files=True)
    except Exception as problem:  # noqa: BLE001 - whatever it raises is its answer
        return {"reports": [], "refused": [f"{type(problem).__name__}: {problem}"]}
    report = found["report"]
    return {"reports": [{"aggregate": aggregate, "smtp_tls": tls}.get(found["report_type"], failure)(report)]}


def aggregate(report: Any) -> dict[str, object]:
    """Rows that it made of one by cutting a span into days are put together again."""
    head, policy = report["report_metadata"], report["policy_published"]
    counts: Counter[tuple[object, ...]] = Counter()
    single = []
    for one in report["records"]:
        row = (
            address(one["source"]["ip_address"]),
            word(one["policy_evaluated"]["disposition"]),
            one["alignment"]["dkim"],
            one["alignment"]["spf"],
            one["identifiers"]["header_from"],
        )
        if one.get("normalized_timespan"):
            counts[row] += one["count"]
        else:
            single.append([row[0], one["count"], *row[1:]])
    rows = single + [[row[0], number, *row[1:]] for row, number in counts.items()]
    return {
        "kind": "aggregate",
        "id": head["report_id"] or "",
        "values": {
            "organization": head["org_name"],
            "id": head["report_id"],
            "domain": policy["domain"],
            "begin": time(head["begin_date"]),
            "end": time(head["end_date"]),
            "p": word(policy["p"]),
        },
        "rows": rows,
        "messages": sum(row[1] for row in rows),
    }


def tls(report: Any) -> dict[str, object]:
    policies = report["policies"]
    rows = [
        [
            one["policy_type"],
            one["policy_domain"],
            *map(plain, sessions(one)),
        ]
        for one in policies
    ]
    return {
        "kind": "tls",
        "id": report["report_id"] or "",
        "values": {
            "organization": report["organization_name"],
            "id": report["report_id"],
            "begin": time(report["begin_date"]),
            "end": time(report["end_date"]),
            "failures": sum(len(one.get("failure_details") or ()) for one in policies),
        },
        "rows": rows,
        "messages": sum(whole(row[2]) + whole(row[3]) for row in rows),
    }


def sessions(policy: Any) -> tuple[Any, Any]:
    return policy["successful_session_count"], policy["failed_session_count"]


def failure(report: Any) -> dict[str, object]:
    recipients = report.get("original_rcpt_to") or ""
    return {
        "kind": "failure",
        "id": "",
        "values": {
            "source": report["source"]["ip_address"],
            "domain": report["reported_domain"],
            "arrival": time(report["arrival_date_utc"]),
            "failure": " ".join(report["auth_failure"]),
            "recipients": (recipients if isinstance(recipients, str) else " ".join(recipients)).strip("<>"),
        },
        "rows": [],
        "messages": 1,
    }


def word(text: str | None) -> str | None:
    """Case is no difference."""
    return text.lower() if text is not None else None


def address(text: str | None) -> str | None:
    """Nor is the form of an address that is one."""
    try:
        return str(ip_address(text or ""))
    except ValueError:
        return text


def whole(number: object) -> int:
    """What it counts, as far as that is a number."""
    try:
        return int(float(str(number)))
    except (ValueError, OverflowError):
        return 0


def plain(number: object) -> object:
    """10.0 is 10; what is no number of JSON is text."""
    if isinstance(number, float):
        return int(number) if number.is_integer() else str(number)
    return number


def time(text: str | None) -> str | None:
    """As ISO 8601 in UTC; what is none stays as it is."""
    try:
        found = datetime.fromisoformat(str(text).upper())
    except ValueError:
        return text
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


if __name__ == "__main__":
    main()
