package blackbox_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // to read the log of a server that has stopped
)

// checkRepeats sends acknowledged messages once more: the answer must be the one of then.
func checkRepeats(t *testing.T, s *server, people []*sender) {
	t.Helper()
	for _, p := range people {
		c := s.connect(p.user)
		for _, cmd := range p.messages[max(0, len(p.messages)-3):] {
			again := c.must(t, cmd.event, cmd.payload)
			if again.ID != cmd.result.ID || again.Seq != cmd.result.Seq || again.ConversationID != cmd.result.ConversationID || again.Timestamp != cmd.result.Timestamp {
				t.Errorf("%s was acknowledged as %s, seq %d, and then as %s, seq %d", cmd.id, cmd.result.ID, cmd.result.Seq, again.ID, again.Seq)
			}
		}
	}
}

// checkStored compares what was acknowledged with the histories and with the log, and stops the server.
func checkStored(t *testing.T, s *server, people []*sender) {
	t.Helper()
	histories := readHistories(t, s, people)
	stored := make(map[string]message) // by clientMsgId
	for conversation, messages := range histories {
		last := int64(0)
		for _, m := range messages {
			if m.Seq <= last {
				t.Errorf("%s: seq %d comes behind %d", conversation, m.Seq, last)
			}
			last = m.Seq
			if _, twice := stored[m.ClientMsgID]; twice {
				t.Errorf("message %s is stored twice", m.ClientMsgID)
			}
			if m.Content != m.ClientMsgID || m.ConversationID != conversation {
				t.Errorf("%s has another's message: %+v", conversation, m)
			}
			stored[m.ClientMsgID] = m
		}
	}
	acknowledged := 0
	for _, p := range people {
		acknowledged += len(p.messages)
		checkSender(t, p, stored)
	}
	if acknowledged != len(stored) {
		t.Errorf("%d messages were acknowledged in the end, %d are stored", acknowledged, len(stored))
	}
	s.stop()
	checkLog(t, s.data, histories)
	t.Logf("%d messages in %d conversations", len(stored), len(histories))
}

// checkSender looks for each acknowledged message, and for the order in which they were sent.
func checkSender(t *testing.T, p *sender, stored map[string]message) {
	t.Helper()
	last := make(map[string]int64) // by conversation
	for _, cmd := range p.messages {
		m, found := stored[cmd.id]
		want := cmd.result
		switch {
		case !found:
			t.Errorf("acknowledged message %s is lost", cmd.id)
			continue
		case m.ID != want.ID, m.Seq != want.Seq, m.ConversationID != want.ConversationID, m.Timestamp != want.Timestamp:
			t.Errorf("%s was acknowledged as %+v and is stored as %+v", cmd.id, want, m)
		case m.SenderID != p.user:
			t.Errorf("%s is stored as a message of %s", cmd.id, m.SenderID)
		}
		if m.Seq <= last[m.ConversationID] {
			t.Errorf("%s has seq %d although %s sent it behind seq %d", cmd.id, m.Seq, p.user, last[m.ConversationID])
		}
		last[m.ConversationID] = m.Seq
	}
}

// readHistories asks the server for all conversations.
func readHistories(t *testing.T, s *server, people []*sender) map[string][]message {
	t.Helper()
	histories := make(map[string][]message)
	read := func(c *client, query object) {
		messages, err := c.history(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) == 0 {
			t.Fatalf("%v has no messages", query)
		}
		histories[messages[0].ConversationID] = messages
	}
	keeper := s.connect("keeper")
	read(keeper, object{"roomId": "hall"})
	read(keeper, object{"roomId": "porch"})
	for _, p := range people {
		read(s.connect(p.user), object{"userId": p.neighbour()})
	}
	return histories
}

// checkLog reads the log of all conversations from the database, which no server has open: each has seq 1, 2, 3, …
// without a hole, each message stands there once and at its own seq, and memberships took seqs of their own.
func checkLog(t *testing.T, data string, histories map[string][]message) {
	t.Helper()
	bySeq := make(map[string]map[int64]message)
	messages := 0
	for conversation, all := range histories {
		bySeq[conversation] = make(map[int64]message)
		for _, m := range all {
			bySeq[conversation][m.Seq] = m
		}
		messages += len(all)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "sockeye.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), `SELECT conversation_id, seq, kind, coalesce(message_id, '') FROM events ORDER BY conversation_id, seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	last := make(map[string]int64)
	logged, others := 0, 0
	for rows.Next() {
		var conversation, kind, id string
		var seq int64
		if err := rows.Scan(&conversation, &seq, &kind, &id); err != nil {
			t.Fatal(err)
		}
		if seq != last[conversation]+1 {
			t.Errorf("%s: seq %d follows %d in the log", conversation, seq, last[conversation])
		}
		last[conversation] = seq
		if kind != "message.created" {
			others++
			continue
		}
		logged++
		if m := bySeq[conversation][seq]; m.ID != id {
			t.Errorf("%s: seq %d is %s in the log and %q in the history", conversation, seq, id, m.ID)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if logged != messages || others < 2*senders {
		t.Errorf("the log has %d messages and %d memberships, the histories have %d messages", logged, others, messages)
	}
}
