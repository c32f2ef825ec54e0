-- Ways into rooms: who knows the key of which this is the hash posts as the bot.
CREATE TABLE incoming_webhooks (
    id         TEXT    NOT NULL PRIMARY KEY,
    hash       BLOB    NOT NULL UNIQUE,
    room_id    TEXT    NOT NULL,
    bot_id     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL
) STRICT;
