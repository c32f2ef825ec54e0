-- Who did what to whom or what, from where. The ids begin with the time, by_id is of a user or an API key.
CREATE TABLE audit (
    id      TEXT    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    by_kind TEXT    NOT NULL,
    by_id   TEXT    NOT NULL,
    address TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    target  TEXT    NOT NULL,
    detail  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_by_doer ON audit (by_id, id);
CREATE INDEX audit_by_target ON audit (target, id);
CREATE INDEX audit_by_action ON audit (action, id);
