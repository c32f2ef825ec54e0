-- How many devices were told by push in a unit, and how many pushes were given up.
ALTER TABLE usage_counts ADD COLUMN pushes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_counts ADD COLUMN push_failures BIGINT NOT NULL DEFAULT 0;

-- What users were told, of each the last. The id is that of a message, which is read where it is, or of what the application has said.
-- results say what came of telling devices, as JSON; read_at is when it was read, on whatever device.
CREATE TABLE notifications (
    user_id         TEXT   NOT NULL COLLATE "C",
    id              TEXT   NOT NULL COLLATE "C",
    at              BIGINT NOT NULL,
    conversation_id TEXT   COLLATE "C",
    seq             BIGINT,
    results         TEXT   NOT NULL,
    read_at         BIGINT,
    PRIMARY KEY (user_id, id)
);

CREATE INDEX notifications_by_user ON notifications (user_id, at, id);
CREATE INDEX notifications_by_time ON notifications (at);
CREATE INDEX notifications_unread ON notifications (user_id, conversation_id, seq) WHERE read_at IS NULL AND conversation_id IS NOT NULL;

-- What the application has said, once for all whom it was said to.
CREATE TABLE notification_contents (
    id     TEXT   NOT NULL COLLATE "C" PRIMARY KEY,
    fields TEXT   NOT NULL,
    at     BIGINT NOT NULL
);

CREATE INDEX notification_contents_by_time ON notification_contents (at);
