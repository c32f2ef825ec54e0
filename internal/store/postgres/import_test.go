package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/transfer"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// ofServers are tables that are no part of what is copied.
var ofServers = []string{"server", "writers", "commits", "probes", "nodes", "leases", "imports", "goose_db_version", "secrets"}

// TestImport: a database that was filled with the rows of another one is the same to the last column, also where that is
// made anew.
func TestImport(t *testing.T) {
	from, to := pgtest.Database(t), pgtest.Database(t)
	furnish(t, from)
	i, err := postgres.OpenImport(t.Context(), postgres.DefaultConfig(to), postgres.Holder{Host: "here"}, postgres.Origin{Source: "s", Mark: "m"})
	if err != nil {
		t.Fatal(err)
	}
	for n := range transfer.Tables {
		table := &transfer.Tables[n]
		rows := rowsOf(t, from, table)
		if len(rows) == 0 {
			t.Errorf("%s has no row to try", table.Name)
			continue
		}
		if err := i.Write(t.Context(), table, rows, int64(len(rows))); err != nil {
			t.Fatal(err)
		}
		if reached, key, err := i.Reached(t.Context(), table); err != nil || reached != int64(len(rows)) || !slices.Equal(key, rows[len(rows)-1][:table.Key]) {
			t.Errorf("%s has reached %d, %v, %v", table.Name, reached, key, err)
		}
		var sum, want transfer.Sum
		for _, row := range rows {
			want.Add(row)
		}
		if err := i.Each(t.Context(), table, func(row []any) error { sum.Add(row); return nil }); err != nil || sum != want {
			t.Errorf("%s is read back as other rows, %v", table.Name, err)
		}
	}
	if err := i.Finish(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	before, after := dump(t, from), dump(t, to)
	for table, rows := range before {
		if !slices.Equal(rows, after[table]) {
			t.Errorf("%s is\n%s\nand should be\n%s", table, strings.Join(after[table], "\n"), strings.Join(rows, "\n"))
		}
	}
	// What is said next comes behind it.
	s := openStore(t, to, discard)
	m, err := s.AppendMessage(t.Context(), chat.Append{Message: chat.Message{
		ID: "next", ConversationID: chat.DirectID("u_ada", "bob"), SenderID: "bob", RecipientID: "u_ada", Content: "next", Type: chat.TypeText, Timestamp: time.Now(),
	}})
	if err != nil || m.Seq <= 1 {
		t.Errorf("the next message is %+v, %v", m, err)
	}
}

// furnish has commands put something into every table.
func furnish(t *testing.T, address string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, now := t.Context(), time.UnixMilli(1_700_000_000_000).UTC()
	s := openStore(t, address, discard)
	accounts := s.Accounts(func([]account.Event) {})
	must(accounts.CreateLocal(ctx, account.CreateLocal{PasswordHash: "h", User: account.User{ID: "u_ada", Name: "Ada 林小雨", Username: "Ada.L0", Issuer: "sockeye", CreatedAt: now}}))
	for _, user := range []account.UserID{"bob", "cyd", "dan"} {
		_, _, err := accounts.EnsureUser(ctx, account.EnsureUser{ID: user, Name: "The " + string(user), Issuer: "https://shop.example", At: now})
		must(err)
	}
	must(accounts.Seen(ctx, []account.Seen{{UserID: "bob", At: now}}))
	must(accounts.Revoke(ctx, account.Revocation{At: now, UserID: "cyd", IssuedBy: now}))
	must(accounts.Revoke(ctx, account.Revocation{At: now, Issuer: "sockeye", TokenID: "a\x00b", Until: now.Add(time.Hour)}))
	must(accounts.CreateAPIKey(ctx, account.APIKey{ID: "k", Name: "shop", Scopes: []account.Scope{"users"}, CreatedAt: now}, []byte{1, 2}))
	for _, statement := range []string{
		`INSERT INTO sign_ins (user_id, address, at) VALUES ('u_ada', '192.0.2.1', 1)`, `INSERT INTO friends (user_a, user_b, created_at) VALUES ('bob', 'u_ada', 2)`,
		`INSERT INTO friend_requests (sender_id, receiver_id, created_at) VALUES ('cyd', 'bob', 3)`, `INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES ('dan', 'bob', 4)`,
		`INSERT INTO blocked_addresses (address, until, reason, blocked_by, created_at) VALUES ('192.0.2.2', 5, 'r', 'bob', 6)`,
		`INSERT INTO audit (id, at, by_kind, by_id, address, action, target, detail)
			VALUES ('000000000ed8000000010a0b0c0d0e0f', 3800, 'user', 'u_ada', '192.0.2.2', 'user_disabled', 'cyd', 'd')`,
		`UPDATE users SET disabled_at = 3800, switched_at = 3800 WHERE id = 'cyd'`,
		`INSERT INTO webhooks (id, url, secret, description, events, rooms, old_secret, old_until, created_at, created_by, failing_since, disabled_at, disabled_why)
			VALUES ('wh_1', 'https://hooks.example/', 'whsec_1', 'd', '["*"]', '', '', 0, 7, 'k', 0, 0, '')`,
		`INSERT INTO webhook_deliveries (webhook_id, at, id, event_id, kind, conversation_id, seq, attempt, status, error, outcome, took_ms)
			VALUES ('wh_1', 8, 'd1', 'evt_1', 'message.created', 'room:1', 3, 1, 500, 'the answer was 500', 'retried', 12)`,
		`INSERT INTO incoming_webhooks (id, hash, room_id, bot_id, name, created_at, created_by) VALUES ('in_1', '\x0304', 'hall', 'bot_1', 'Weather', 9, 'k')`,
		`INSERT INTO scheduled_messages (id, author_id, author_name, conversation_id, room_id, content, type, fingerprint, send_at, created_at, version)
			VALUES ('s1', 'u_ada', 'Ada', 'room:1', 'hall', 'later', 'text', '\x0506', 11, 10, 2)`,
		`INSERT INTO broadcasts (id, kind, unique_key, priority, spec, fingerprint, created_at, send_at, state, step, place, reached, missed, failures, error, started_at)
			VALUES ('bc_1', 'notification', 'lunch', -1, '{}', '\x0708', 12, 13, 'running', 2, '{"list":1,"n":100}', 99, 1, '[]', '', 14)`,
		`INSERT INTO push_keys (one, private, created_at) VALUES (1, '\x0102', 15)`,
		`INSERT INTO push_subscriptions (id, user_id, type, address, public_key, auth, created_at) VALUES ('ps_1', 'u_ada', 'webpush', 'https://push.example/1', '\x0304', '\x0506', 16)`,
		`INSERT INTO push_settings (user_id, conversation_id, level, muted_until, quiet_from, quiet_to, time_zone, without_content)
			VALUES ('u_ada', '', '', 17, 1320, 420, 'Europe/Berlin', true)`,
		`INSERT INTO notifications (user_id, id, at, conversation_id, seq, results, read_at) VALUES ('u_ada', 'm1', 18, 'room:1', 3, '[]', 19)`,
		`INSERT INTO notification_contents (id, fields, at) VALUES ('bc_1', '{"title":"Lunch"}', 20)`,
		`INSERT INTO files (id, owner_id, state, name, metadata, concat, length, received, parts, type, size, blob, processed, details, variants, created_at, expires_at)
			VALUES ('file_1', 'u_ada', 'ready', 'a.png', 'filename YQ==', '', 70, 70, 'null', 'image/png', 68, 'file_1/whole-1', true, '{"width":1}', '{}', 12, 13)`,
		`INSERT INTO file_uses (conversation_id, seq, file_id) VALUES ('room:1', 3, 'file_1')`,
	} {
		pgtest.Exec(t, address, statement)
	}
	jobs := s.Jobs()
	must(jobs.Enqueue(ctx, []job.Job{
		{ID: "j1", Kind: "webhook", Priority: job.High, Key: "once", Payload: []byte{0, 1}, RunAt: now, CreatedAt: now},
		{ID: "j2", Kind: "upkeep", Cron: "@hourly", Payload: []byte("{}"), RunAt: now, CreatedAt: now},
		{ID: "j3", Kind: "analytics", RunAt: now, CreatedAt: now},
	}))
	_, err := jobs.Claim(ctx, job.Claim{Kind: "webhook", Most: 1, Now: now, Lease: "n:1", Last: time.Minute})
	must(err)
	must(jobs.Pause(ctx, "broadcast", true))
	must(s.Usage().Note(ctx, usage.PeriodOf(now), []string{"u_ada", "bob"}, []string{"hall"}))
	must(s.Usage().AddPushes(ctx, usage.PeriodOf(now), usage.Pushes{Sent: 5, Failed: 2}))
	rules, err := chat.New(chat.DefaultConfig(), chat.Deps{Store: s, Now: func() time.Time { return now }, NewID: chat.NewID})
	must(err)
	ada, bob := chat.Actor{ID: "u_ada", Name: "Ada"}, chat.Actor{ID: "bob", Name: "Bob"}
	_, err = rules.CreateRoom(ctx, ada, chat.CreateRoom{ID: "hall", Name: "Hall", Description: "For ALL"})
	must(err)
	_, err = rules.JoinRoom(ctx, bob, "hall")
	must(err)
	said, err := rules.SendToRoom(ctx, ada, chat.SendToRoom{RoomID: "hall", Content: "Hello @bob 你好世界", ClientMsgID: "c1"})
	must(err)
	must(rules.React(ctx, bob, said.ID, "🐟", true))
	_, err = rules.MarkRead(ctx, bob, []string{said.ID})
	must(err)
	gone, err := rules.SendToRoom(ctx, bob, chat.SendToRoom{RoomID: "hall", Content: "a slip", ClientMsgID: "c2", ReplyTo: said.ID})
	must(err)
	_, err = rules.DeleteMessage(ctx, bob, gone.ID)
	must(err)
	_, err = rules.SendDirect(ctx, bob, chat.SendDirect{RecipientID: "u_ada", Content: "in private"})
	must(err)
	must(errors.Join(rules.Invite(ctx, ada, "hall", "cyd"), rules.Ban(ctx, ada, "hall", "dan"), rules.Kick(ctx, ada, "hall", "bob")))
	_, err = s.Usage().Through(ctx)
	must(err)
}

// rowsOf are the rows of a table as they are copied, in the order of their keys.
func rowsOf(t *testing.T, address string, table *transfer.Table) (all [][]any) {
	t.Helper()
	var columns, order []string
	for n, column := range table.Columns {
		columns = append(columns, column.Name)
		if n < table.Key {
			order = append(order, column.Name)
		}
	}
	eachRowOf(t, address, `SELECT `+strings.Join(columns, ", ")+` FROM `+table.Name+` ORDER BY `+strings.Join(order, ", "), func(row []any) {
		for n, column := range table.Columns {
			if value, is := row[n].([]byte); is && column.Kind == transfer.Text {
				row[n] = string(value)
			}
		}
		all = append(all, row)
	})
	return all
}

// dump is all that a database holds, by table, but for what is of servers.
func dump(t *testing.T, address string) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	eachRowOf(t, address, `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'`, func(row []any) {
		if name := row[0].(string); !slices.Contains(ofServers, name) {
			all[name] = nil
		}
	})
	for table := range all {
		eachRowOf(t, address, `SELECT * FROM `+table, func(row []any) { all[table] = append(all[table], fmt.Sprint(row)) })
		slices.Sort(all[table])
	}
	return all
}

