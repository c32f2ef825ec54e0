-- Messages that are to be sent later, each by a job that is due then. version counts changes: the id of the job is id.version.
-- One that could not be sent stays, with why.
CREATE TABLE scheduled_messages (
    id              TEXT    NOT NULL PRIMARY KEY,
    author_id       TEXT    NOT NULL,
    author_name     TEXT    NOT NULL,
    conversation_id TEXT    NOT NULL,
    room_id         TEXT,
    recipient_id    TEXT,
    content         TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    reply_to        TEXT,
    attachments     TEXT,
    client_msg_id   TEXT,
    fingerprint     BLOB    NOT NULL,
    send_at         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    failure_code    TEXT,
    failure_message TEXT
) STRICT;

CREATE INDEX scheduled_by_author ON scheduled_messages (author_id, send_at, id);
CREATE UNIQUE INDEX scheduled_by_client ON scheduled_messages (author_id, client_msg_id) WHERE client_msg_id IS NOT NULL;
