-- A database in which a plan that looks at a whole table costs: 10,000 users with a few friends each, one in many rooms;
-- 5,000 conversations of two messages, and one of 10,000.

INSERT INTO users (id, name, issuer, created_at, admin)
    SELECT 'u' || i, 'Name ' || i, 'sockeye', i, i % 5000 = 0 FROM generate_series(1, 10000) i;
INSERT INTO user_terms (user_id, term) SELECT id, lower(name) FROM users;
INSERT INTO user_terms (user_id, term) SELECT id, split_part(lower(name), ' ', 2) FROM users;
INSERT INTO local_accounts (user_id, username_key, password_hash) SELECT id, 'login' || id, '' FROM users WHERE created_at % 2 = 0;
INSERT INTO login_skeletons (user_id, skeleton) SELECT user_id, username_key FROM local_accounts;
INSERT INTO sign_ins (user_id, address, at) SELECT user_id, '192.0.2.' || i, i FROM local_accounts, generate_series(1, 2) i;
INSERT INTO friends (user_a, user_b, created_at)
    SELECT least(a, b), greatest(a, b), i
    FROM (SELECT 'u' || i AS a, 'u' || (i + 1 + i % 7) AS b, i FROM generate_series(1, 9900) i) pairs;
INSERT INTO friend_requests (sender_id, receiver_id, created_at) SELECT 'u' || i % 1000, 'u' || i, i FROM generate_series(1, 10000) i;
INSERT INTO blocks (blocker_id, blocked_id, created_at) SELECT 'u' || i % 1000, 'u' || i, i FROM generate_series(1, 10000) i;
INSERT INTO revoked_users (user_id, issued_by) SELECT id, created_at FROM users WHERE created_at % 2 = 0;
INSERT INTO revoked_tokens (issuer, token_id, until)
    SELECT 'sockeye', i::text::bytea, CASE WHEN i % 2 = 0 THEN i END FROM generate_series(1, 5000) i;

UPDATE users SET disabled_at = created_at, switched_at = created_at WHERE created_at % 1000 = 1;
INSERT INTO audit (id, at, by_kind, by_id, address, action, target, detail)
    SELECT lpad(to_hex(i), 12, '0') || '000000010a0b0c0d0e0f', i, 'user', 'u' || i % 1000, '', 'action' || i % 7, 'u' || i, ''
    FROM generate_series(1, 10000) i;

INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at)
    SELECT 'c' || i, CASE i % 2 WHEN 0 THEN 'room' ELSE 'direct' END, CASE i WHEN 2 THEN 10000 ELSE 2 END, 3, i, i
    FROM generate_series(1, 5000) i;
INSERT INTO rooms (id, conversation_id, name, description, folded, type, max_members, allow_file_upload, allow_voice_message,
        retention_ms, created_by, created_at)
    SELECT 'r' || i, 'c' || i, 'Room ' || i, '', 'room ' || i, CASE i % 4 WHEN 0 THEN 'public' ELSE 'private' END,
        100, true, true, 0, 'u' || i, i
    FROM generate_series(2, 5000, 2) i;
INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at)
    SELECT 'c' || i, 'u' || (i + 7 * n), CASE WHEN n = 0 AND i % 2 = 0 THEN 'admin' ELSE 'member' END, (i + 1) % 2 * (n + 1), i
    FROM generate_series(1, 5000) i, generate_series(0, 1) n;
INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at)
    SELECT 'c' || i, 'u1', 'member', 3, i FROM generate_series(1000, 3000, 2) i;
INSERT INTO read_marks (conversation_id, user_id, seq, read_at) SELECT conversation_id, user_id, 1, 1 FROM members;
INSERT INTO bans (conversation_id, user_id, banned_by, banned_at) SELECT 'c' || i, 'u' || i, 'u1', i FROM generate_series(2, 5000, 2) i;
INSERT INTO invites (conversation_id, user_id, invited_by, invited_at) SELECT 'c' || i, 'u' || i, 'u1', i FROM generate_series(2, 5000, 2) i;
INSERT INTO kicks (conversation_id, user_id, kicked_at) SELECT 'c' || i, 'u' || i, i FROM generate_series(2, 5000, 2) i;
INSERT INTO messages (conversation_id, seq, id, room_id, sender_id, sender_name, content, type, client_msg_id, created_at, words,
        thread_id, pinned_at)
    SELECT 'c' || i, n, 'm' || i || '-' || n, 'r' || i, 'u' || i, 'N', 'word' || n, 'text', 'x' || i || '-' || n, i,
        ARRAY ['word' || n % 1000, 'c' || i], CASE n % 5 WHEN 2 THEN 'm' || i || '-1' END, CASE n % 50 WHEN 3 THEN i END
    FROM generate_series(1, 5000) i, generate_series(1, 2) n;
INSERT INTO messages (conversation_id, seq, id, room_id, sender_id, sender_name, content, type, client_msg_id, created_at, words,
        thread_id, pinned_at)
    SELECT 'c2', n, 'm2-' || n, 'r2', 'u2', 'N', 'word' || n, 'text', 'x2-' || n, n,
        ARRAY ['word' || n % 1000, 'c2'], CASE n % 5 WHEN 2 THEN 'm2-1' END, CASE n % 50 WHEN 3 THEN n END
    FROM generate_series(3, 10000) n;
