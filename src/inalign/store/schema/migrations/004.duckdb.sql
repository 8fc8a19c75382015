-- Form 4: the findings of an assessment, and the records of a month, summed by source.
-- Some stores of form 3 have the column findings, and some do not. Assessments can be made again, so all are deleted.

DELETE FROM judged_sources;

DELETE FROM judged_slots;

DROP TABLE judged_domains;

CREATE TABLE judged_domains (
    "host" VARCHAR NOT NULL,
    "domain" VARCHAR NOT NULL,
    "generation" BIGINT NOT NULL,
    "judged_at" BIGINT NOT NULL,
    "seconds" DOUBLE NOT NULL,
    "told" BIGINT NOT NULL,
    "seen" VARCHAR NOT NULL,
    "policy" VARCHAR NOT NULL,
    "testing" BOOLEAN NOT NULL,
    "reporters" BIGINT NOT NULL,
    "first_day" DATE NOT NULL,
    "last_day" DATE NOT NULL,
    "plan" VARCHAR NOT NULL,
    "findings" VARCHAR NOT NULL
);

CREATE TABLE source_months (
    "month" DATE NOT NULL,
    "domain" VARCHAR NOT NULL,
    "reporter" VARCHAR NOT NULL,
    "sender" VARCHAR NOT NULL,
    "source_key" VARCHAR NOT NULL,
    "source_ip" VARCHAR NOT NULL,
    "network" VARCHAR NOT NULL,
    "country" VARCHAR NOT NULL,
    "asn" BIGINT NOT NULL,
    "as_name" VARCHAR NOT NULL,
    "messages" BIGINT NOT NULL,
    "passed" BIGINT NOT NULL,
    "dkim" BIGINT NOT NULL,
    "spf" BIGINT NOT NULL,
    "quarantine" BIGINT NOT NULL,
    "reject" BIGINT NOT NULL,
    "first_slot" BIGINT NOT NULL,
    "last_slot" BIGINT NOT NULL
);

CREATE TABLE summed_months (
    "month" DATE NOT NULL
);
