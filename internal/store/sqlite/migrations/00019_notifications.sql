-- How many devices were told by push in a unit, and how many pushes were given up.
ALTER TABLE usage_counts ADD COLUMN pushes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_counts ADD COLUMN push_failures INTEGER NOT NULL DEFAULT 0;

-- What users were told, of each the last. The id is that of a message, which is read where it is, or of what the application has said.
-- results say what came of telling devices, as JSON; read_at is when it was read, on whatever device.
CREATE TABLE notifications (
    user_id         TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    conversation_id TEXT,
    seq             INTEGER,
    results         TEXT    NOT NULL,
    read_at         INTEGER,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX notifications_by_user ON notifications (user_id, at, id);
CREATE INDEX notifications_by_time ON notifications (at);
CREATE INDEX notifications_unread ON notifications (user_id, conversation_id, seq) WHERE read_at IS NULL AND conversation_id IS NOT NULL;

-- What the application has said, once for all whom it was said to.
CREATE TABLE notification_contents (
    id     TEXT    NOT NULL PRIMARY KEY,
    fields TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX notification_contents_by_time ON notification_contents (at);
