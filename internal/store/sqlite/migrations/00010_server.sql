-- What the server knows of itself. The epoch is new after a restore: a client that comes with
-- another one has seen what is not there any more, and starts afresh. readable_from is the
-- schema that a program must know at least to work with this one.
CREATE TABLE server (
    one           INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    epoch         TEXT    NOT NULL,
    readable_from INTEGER NOT NULL
) STRICT;

INSERT INTO server (one, epoch, readable_from) VALUES (1, lower(hex(randomblob(8))), 10);
