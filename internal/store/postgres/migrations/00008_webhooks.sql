-- Where events are told. events and rooms are lists in JSON; no rooms are all conversations. old_secret signs too until old_until. A
-- time of 0 is none.
CREATE TABLE webhooks (
    id            TEXT   NOT NULL COLLATE "C" PRIMARY KEY,
    url           TEXT   NOT NULL COLLATE "C",
    secret        TEXT   NOT NULL COLLATE "C",
    description   TEXT   NOT NULL COLLATE "C",
    events        TEXT   NOT NULL COLLATE "C",
    rooms         TEXT   NOT NULL COLLATE "C",
    old_secret    TEXT   NOT NULL COLLATE "C",
    old_until     BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    created_by    TEXT   NOT NULL COLLATE "C",
    failing_since BIGINT NOT NULL,
    disabled_at   BIGINT NOT NULL,
    disabled_why  TEXT   NOT NULL COLLATE "C"
);

-- The last attempts of each.
CREATE TABLE webhook_deliveries (
    webhook_id      TEXT   NOT NULL COLLATE "C" REFERENCES webhooks (id) ON DELETE CASCADE,
    at              BIGINT NOT NULL,
    id              TEXT   NOT NULL COLLATE "C",
    event_id        TEXT   NOT NULL COLLATE "C",
    kind            TEXT   NOT NULL COLLATE "C",
    conversation_id TEXT   NOT NULL COLLATE "C",
    seq             BIGINT NOT NULL,
    attempt         BIGINT NOT NULL,
    status          BIGINT NOT NULL,
    error           TEXT   NOT NULL COLLATE "C",
    outcome         TEXT   NOT NULL COLLATE "C",
    took_ms         BIGINT NOT NULL,
    PRIMARY KEY (webhook_id, at, id)
);
