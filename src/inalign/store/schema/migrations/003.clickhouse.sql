-- Form 3: assessments of domains.

CREATE TABLE IF NOT EXISTS judged_domains (
    `host` LowCardinality(String),
    `domain` LowCardinality(String),
    `generation` Int64,
    `judged_at` Int64,
    `seconds` Float64,
    `told` Int64,
    `seen` String,
    `policy` LowCardinality(String),
    `testing` Bool,
    `reporters` Int64,
    `first_day` Date32,
    `last_day` Date32,
    `plan` String
) ENGINE = ReplacingMergeTree
ORDER BY (`host`, `domain`);

CREATE TABLE IF NOT EXISTS judged_sources (
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

CREATE TABLE IF NOT EXISTS judged_slots (
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
