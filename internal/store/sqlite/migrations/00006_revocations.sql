-- Which users were revoked lately: a server looks now and then, because the operator's
-- commands write beside it.
CREATE INDEX revoked_users_by_time ON revoked_users (issued_by, user_id);
