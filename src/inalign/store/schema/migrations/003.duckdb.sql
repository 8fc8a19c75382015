-- Form 3: assessments of domains.

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
    "plan" VARCHAR NOT NULL
);

CREATE TABLE judged_sources (
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

CREATE TABLE judged_slots (
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
