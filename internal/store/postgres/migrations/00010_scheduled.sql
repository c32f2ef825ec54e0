-- Messages that are to be sent later, each by a job that is due then. version counts changes: the id of the job is id.version.
-- One that could not be sent stays, with why.
CREATE TABLE scheduled_messages (
    id              TEXT    NOT NULL COLLATE "C" PRIMARY KEY,
    author_id       TEXT    NOT NULL COLLATE "C",
    author_name     TEXT    NOT NULL COLLATE "C",
    conversation_id TEXT    NOT NULL COLLATE "C",
    room_id         TEXT COLLATE "C",
    recipient_id    TEXT COLLATE "C",
    content         TEXT    NOT NULL COLLATE "C",
    type            TEXT    NOT NULL COLLATE "C",
    reply_to        TEXT COLLATE "C",
    attachments     TEXT COLLATE "C",
    client_msg_id   TEXT COLLATE "C",
    fingerprint     BYTEA   NOT NULL,
    send_at         BIGINT  NOT NULL,
    created_at      BIGINT  NOT NULL,
    version         BIGINT  NOT NULL,
    failure_code    TEXT COLLATE "C",
    failure_message TEXT COLLATE "C"
);

CREATE INDEX scheduled_by_author ON scheduled_messages (author_id, send_at, id);
CREATE UNIQUE INDEX scheduled_by_client ON scheduled_messages (author_id, client_msg_id) WHERE client_msg_id IS NOT NULL;
