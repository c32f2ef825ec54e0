-- Where events are told. events and rooms are lists in JSON; no rooms are all conversations. old_secret signs too until old_until. A
-- time of 0 is none.
CREATE TABLE webhooks (
    id            TEXT    NOT NULL PRIMARY KEY,
    url           TEXT    NOT NULL,
    secret        TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    events        TEXT    NOT NULL,
    rooms         TEXT    NOT NULL,
    old_secret    TEXT    NOT NULL,
    old_until     INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    failing_since INTEGER NOT NULL,
    disabled_at   INTEGER NOT NULL,
    disabled_why  TEXT    NOT NULL
) STRICT;

-- The last attempts of each.
CREATE TABLE webhook_deliveries (
    webhook_id      TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    at              INTEGER NOT NULL,
    id              TEXT    NOT NULL,
    event_id        TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    conversation_id TEXT    NOT NULL,
    seq             INTEGER NOT NULL,
    attempt         INTEGER NOT NULL,
    status          INTEGER NOT NULL,
    error           TEXT    NOT NULL,
    outcome         TEXT    NOT NULL,
    took_ms         INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, at, id)
) STRICT, WITHOUT ROWID;
