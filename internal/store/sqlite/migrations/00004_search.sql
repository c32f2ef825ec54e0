-- What belongs to SQLite alone stands in this file: the index of words. The program
-- cuts text into words; the tokenizer only finds them again between the spaces. scope
-- is one word for the conversation, rowid the message's ordinal. What is deleted is
-- removed from the index at once rather than marked. How long a message is, for ranking,
-- is not kept.
CREATE VIRTUAL TABLE message_words USING fts5(
    scope, body, columnsize = 0, tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co M*'");
INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);

-- indexed is the last ordinal whose words are in the index, unless that message is
-- deleted. There is a message with that ordinal or a greater one, or none at all.
CREATE TABLE word_progress (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    indexed INTEGER NOT NULL
) STRICT;
INSERT INTO word_progress (one, indexed) VALUES (1, 0);
