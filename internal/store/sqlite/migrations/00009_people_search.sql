-- Users are found by any part of a name in a script without spaces: 林小雨 by 小雨. The whole
-- name is a term already, folded; what begins at each such character of it is one too.
WITH RECURSIVE place (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM place WHERE n < 24)
INSERT OR IGNORE INTO user_terms (term, user_id)
    SELECT substr(t.term, p.n), t.user_id
    FROM user_terms t JOIN place p ON p.n <= length(t.term)
    WHERE unicode(substr(t.term, p.n, 1)) BETWEEN 0x0E00 AND 0x109F -- Thai, Lao, Tibetan, Burmese
        OR unicode(substr(t.term, p.n, 1)) BETWEEN 0x1780 AND 0x17FF -- Khmer
        OR unicode(substr(t.term, p.n, 1)) BETWEEN 0x2E80 AND 0xA4CF -- Chinese, Japanese, Yi
        OR unicode(substr(t.term, p.n, 1)) BETWEEN 0xAC00 AND 0xD7AF -- Korean
        OR unicode(substr(t.term, p.n, 1)) BETWEEN 0xF900 AND 0xFAFF -- compatibility characters
        OR unicode(substr(t.term, p.n, 1)) BETWEEN 0x20000 AND 0x3FFFF;
