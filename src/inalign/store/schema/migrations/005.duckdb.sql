-- Form 5: columns that nothing reads are dropped, and assessments have their names.
-- Rollups are sums by From domain in a table of a new name; they were sums by From domain and source group. Assessments are made again.

ALTER TABLE reports DROP COLUMN namespace;

ALTER TABLE reports DROP COLUMN extensions;

ALTER TABLE records DROP COLUMN extensions;

ALTER TABLE failures DROP COLUMN details;

ALTER TABLE tls_policies DROP COLUMN policy_domain;

ALTER TABLE tls_policies DROP COLUMN policy_string;

ALTER TABLE tls_policies DROP COLUMN mx_host;

ALTER TABLE tls_failures DROP COLUMN policy_domain;

ALTER TABLE tls_failures DROP COLUMN receiving_helo;

ALTER TABLE tls_failures DROP COLUMN receiving_ip;

ALTER TABLE tls_failures DROP COLUMN information;

CREATE TABLE domain_rollups (
    "report_key" VARCHAR NOT NULL,
    "day" DATE NOT NULL,
    "slot" BIGINT NOT NULL,
    "domain" VARCHAR NOT NULL,
    "org_domain" VARCHAR NOT NULL,
    "reporter" VARCHAR NOT NULL,
    "header_from" VARCHAR NOT NULL,
    "both_none" BIGINT NOT NULL,
    "both_quarantine" BIGINT NOT NULL,
    "both_reject" BIGINT NOT NULL,
    "dkim_none" BIGINT NOT NULL,
    "dkim_quarantine" BIGINT NOT NULL,
    "dkim_reject" BIGINT NOT NULL,
    "spf_none" BIGINT NOT NULL,
    "spf_quarantine" BIGINT NOT NULL,
    "spf_reject" BIGINT NOT NULL,
    "neither_none" BIGINT NOT NULL,
    "neither_quarantine" BIGINT NOT NULL,
    "neither_reject" BIGINT NOT NULL
);

INSERT INTO domain_rollups
SELECT report_key, day, slot, domain, org_domain, reporter, header_from,
    sum(both_none), sum(both_quarantine), sum(both_reject),
    sum(dkim_none), sum(dkim_quarantine), sum(dkim_reject),
    sum(spf_none), sum(spf_quarantine), sum(spf_reject),
    sum(neither_none), sum(neither_quarantine), sum(neither_reject)
FROM rollups
GROUP BY report_key, day, slot, domain, org_domain, reporter, header_from
ORDER BY day, domain;

DROP TABLE rollups;

DROP TABLE judged_domains;

DROP TABLE judged_sources;

DROP TABLE judged_slots;

CREATE TABLE assessments (
    "host" VARCHAR NOT NULL,
    "domain" VARCHAR NOT NULL,
    "generation" BIGINT NOT NULL,
    "assessed_at" BIGINT NOT NULL,
    "seconds" DOUBLE NOT NULL,
    "overrides_revision" BIGINT NOT NULL,
    "input_revision" VARCHAR NOT NULL,
    "policy" VARCHAR NOT NULL,
    "testing" BOOLEAN NOT NULL,
    "reporters" BIGINT NOT NULL,
    "first_day" DATE NOT NULL,
    "last_day" DATE NOT NULL,
    "plan" VARCHAR NOT NULL,
    "findings" VARCHAR NOT NULL
);

CREATE TABLE assessed_sources (
    "host" VARCHAR NOT NULL,
    "domain" VARCHAR NOT NULL,
    "generation" BIGINT NOT NULL,
    "source_ip" VARCHAR NOT NULL,
    "source_key" VARCHAR NOT NULL,
    "source_class" VARCHAR NOT NULL,
    "service" VARCHAR NOT NULL,
    "sender" VARCHAR NOT NULL,
    "evidence" VARCHAR NOT NULL,
    "messages" BIGINT NOT NULL,
    "failing" BIGINT NOT NULL,
    "classes" VARCHAR NOT NULL,
    "first_day" DATE NOT NULL,
    "last_day" DATE NOT NULL
);

CREATE TABLE assessed_slots (
    "host" VARCHAR NOT NULL,
    "domain" VARCHAR NOT NULL,
    "generation" BIGINT NOT NULL,
    "slot" BIGINT NOT NULL,
    "source_class" VARCHAR NOT NULL,
    "passes" BOOLEAN NOT NULL,
    "none" BIGINT NOT NULL,
    "quarantine" BIGINT NOT NULL,
    "reject" BIGINT NOT NULL
);
