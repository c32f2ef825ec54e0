-- What the servers are used for: messages, and the users and rooms that were active, each once in a unit, which begins on the
-- day start. Days are counted from 1970 in UTC; a unit is a day, a week from Monday on, or a month.
CREATE TABLE usage_counts (
    unit     TEXT   NOT NULL COLLATE "C" CHECK (unit IN ('day', 'week', 'month')),
    start    BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    users    BIGINT NOT NULL,
    rooms    BIGINT NOT NULL,
    PRIMARY KEY (unit, start)
);

-- On which day a user or a room was active last, and on which one before that, or -1. So who comes back is known to be
-- new in a day, a week, a month.
CREATE TABLE usage_active (
    what     TEXT   NOT NULL COLLATE "C" CHECK (what IN ('user', 'room')),
    id       TEXT   NOT NULL COLLATE "C",
    day      BIGINT NOT NULL,
    previous BIGINT NOT NULL,
    PRIMARY KEY (what, id)
);

CREATE INDEX usage_active_by_day ON usage_active (day);

-- Messages of before through are counted.
CREATE TABLE usage_progress (
    one     BIGINT  NOT NULL PRIMARY KEY CHECK (one = 1),
    through BIGINT  NOT NULL
);

-- By when messages were said they are counted. They are stored about in that order: the index says of each stretch of the
-- table which times it has, and costs nearly nothing to keep.
CREATE INDEX messages_by_time ON messages USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);
