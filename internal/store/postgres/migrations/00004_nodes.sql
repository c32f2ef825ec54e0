-- Many servers write to one database, and each tells what all have committed.

-- Those of before believe that they are alone: they may not write any more. Who wakes up says so.
UPDATE writers SET ended = true;
DELETE FROM leases;

-- ended_at is when a writer was ended, forgotten the number of the last of its commits that is kept no longer.
ALTER TABLE writers DROP COLUMN serves;
ALTER TABLE writers ADD COLUMN ended_at BIGINT;
ALTER TABLE writers ADD COLUMN forgotten BIGINT NOT NULL DEFAULT 0;
UPDATE writers SET ended_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, forgotten = n;

-- What was committed, for some minutes: a server that has not heard of a commit reads it here. facts is JSON: the events in
-- their order; of those with content that a delete wipes it has their places in the logs of conversations alone. n is the
-- commit's number among those of its writer, in which commits without events have one too, and no row.
DROP TABLE commits;
CREATE TABLE commits (
    writer BIGINT NOT NULL,
    n      BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    facts  TEXT   NOT NULL COLLATE "C",
    PRIMARY KEY (writer, n)
);
CREATE INDEX commits_by_time ON commits (at);

-- The servers. Each renews its row; one that has not done so until then is dead. place is where it runs: what only one
-- process can have there, or nothing. writer is the one by which it writes. What was committed by in_step, by the database's
-- clock, it has heard of; NULL is unknown.
CREATE TABLE nodes (
    id      TEXT        NOT NULL COLLATE "C" PRIMARY KEY,
    host    TEXT        NOT NULL COLLATE "C",
    place   TEXT        NOT NULL COLLATE "C",
    version TEXT        NOT NULL COLLATE "C",
    writer  BIGINT      NOT NULL,
    started BIGINT      NOT NULL,
    until   TIMESTAMPTZ NOT NULL,
    in_step TIMESTAMPTZ
) WITH (fillfactor = 50);
