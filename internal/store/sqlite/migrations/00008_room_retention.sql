-- Rooms kept messages for 30 days unless their admins chose otherwise, which nobody was
-- told. They keep them for ever now, as new ones do. Who has chosen exactly 30 days cannot
-- be told from who has not: the choice that loses nothing is made for both.
UPDATE rooms SET retention_ms = 0 WHERE retention_ms = 2592000000;
