-- Form 2: slot, the quarter of an hour in UTC of the middle of the span. The days of every time zone follow from it.
-- Sums of whole days, and reports whose span is missing or does not fit their day, get noon.

ALTER TABLE reports ADD COLUMN slot BIGINT DEFAULT 0;

ALTER TABLE failures ADD COLUMN slot BIGINT DEFAULT 0;

ALTER TABLE evaluations ADD COLUMN slot BIGINT DEFAULT 0;

ALTER TABLE records ADD COLUMN slot BIGINT DEFAULT 0;

ALTER TABLE tls_policies ADD COLUMN slot BIGINT DEFAULT 0;

ALTER TABLE rollups ADD COLUMN slot BIGINT DEFAULT 0;

ALTER TABLE tls_failures ADD COLUMN slot BIGINT DEFAULT 0;

UPDATE reports SET slot = CASE
    WHEN CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            >= 2 * 86400 * (day - CAST('1970-01-01' AS DATE))
        AND CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            < 2 * 86400 * (day - CAST('1970-01-01' AS DATE)) + 172800
    THEN CAST((
        (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END)
        - (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END) % 1800
    ) / 2 AS BIGINT)
    ELSE 86400 * (day - CAST('1970-01-01' AS DATE)) + 43200
END;

UPDATE failures SET slot = CASE
    WHEN 2 * (CASE WHEN arrived_at <> 0 THEN arrived_at ELSE received_at END)
            >= 2 * 86400 * (day - CAST('1970-01-01' AS DATE))
        AND 2 * (CASE WHEN arrived_at <> 0 THEN arrived_at ELSE received_at END)
            < 2 * 86400 * (day - CAST('1970-01-01' AS DATE)) + 172800
    THEN CAST((
        (2 * (CASE WHEN arrived_at <> 0 THEN arrived_at ELSE received_at END))
        - (2 * (CASE WHEN arrived_at <> 0 THEN arrived_at ELSE received_at END)) % 1800
    ) / 2 AS BIGINT)
    ELSE 86400 * (day - CAST('1970-01-01' AS DATE)) + 43200
END;

UPDATE evaluations SET slot = CASE
    WHEN 2 * seen_at
            >= 2 * 86400 * (day - CAST('1970-01-01' AS DATE))
        AND 2 * seen_at
            < 2 * 86400 * (day - CAST('1970-01-01' AS DATE)) + 172800
    THEN CAST((
        (2 * seen_at)
        - (2 * seen_at) % 1800
    ) / 2 AS BIGINT)
    ELSE 86400 * (day - CAST('1970-01-01' AS DATE)) + 43200
END;

UPDATE records SET slot = CASE
    WHEN CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            >= 2 * 86400 * (day - CAST('1970-01-01' AS DATE))
        AND CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            < 2 * 86400 * (day - CAST('1970-01-01' AS DATE)) + 172800
    THEN CAST((
        (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END)
        - (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END) % 1800
    ) / 2 AS BIGINT)
    ELSE 86400 * (day - CAST('1970-01-01' AS DATE)) + 43200
END;

UPDATE tls_policies SET slot = CASE
    WHEN CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            >= 2 * 86400 * (day - CAST('1970-01-01' AS DATE))
        AND CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END
            < 2 * 86400 * (day - CAST('1970-01-01' AS DATE)) + 172800
    THEN CAST((
        (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END)
        - (CASE WHEN begin_at <> 0 AND end_at <> 0 THEN begin_at + end_at ELSE 2 * (begin_at + end_at) END) % 1800
    ) / 2 AS BIGINT)
    ELSE 86400 * (day - CAST('1970-01-01' AS DATE)) + 43200
END;

UPDATE rollups
SET slot = 86400 * (day - CAST('1970-01-01' AS DATE)) + 43200;

UPDATE tls_failures
SET slot = 86400 * (day - CAST('1970-01-01' AS DATE)) + 43200;

UPDATE rollups
SET slot = r.slot
FROM reports AS r
WHERE r.report_key = rollups.report_key;

UPDATE tls_failures
SET slot = r.slot
FROM reports AS r
WHERE r.report_key = tls_failures.report_key;
