-- Who may administer the server, and whom its administrators keep out.

CREATE INDEX users_admin ON users (admin, id) WHERE admin = 1;

-- Addresses that are not let in until a time. An IPv6 address stands for its /64.
CREATE TABLE blocked_addresses (
    address    TEXT    NOT NULL PRIMARY KEY,
    until      INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    blocked_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