INSERT INTO sends (sender_id, client_msg_id, conversation_id, seq) SELECT sender_id, client_msg_id, conversation_id, seq FROM messages;
INSERT INTO mentions (user_id, conversation_id, seq) SELECT 'u' || seq % 100, conversation_id, seq FROM messages;
INSERT INTO reaction_groups (conversation_id, message_seq, emoji, count, first_seq)
    SELECT conversation_id, seq, '👍', 1, seq FROM messages;
INSERT INTO reactions (conversation_id, message_seq, emoji, user_id) SELECT conversation_id, seq, '👍', 'u1' FROM messages;
INSERT INTO changes (conversation_id, seq, kind, message_id, actor_id, at, detail)
    SELECT conversation_id, seq + 100000, 'reaction.added', id, 'u1', seq, '👍' FROM messages;
INSERT INTO commits (writer, n, at, facts) SELECT -1, n, n, '{}' FROM generate_series(1, 5000) n;
INSERT INTO jobs (id, kind, priority, unique_key, payload, cron, state, run_at, created_at, ended_at, lease, leased_until)
    SELECT 'j' || i, 'kind' || i % 5, i % 3 - 1, CASE WHEN i % 7 = 0 THEN 'key' || i END, '', '',
        CASE i % 4 WHEN 0 THEN 'waiting' WHEN 1 THEN 'running' WHEN 2 THEN 'dead' ELSE 'done' END, i, i,
        CASE WHEN i % 4 > 1 THEN i END, CASE i % 4 WHEN 1 THEN 'n:' || i END, CASE i % 4 WHEN 1 THEN i END
    FROM generate_series(1, 5000) i;
INSERT INTO usage_counts (unit, start, messages, users, rooms) SELECT 'day', i, i, i, i FROM generate_series(1, 400) i;
INSERT INTO usage_active (what, id, day, previous) SELECT 'user', 'u' || i, i % 60, -1 FROM generate_series(1, 5000) i;
INSERT INTO usage_progress (one, through) VALUES (1, 1);
INSERT INTO webhooks (id, url, secret, description, events, rooms, old_secret, old_until, created_at, created_by, failing_since, disabled_at, disabled_why)
    SELECT 'w' || i, '', '', '', '', '', '', 0, i, '', 0, 0, '' FROM generate_series(1, 50) i;
INSERT INTO webhook_deliveries (webhook_id, at, id, event_id, kind, conversation_id, seq, attempt, status, error, outcome, took_ms)
    SELECT 'w' || i % 50 + 1, i, 'd' || i, '', '', '', i, 1, 200, '', '', 1 FROM generate_series(1, 5000) i;
INSERT INTO scheduled_messages (id, author_id, author_name, conversation_id, recipient_id, content, type, client_msg_id, fingerprint, send_at, created_at, version)
    SELECT 's' || i, 'u' || i % 500, '', 'c' || i, 'u1', '', 'text', CASE WHEN i % 2 = 0 THEN 'c' || i END, '', i, i, 1 FROM generate_series(1, 5000) i;
INSERT INTO broadcasts (id, kind, unique_key, priority, spec, fingerprint, created_at, send_at, state, step, place, reached, missed, failures, error, started_at, ended_at)
    SELECT 'b' || i, 'notification', CASE WHEN i % 2 = 0 THEN 'k' || i END, 0, '{}', '', i, i, 'done', 1, '{}', 1, 0, '', '', i,
        CASE WHEN i % 3 > 0 THEN i END
    FROM generate_series(1, 5000) i;
INSERT INTO push_keys (one, private, created_at) VALUES (1, '', 1);
INSERT INTO push_subscriptions (id, user_id, type, address, public_key, auth, created_at)
    SELECT 'p' || i, 'u' || i % 2500, 'webpush', 'https://push.example/' || i, '', '', i FROM generate_series(1, 5000) i;
INSERT INTO push_settings (user_id, conversation_id, level, muted_until, quiet_from, quiet_to, time_zone, without_content)
    SELECT 'u' || i % 500, 'c' || i, CASE WHEN i % 2 = 0 THEN 'all' ELSE '' END, 0, 0, 0, '', false FROM generate_series(1, 5000) i;
INSERT INTO notification_contents (id, fields, at) SELECT 'b' || i, '{}', i FROM generate_series(1, 5000) i;
INSERT INTO notifications (user_id, id, at, conversation_id, seq, results, read_at)
    SELECT 'u' || i % 500, 'b' || i, i, NULL, NULL, '[]', CASE WHEN i % 2 = 0 THEN i END FROM generate_series(1, 5000) i;
INSERT INTO notifications (user_id, id, at, conversation_id, seq, results, read_at)
    SELECT 'u' || i % 500, 'm' || i || '-1', i, 'c' || i, 1, '[]', CASE WHEN i % 2 = 0 THEN i END FROM generate_series(1, 5000) i;
INSERT INTO files (id, owner_id, state, name, metadata, concat, length, received, parts, type, size, blob, processed, details, variants, created_at, expires_at)
    SELECT 'f' || i, 'u' || i % 500, 'ready', '', '', '', i, i, 'null', 'image/png', i, '', true, '{}', '{}', i, CASE WHEN i % 100 = 0 THEN i END FROM generate_series(1, 5000) i;
INSERT INTO file_uses (conversation_id, seq, file_id) SELECT 'c' || i, 1, 'f' || i FROM generate_series(1, 5000) i;
