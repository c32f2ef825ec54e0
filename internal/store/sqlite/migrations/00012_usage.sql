-- What the server is used for: messages, and the users and rooms that were active, each once in a unit, which begins on the
-- day start. Days are counted from 1970 in UTC; a unit is a day, a week from Monday on, or a month.
CREATE TABLE usage_counts (
    unit     TEXT    NOT NULL CHECK (unit IN ('day', 'week', 'month')),
    start    INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    users    INTEGER NOT NULL,
    rooms    INTEGER NOT NULL,
    PRIMARY KEY (unit, start)
) STRICT, WITHOUT ROWID;

-- On which day a user or a room was active last, and on which one before that, or -1. So who comes back is known to be
-- new in a day, a week, a month.
CREATE TABLE usage_active (
    what     TEXT    NOT NULL CHECK (what IN ('user', 'room')),
    id       TEXT    NOT NULL,
    day      INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    PRIMARY KEY (what, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_active_by_day ON usage_active (day);

-- Messages of before through are counted. mark is an ordinal up to which all messages are.
CREATE TABLE usage_progress (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    through INTEGER NOT NULL,
    mark    INTEGER NOT NULL DEFAULT 0
) STRICT;
