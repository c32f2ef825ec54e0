-- Who did what to whom or what, from where. The ids begin with the time, by_id is of a user or an API key.
CREATE TABLE audit (
    id      TEXT   NOT NULL COLLATE "C" PRIMARY KEY,
    at      BIGINT NOT NULL,
    by_kind TEXT   NOT NULL COLLATE "C",
    by_id   TEXT   NOT NULL COLLATE "C",
    address TEXT   NOT NULL COLLATE "C",
    action  TEXT   NOT NULL COLLATE "C",
    target  TEXT   NOT NULL COLLATE "C",
    detail  TEXT   NOT NULL COLLATE "C"
);

CREATE INDEX audit_by_doer ON audit (by_id, id);
CREATE INDEX audit_by_target ON audit (target, id);
CREATE INDEX audit_by_action ON audit (action, id);
