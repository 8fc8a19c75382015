-- Form 5: columns that nothing reads are dropped, and assessments have their names.
-- Rollups are sums by From domain in a table of a new name; they were
-- sums by From domain and source group. Where the old table is gone, an empty one takes its place, so that the step can
-- run again. Assessments are made again.

ALTER TABLE reports DROP COLUMN IF EXISTS namespace;

ALTER TABLE reports DROP COLUMN IF EXISTS extensions;

ALTER TABLE records DROP COLUMN IF EXISTS extensions;

ALTER TABLE failures DROP COLUMN IF EXISTS details;

ALTER TABLE tls_policies DROP COLUMN IF EXISTS policy_domain;

ALTER TABLE tls_policies DROP COLUMN IF EXISTS policy_string;

ALTER TABLE tls_policies DROP COLUMN IF EXISTS mx_host;

ALTER TABLE tls_failures DROP COLUMN IF EXISTS policy_domain;

ALTER TABLE tls_failures DROP COLUMN IF EXISTS receiving_helo;

ALTER TABLE tls_failures DROP COLUMN IF EXISTS receiving_ip;

ALTER TABLE tls_failures DROP COLUMN IF EXISTS information;

CREATE TABLE IF NOT EXISTS domain_rollups (
    `report_key` String,
    `day` Date32,
    `slot` Int64,
    `domain` LowCardinality(String),
    `org_domain` LowCardinality(String),
    `reporter` LowCardinality(String),
    `header_from` LowCardinality(String),
    `both_none` Int64,
    `both_quarantine` Int64,
    `both_reject` Int64,
    `dkim_none` Int64,
    `dkim_quarantine` Int64,
    `dkim_reject` Int64,
    `spf_none` Int64,
    `spf_quarantine` Int64,
    `spf_reject` Int64,
    `neither_none` Int64,
    `neither_quarantine` Int64,
    `neither_reject` Int64
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (`day`, `domain`, `header_from`, `reporter`, `report_key`, `slot`);

CREATE TABLE IF NOT EXISTS rollups (
    `report_key` String,
    `day` Date32,
    `slot` Int64,
    `domain` LowCardinality(String),
    `org_domain` LowCardinality(String),
    `reporter` LowCardinality(String),
    `header_from` LowCardinality(String),
    `source_group` LowCardinality(String),
    `both_none` Int64,
    `both_quarantine` Int64,
    `both_reject` Int64,
    `dkim_none` Int64,
    `dkim_quarantine` Int64,
    `dkim_reject` Int64,
    `spf_none` Int64,
    `spf_quarantine` Int64,
    `spf_reject` Int64,
    `neither_none` Int64,
    `neither_quarantine` Int64,
    `neither_reject` Int64,
    `unknown` Int64
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (`day`, `domain`, `header_from`, `source_group`, `reporter`, `report_key`);

INSERT INTO domain_rollups
SELECT t.report_key AS report_key, t.day AS day, t.slot AS slot, t.domain AS domain, t.org_domain AS org_domain,
    t.reporter AS reporter, t.header_from AS header_from,
    sum(t.both_none) AS both_none,
    sum(t.both_quarantine) AS both_quarantine,
    sum(t.both_reject) AS both_reject,
    sum(t.dkim_none) AS dkim_none,
    sum(t.dkim_quarantine) AS dkim_quarantine,
    sum(t.dkim_reject) AS dkim_reject,
    sum(t.spf_none) AS spf_none,
    sum(t.spf_quarantine) AS spf_quarantine,
    sum(t.spf_reject) AS spf_reject,
    sum(t.neither_none) AS neither_none,
    sum(t.neither_quarantine) AS neither_quarantine,
    sum(t.neither_reject) AS neither_reject
FROM rollups AS t
GROUP BY t.report_key, t.day, t.slot, t.domain, t.org_domain, t.reporter, t.header_from;

DROP TABLE IF EXISTS rollups;

DROP TABLE IF EXISTS judged_domains;

DROP TABLE IF EXISTS judged_sources;

DROP TABLE IF EXISTS judged_slots;

CREATE TABLE IF NOT EXISTS assessments (
    `host` LowCardinality(String),
    `domain` LowCardinality(String),
    `generation` Int64,
    `assessed_at` Int64,
    `seconds` Float64,
    `overrides_revision` Int64,
    `input_revision` String,
    `policy` LowCardinality(String),
    `testing` Bool,
    `reporters` Int64,
    `first_day` Date32,
    `last_day` Date32,
    `plan` String,
    `findings` String
) ENGINE = ReplacingMergeTree
ORDER BY (`host`, `domain`);

CREATE TABLE IF NOT EXISTS assessed_sources (
    `host` LowCardinality(String),
    `domain` LowCardinality(String),
    `generation` Int64,
    `source_ip` String,
    `source_key` String,
    `source_class` LowCardinality(String),
    `service` LowCardinality(String),
    `sender` LowCardinality(String),
    `evidence` String,
    `messages` Int64,
    `failing` Int64,
    `classes` String,
    `first_day` Date32,
    `last_day` Date32
) ENGINE = ReplacingMergeTree
ORDER BY (`host`, `domain`, `generation`, `source_key`);

CREATE TABLE IF NOT EXISTS assessed_slots (
    `host` LowCardinality(String),
    `domain` LowCardinality(String),
    `generation` Int64,
    `slot` Int64,
    `source_class` LowCardinality(String),
    `passes` Bool,
    `none` Int64,
    `quarantine` Int64,
    `reject` Int64
) ENGINE = ReplacingMergeTree
ORDER BY (`host`, `domain`, `generation`, `slot`, `source_class`, `passes`);
