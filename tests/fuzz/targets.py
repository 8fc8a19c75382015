"""All targets: each takes any octets and asserts what is promised of a parser. None needs atheris."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz import dns, mail, operators, peers, policy, reports, signatures

Target = Callable[[bytes], None]

TARGETS: dict[str, Target] = {
    "message": mail.message,
    "author": mail.author,
    "domain": mail.domain,
    "reverse_path": mail.reverse_path,
    "tags": mail.tags,
    "authentication_results": mail.authentication_results,
    "claim": mail.claim,
    "received": mail.received,
    "origin": mail.origin,
    "dns_answer": dns.answer,
    "dns_name": dns.name,
    "zone_json": dns.zone_json,
    "master_file": dns.master_file,
    "spf_record": policy.spf_record,
    "spf_macro": policy.spf_macro,
    "spf_check": policy.spf_check,
    "dmarc_record": policy.dmarc_record,
    "report_uri": policy.report_uri,
    "dkim_signature": signatures.dkim_signature,
    "dkim_key": signatures.dkim_key,
    "dkim_message": signatures.dkim_message,
    "arc": signatures.arc,
    "whole_message": signatures.whole_message,
    "milter_session": peers.milter_session,
    "settings": peers.settings,
    "aggregate": reports.aggregate,
    "feedback_report": reports.feedback_report,
    "tls_report": reports.tls,
    "data_set": operators.data_set,
    "csl": operators.csl,
    "key_table": operators.key_table,
    "rule_name": operators.rule_name,
    "sign_rules": operators.sign_rules,
    "private_key": operators.private_key,
    "moving": operators.moving,
}
