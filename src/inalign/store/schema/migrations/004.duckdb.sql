-- Form 4: the records of a month, summed by source.

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
