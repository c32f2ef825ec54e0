-- +goose Up

-- What belongs to SQLite alone stands in this file: the index of words. The program
-- cuts text into words; the tokenizer only finds them again between the spaces. scope
-- is one word for the conversation, rowid the message's ordinal. What is deleted is
-- removed from the index at once rather than marked.
CREATE VIRTUAL TABLE message_words USING fts5(
    scope, body, tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co M*'");
INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);

-- issued is the last ordinal given to a message, indexed the last whose words are in
-- the index, unless the message is deleted.
CREATE TABLE ordinals (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    issued  INTEGER NOT NULL,
    indexed INTEGER NOT NULL
) STRICT;
INSERT INTO ordinals (one, issued, indexed) VALUES (1, 0, 0);
