-- Form 2: slot, the quarter of an hour in UTC of the middle of the span. The days of every time zone follow from it.
-- Sums of whole days, and reports whose span is missing or does not fit their day, get noon.
-- Tables without a span of their own take the slot of their report: their rows are written again with the slot,
-- and the rows without a slot are deleted.

ALTER TABLE reports ADD COLUMN IF NOT EXISTS slot Int64 AFTER day;

ALTER TABLE reports UPDATE slot = CASE
    WHEN CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            >= 2 * 86400 * (toInt64(toInt32(day)))
        AND CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            < 2 * 86400 * (toInt64(toInt32(day))) + 172800
    THEN CAST((
        (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END)
        - (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END) % 1800
    ) / 2 AS BIGINT)
    ELSE 86400 * (toInt64(toInt32(day))) + 43200
END
WHERE slot = 0;

ALTER TABLE failures ADD COLUMN IF NOT EXISTS slot Int64 AFTER day;

ALTER TABLE failures UPDATE slot = CASE
    WHEN 2 * (CASE WHEN arrived_at <> 0 THEN arrived_at ELSE received_at END)
            >= 2 * 86400 * (toInt64(toInt32(day)))
        AND 2 * (CASE WHEN arrived_at <> 0 THEN arrived_at ELSE received_at END)
            < 2 * 86400 * (toInt64(toInt32(day))) + 172800
    THEN CAST((
        (2 * (CASE WHEN arrived_at <> 0 THEN arrived_at ELSE received_at END))
        - (2 * (CASE WHEN arrived_at <> 0 THEN arrived_at ELSE received_at END)) % 1800
    ) / 2 AS BIGINT)
    ELSE 86400 * (toInt64(toInt32(day))) + 43200
END
WHERE slot = 0;

ALTER TABLE evaluations ADD COLUMN IF NOT EXISTS slot Int64 AFTER day;

ALTER TABLE evaluations UPDATE slot = CASE
    WHEN 2 * seen_at
            >= 2 * 86400 * (toInt64(toInt32(day)))
        AND 2 * seen_at
            < 2 * 86400 * (toInt64(toInt32(day))) + 172800
    THEN CAST((
        (2 * seen_at)
        - (2 * seen_at) % 1800
    ) / 2 AS BIGINT)
    ELSE 86400 * (toInt64(toInt32(day))) + 43200
END
WHERE slot = 0;

ALTER TABLE records ADD COLUMN IF NOT EXISTS slot Int64 AFTER day;

ALTER TABLE records UPDATE slot = CASE
    WHEN CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            >= 2 * 86400 * (toInt64(toInt32(day)))
        AND CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            < 2 * 86400 * (toInt64(toInt32(day))) + 172800
    THEN CAST((
        (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END)
        - (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END) % 1800
    ) / 2 AS BIGINT)
    ELSE 86400 * (toInt64(toInt32(day))) + 43200
END
WHERE slot = 0;

ALTER TABLE tls_policies ADD COLUMN IF NOT EXISTS slot Int64 AFTER day;

ALTER TABLE tls_policies UPDATE slot = CASE
    WHEN CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            >= 2 * 86400 * (toInt64(toInt32(day)))
        AND CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            < 2 * 86400 * (toInt64(toInt32(day))) + 172800
    THEN CAST((
        (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END)
        - (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END) % 1800
    ) / 2 AS BIGINT)
    ELSE 86400 * (toInt64(toInt32(day))) + 43200
END
WHERE slot = 0;

ALTER TABLE rollups ADD COLUMN IF NOT EXISTS slot Int64 AFTER day,
    MODIFY ORDER BY (day, domain, header_from, source_group, reporter, report_key, slot);

INSERT INTO rollups
    (report_key, day, domain, org_domain, reporter, header_from, source_group, both_none, both_quarantine,
    both_reject, dkim_none, dkim_quarantine, dkim_reject, spf_none, spf_quarantine, spf_reject, neither_none,
    neither_quarantine, neither_reject, unknown, slot)
SELECT
    t.report_key, t.day, t.domain, t.org_domain, t.reporter, t.header_from, t.source_group, t.both_none,
    t.both_quarantine, t.both_reject, t.dkim_none, t.dkim_quarantine, t.dkim_reject, t.spf_none, t.spf_quarantine,
    t.spf_reject, t.neither_none, t.neither_quarantine, t.neither_reject, t.unknown, if(r.slot = 0, 86400 *
    toInt64(toInt32(t.day)) + 43200, r.slot)
FROM rollups AS t
LEFT JOIN reports AS r ON r.report_key = t.report_key
WHERE t.slot = 0;

ALTER TABLE rollups DELETE
WHERE slot = 0;

ALTER TABLE tls_failures ADD COLUMN IF NOT EXISTS slot Int64 AFTER day;

INSERT INTO tls_failures
    (report_key, row, place, domain, org_domain, day, reporter, policy_type, policy_domain, result_type, sending_ip,
    receiving_mx, receiving_helo, receiving_ip, sessions, information, reason_code, slot)
SELECT
    t.report_key, t.row, t.place, t.domain, t.org_domain, t.day, t.reporter, t.policy_type, t.policy_domain,
    t.result_type, t.sending_ip, t.receiving_mx, t.receiving_helo, t.receiving_ip, t.sessions, t.information,
    t.reason_code, if(r.slot = 0, 86400 * toInt64(toInt32(t.day)) + 43200, r.slot)
FROM tls_failures AS t
LEFT JOIN reports AS r ON r.report_key = t.report_key
WHERE t.slot = 0;

ALTER TABLE tls_failures DELETE
WHERE slot = 0;