func eachRowOf(t *testing.T, address, query string, yield func(row []any)) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		yield(row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestImportWithoutServers: nobody works with a database that is being filled, and what is somebody's is not filled.
func TestImportWithoutServers(t *testing.T) {
	address := pgtest.Database(t)
	begin := func(from postgres.Origin) error {
		i, err := postgres.OpenImport(t.Context(), postgres.DefaultConfig(address), postgres.Holder{Host: "here"}, from)
		if err == nil {
			err = i.Close()
		}
		return err
	}
	if err := begin(postgres.Origin{Source: "s", Mark: "m"}); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(context.Context, postgres.Config) (*postgres.Store, error){
		"a server": func(ctx context.Context, cfg postgres.Config) (*postgres.Store, error) {
			return postgres.Open(ctx, cfg, discard)
		},
		"an operator's command": postgres.OpenBeside,
	} {
		if _, err := open(t.Context(), postgres.DefaultConfig(address)); !errors.Is(err, postgres.ErrUnfinished) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := begin(postgres.Origin{Source: "another"}); !errors.Is(err, postgres.ErrUnfinished) {
		t.Errorf("another source: %v", err)
	}
	pgtest.Exec(t, address, `DELETE FROM imports; INSERT INTO users (id, name, created_at) VALUES ('ada', 'Ada', 1)`)
	if err := begin(postgres.Origin{Source: "s", Mark: "m"}); !errors.Is(err, postgres.ErrNotEmpty) {
		t.Errorf("somebody's: %v", err)
	}
}
