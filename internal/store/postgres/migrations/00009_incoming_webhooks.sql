-- Ways into rooms: who knows the key of which this is the hash posts as the bot.
CREATE TABLE incoming_webhooks (
    id         TEXT   NOT NULL COLLATE "C" PRIMARY KEY,
    hash       BYTEA  NOT NULL UNIQUE,
    room_id    TEXT   NOT NULL COLLATE "C",
    bot_id     TEXT   NOT NULL COLLATE "C",
    name       TEXT   NOT NULL COLLATE "C",
    created_at BIGINT NOT NULL,
    created_by TEXT   NOT NULL COLLATE "C"
);
