-- What concerns the servers of the database rather than what is in it.

-- What one process at a time does, and who does it until when. Whoever holds a lease renews it; one that has run out is
-- anybody's. place is where the holder runs: what only one process can have there, or nothing.
CREATE TABLE leases (
    name   TEXT        NOT NULL COLLATE "C" PRIMARY KEY,
    holder TEXT        NOT NULL COLLATE "C",
    host   TEXT        NOT NULL COLLATE "C",
    place  TEXT        NOT NULL COLLATE "C",
    until  TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);

-- From where the database is being filled, and how far that is, as JSON by table. There is a row for as long as it is not
-- finished: no server starts meanwhile. mark is another one where what is copied has changed.
CREATE TABLE imports (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    source  TEXT    NOT NULL COLLATE "C",
    mark    TEXT    NOT NULL COLLATE "C",
    reached TEXT    NOT NULL COLLATE "C"
) WITH (fillfactor = 50);
