-- Form 1: the first tables. Rows that grow without end lie by month; large texts are packed with ZSTD.

CREATE TABLE IF NOT EXISTS reports (
    `report_key` String,
    `kind` LowCardinality(String),
    `reporter` LowCardinality(String),
    `org_name` LowCardinality(String),
    `email` LowCardinality(String),
    `report_id` String,
    `domain` LowCardinality(String),
    `org_domain` LowCardinality(String),
    `begin_at` Int64,
    `end_at` Int64,
    `day` Date32,
    `received_at` Int64,
    `stored_at` Int64,
    `is_rfc9990` Bool,
    `namespace` LowCardinality(String),
    `version` LowCardinality(String),
    `generator` LowCardinality(String),
    `extra_contact_info` LowCardinality(String),
    `p` LowCardinality(String),
    `sp` LowCardinality(String),
    `np` LowCardinality(String),
    `adkim` LowCardinality(String),
    `aspf` LowCardinality(String),
    `fo` LowCardinality(String),
    `pct` Int64,
    `testing` LowCardinality(String),
    `discovery_method` LowCardinality(String),
    `errors` String,
    `extensions` String,
    `records` Int64,
    `messages` Int64,
    `passed` Int64,
    `none` Int64,
    `quarantine` Int64,
    `reject` Int64,
    `flaws` String,
    `flaw_count` Int64,
    `carrier` LowCardinality(String),
    `carrier_reason` LowCardinality(String),
    `carrier_detail` String,
    `content_digest` String,
    `raw_digest` String,
    `source` LowCardinality(String),
    `is_counted` Bool
) ENGINE = ReplacingMergeTree
ORDER BY (`report_key`);

CREATE TABLE IF NOT EXISTS records (
    `report_key` String,
    `row` Int64,
    `domain` LowCardinality(String),
    `org_domain` LowCardinality(String),
    `day` Date32,
    `begin_at` Int64,
    `end_at` Int64,
    `reporter` LowCardinality(String),
    `is_rfc9990` Bool,
    `source_ip` String,
    `source_key` String,
    `network` LowCardinality(String),
    `country` LowCardinality(String),
    `asn` Int64,
    `as_name` LowCardinality(String),
    `count` Int64,
    `disposition` LowCardinality(String),
    `dkim_aligned` LowCardinality(String),
    `spf_aligned` LowCardinality(String),
    `dmarc` LowCardinality(String),
    `header_from` LowCardinality(String),
    `envelope_from` LowCardinality(String),
    `envelope_to` LowCardinality(String),
    `dkim` LowCardinality(String),
    `spf` LowCardinality(String),
    `reasons` LowCardinality(String),
    `extensions` String
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (`domain`, `day`, `report_key`, `row`);

CREATE TABLE IF NOT EXISTS rollups (
    `report_key` String,
    `day` Date32,
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

CREATE TABLE IF NOT EXISTS conflicts (
    `report_key` String,
    `content_digest` String,
    `raw_digest` String,
    `reporter` LowCardinality(String),
    `domain` LowCardinality(String),
    `report_id` String,
    `received_at` Int64,
    `messages` Int64,
    `source` LowCardinality(String),
    `carrier` LowCardinality(String),
    `carrier_reason` LowCardinality(String)
) ENGINE = ReplacingMergeTree
ORDER BY (`report_key`, `content_digest`);

CREATE TABLE IF NOT EXISTS failures (
    `report_key` String,
    `kind` LowCardinality(String),
    `domain` LowCardinality(String),
    `org_domain` LowCardinality(String),
    `day` Date32,
    `arrived_at` Int64,
    `received_at` Int64,
    `reporter` LowCardinality(String),
    `source_ip` String,
    `source_key` String,
    `network` LowCardinality(String),
    `country` LowCardinality(String),
    `asn` Int64,
    `as_name` LowCardinality(String),
    `auth_failure` LowCardinality(String),
    `failed` LowCardinality(String),
    `delivery_result` LowCardinality(String),
    `header_from` LowCardinality(String),
    `envelope_from` String,
    `display_name` String,
    `subject` String,
    `message_id` String,
    `agent` LowCardinality(String),
    `incidents` Int64,
    `sample` String CODEC(ZSTD(1)),
    `details` String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (`report_key`);

CREATE TABLE IF NOT EXISTS tls_policies (
    `report_key` String,
    `row` Int64,
    `domain` LowCardinality(String),
    `org_domain` LowCardinality(String),
    `day` Date32,
    `begin_at` Int64,
    `end_at` Int64,
    `reporter` LowCardinality(String),
    `policy_type` LowCardinality(String),
    `policy_domain` LowCardinality(String),
    `policy_string` String,
    `mx_host` String,
    `successful` Int64,
    `failed` Int64
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (`report_key`, `row`);

CREATE TABLE IF NOT EXISTS tls_failures (
    `report_key` String,
    `row` Int64,
    `place` Int64,
    `domain` LowCardinality(String),
    `org_domain` LowCardinality(String),
    `day` Date32,
    `reporter` LowCardinality(String),
    `policy_type` LowCardinality(String),
    `policy_domain` LowCardinality(String),
    `result_type` LowCardinality(String),
    `sending_ip` String,
    `receiving_mx` LowCardinality(String),
    `receiving_helo` LowCardinality(String),
    `receiving_ip` String,
    `sessions` Int64,
    `information` String,
    `reason_code` String
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (`report_key`, `row`, `place`);

CREATE TABLE IF NOT EXISTS raw (
    `raw_digest` String,
    `name` String,
    `source` LowCardinality(String),
    `received_at` Int64,
    `octets` Int64,
    `form` LowCardinality(String),
    `content` String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (`raw_digest`);

CREATE TABLE IF NOT EXISTS evaluations (
    `id` String,
    `day` Date32,
    `seen_at` Int64,
    `host` LowCardinality(String),
    `queue_id` String,
    `source_ip` String,
    `source_key` String,
    `network` LowCardinality(String),
    `country` LowCardinality(String),
    `asn` Int64,
    `as_name` LowCardinality(String),
    `domain` LowCardinality(String),
    `org_domain` LowCardinality(String),
    `header_from` LowCardinality(String),
    `envelope_from` LowCardinality(String),
    `helo` LowCardinality(String),
    `spf` LowCardinality(String),
    `dkim` LowCardinality(String),
    `arc` LowCardinality(String),
    `dmarc` LowCardinality(String),
    `dmarc_reason` LowCardinality(String),
    `policy` LowCardinality(String),
    `applied_policy` LowCardinality(String),
    `disposition` LowCardinality(String),
    `dkim_aligned` LowCardinality(String),
    `spf_aligned` LowCardinality(String),
    `action` LowCardinality(String),
    `rule` LowCardinality(String),
    `octets` Int64,
    `total_ms` Float64,
    `held_ms` Float64,
    `details` String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (`day`, `id`);

CREATE TABLE IF NOT EXISTS names (
    `source_ip` String,
    `name` String,
    `asked_at` Int64
) ENGINE = ReplacingMergeTree
ORDER BY (`source_ip`);
