"""Report files of the tests."""

from __future__ import annotations

from pathlib import Path

DAY = 86_400
BEGIN = 1_763_596_800  # 2025-11-20


def report_xml(number: int, *, messages: int = 1, domain: str = "example.com", org: str = "reporter.example") -> bytes:
    begin = BEGIN + number * DAY
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feedback>
  <version>1.0</version>
  <report_metadata>
    <org_name>{org}</org_name><email>dmarc@{org}</email><report_id>{number}</report_id>
    <date_range><begin>{begin}</begin><end>{begin + DAY - 1}</end></date_range>
  </report_metadata>
  <policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct></policy_published>
  <record>
    <row><source_ip>192.0.2.{number % 250}</source_ip><count>{messages}</count>
      <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
    <identifiers><header_from>{domain}</header_from></identifiers>
    <auth_results><dkim><domain>{domain}</domain><selector>s</selector><result>pass</result></dkim>
      <spf><domain>bounce.example.net</domain><scope>mfrom</scope><result>pass</result></spf></auth_results>
  </record>
</feedback>
""".encode()


def write_reports(folder: Path, numbers: range, *, messages: int = 1) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in numbers:
        path = folder / f"{number:05}.xml"
        path.write_bytes(report_xml(number, messages=messages))
        paths.append(path)
    return paths
