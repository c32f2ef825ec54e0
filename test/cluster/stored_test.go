//go:build linux

package cluster_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/test/cluster/history"
)

// stored reads what is in the database, past all nodes.
func (cl *cluster) stored(t *testing.T) map[string]*history.Conversation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, cl.postgres.URL(cl.database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	all := make(map[string]*history.Conversation)
	of := func(id string) *history.Conversation {
		if all[id] == nil {
			all[id] = new(history.Conversation)
		}
		return all[id]
	}
	var id string
	var e history.Entry
	rows, err := conn.Query(ctx, `
		SELECT e.conversation_id, e.seq, e.kind, coalesce(e.message_id, e.user_id),
			coalesce(m.sender_id, ''), coalesce(m.client_msg_id, s.client_msg_id, ''), coalesce(m.content, '')
		FROM events e
		LEFT JOIN messages m ON m.conversation_id = e.conversation_id AND m.seq = e.seq AND e.kind = 'message.created'
		LEFT JOIN sends s ON s.sender_id = m.sender_id AND s.conversation_id = m.conversation_id AND s.seq = m.seq
		ORDER BY e.conversation_id, e.seq`)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&id, &e.Seq, &e.Kind, &e.About, &e.Sender, &e.ClientMsgID, &e.Content}, func() error {
			of(id).Log = append(of(id).Log, e)
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	var user, kind string
	rows, err = conn.Query(ctx, `SELECT c.id, c.kind, m.user_id FROM conversations c JOIN members m ON m.conversation_id = c.id`)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&id, &kind, &user}, func() error {
			of(id).Room = kind == "room"
			of(id).Members = append(of(id).Members, user)
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}
