package blackbox_test

import (
	"database/sql"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // to read the log of a server that has stopped
	_ "modernc.org/sqlite"
)

// check compares, once everybody has left: what was acknowledged, what the histories and a first sync say, what the log in
// the database says, and what each member has made of it. It stops the server.
func (c *crowd) check(t *testing.T, s *server) {
	t.Helper()
	histories := c.ask(t, s)
	c.checkAcknowledged(t, histories)
	fresh := c.syncAfresh(t, s)
	t.Logf("who begins afresh: %+v", total(fresh))
	s.stop()
	logs := s.readLogs()
	checkHistories(t, histories, logs)
	for _, m := range slices.Concat(c.members, fresh) {
		m.checkTranscripts(t, histories, logs)
	}
}

// ask sends messages of every member once more, to which the answer must be the one of then, and reads the histories of
// all conversations, page by page.
func (c *crowd) ask(t *testing.T, s *server) map[string][]message {
	t.Helper()
	histories := make(map[string][]message)
	keeper := s.connect("keeper")
	for _, room := range rooms {
		messages, err := keeper.history(t.Context(), object{"roomId": room})
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) > 0 {
			histories[messages[0].ConversationID] = messages
		}
	}
	for _, m := range c.members {
		conn, err := m.connect(t.Context(), c.addr, m.token)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.close()
		last := slices.DeleteFunc(slices.Clone(m.acked), func(cmd *command) bool { return cmd.clientMsgID() == "" })
		for _, cmd := range last[max(0, len(last)-2):] {
			if again := conn.must(t, cmd.name, cmd.payload); !sameAnswer(again, cmd.result) {
				t.Errorf("%s was acknowledged as %+v and then as %+v", cmd.clientMsgID(), cmd.result, again)
			}
		}
		for id, transcript := range m.transcripts {
			if _, read := histories[id]; read || transcript.left {
				continue
			}
			if histories[id], err = conn.history(t.Context(), object{"conversationId": id}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return histories
}

func sameAnswer(a, b answer) bool {
	return a.ID == b.ID && a.Seq == b.Seq && a.ConversationID == b.ConversationID && a.Timestamp == b.Timestamp
}

// checkAcknowledged compares what the histories show with what all that was acknowledged comes to: not less, not more.
func (c *crowd) checkAcknowledged(t *testing.T, histories map[string][]message) {
	t.Helper()
	byClientID, byID := make(map[string]message), make(map[string]bool)
	for conversation, messages := range histories {
		for _, m := range messages {
			if _, twice := byClientID[m.ClientMsgID]; twice || byID[m.ID] {
				t.Errorf("message %s, %s, is stored twice", m.ID, m.ClientMsgID)
			}
			if m.ConversationID != conversation {
				t.Errorf("%s has another's message: %+v", conversation, m)
			}
			byClientID[m.ClientMsgID], byID[m.ID] = m, true
		}
	}
	want := make(map[string]view)
	for _, m := range c.members {
		m.checkMessages(t, byClientID)
		m.addTo(want)
	}
	for _, m := range c.members {
		m.changeIn(want)
	}
	for _, m := range byClientID {
		if w, acked := want[m.ID]; !acked {
			t.Errorf("message %s, %s, was never acknowledged, and there is nothing that was not in the end", m.ID, m.ClientMsgID)
		} else if !w.equals(viewOf(m)) {
			t.Errorf("message %s is %+v, what was acknowledged makes it %+v", m.ClientMsgID, viewOf(m), w)
		}
	}
	t.Logf("%d messages in %d conversations", len(byClientID), len(histories))
}

// checkMessages looks for each message as it was acknowledged, and for the order in which they were sent.
func (m *member) checkMessages(t *testing.T, stored map[string]message) {
	t.Helper()
	last := make(map[string]int64) // by conversation
	for _, cmd := range m.acked {
		id, want := cmd.clientMsgID(), cmd.result
		if id == "" {
			continue
		}
		got, found := stored[id]
		switch {
		case !found:
			t.Errorf("acknowledged message %s is lost", id)
			continue
		case got.ID != want.ID, got.Seq != want.Seq, got.ConversationID != want.ConversationID, got.Timestamp != want.Timestamp:
			t.Errorf("%s was acknowledged as %+v and is stored as %+v", id, want, got)
		case got.SenderID != m.user:
			t.Errorf("%s is stored as a message of %s", id, got.SenderID)
		}
		if got.Seq <= last[got.ConversationID] {
			t.Errorf("%s has seq %d although it was sent behind seq %d", id, got.Seq, last[got.ConversationID])
		}
		last[got.ConversationID] = got.Seq
	}
}

// addTo adds the messages that were acknowledged, and changeIn what was done to them. Nobody but the sending device edits
// or deletes a message, and each device has emoji of its own, so that the order of acknowledgements settles it all.
func (m *member) addTo(want map[string]view) {
	for _, cmd := range m.acked {
		if cmd.clientMsgID() != "" {
			want[cmd.result.ID] = viewOf(message{Content: cmd.content()})
		}
	}
}

func (m *member) changeIn(want map[string]view) {
	for _, cmd := range m.acked {
		id := cmd.text("messageId")
		switch cmd.name {
		case "message:edit":
			edited := want[id]
			edited.content = cmd.content()
			want[id] = edited
		case "message:delete":
			want[id] = view{deleted: true}
		case "reaction:add":
			want[id].reactions[reaction{m.user, cmd.text("emoji")}] = true
		case "reaction:remove":
			delete(want[id].reactions, reaction{m.user, cmd.text("emoji")})
		}
	}
}

// syncAfresh has every user begin anew, with nothing, on the other protocol. Some at a time: it is much to read.
func (c *crowd) syncAfresh(t *testing.T, s *server) []*member {
	t.Helper()
	var all []*member
	for i := range c.members {
		m := newMember(t, s.data, i, len(c.members), 0)
		if m.second {
			break
		}
		m.name += ", afresh"
		m.connect = c.members[len(c.members)-1-i].connect
		m.outbox = nil // it is in its rooms already
		all = append(all, m)
	}
	for some := range slices.Chunk(all, 10) {
		again := &crowd{addr: c.addr, order: settle, changed: make(chan struct{}), members: some}
		again.begin(t)
		again.leave(t)
	}
	return all
}

// readLogs reads the logs of all conversations from the database, which no server has open: each has seq 1, 2, 3, …
// without a hole.
func (s *server) readLogs() map[string][]entry {
	s.t.Helper()
	driver, source := "sqlite", "file:"+filepath.Join(s.data, "sockeye.db")+"?mode=ro"
	if s.database != "" {
		driver, source = "pgx", s.database
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(s.t.Context(), `SELECT conversation_id, seq, kind, coalesce(message_id, user_id) FROM events ORDER BY conversation_id, seq`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	logs := make(map[string][]entry)
	for rows.Next() {
		var conversation string
		var seq int64
		var e entry
		if err := rows.Scan(&conversation, &seq, &e.event, &e.about); err != nil {
			s.t.Fatal(err)
		}
		logs[conversation] = append(logs[conversation], e)
		if want := int64(len(logs[conversation])); seq != want {
			s.t.Errorf("%s: the log has seq %d where %d belongs", conversation, seq, want)
		}
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return logs
}

// checkHistories finds the messages of each history, in its order, at their places in the log, and no others there.
func checkHistories(t *testing.T, histories map[string][]message, logs map[string][]entry) {
	t.Helper()
	for conversation, log := range logs {
		var want []int64
		for i, e := range log {
			if e.event == "message.created" {
				want = append(want, int64(i)+1)
			}
		}
		var got []int64
		for _, m := range histories[conversation] {
			got = append(got, m.Seq)
			if m.Seq < 1 || m.Seq > int64(len(log)) || log[m.Seq-1] != (entry{"message.created", m.ID}) {
				t.Errorf("%s: message %s is not at seq %d of the log", conversation, m.ID, m.Seq)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the history has messages at %v, the log at %v", conversation, got, want)
		}
	}
}

// checkTranscripts compares what a member has made of it all.
func (m *member) checkTranscripts(t *testing.T, histories map[string][]message, logs map[string][]entry) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(m.transcripts)) {
		transcript := m.transcripts[id]
		if err := transcript.follows(logs[id]); err != nil {
			t.Errorf("%s, %s: %v", m.name, id, err)
		}
		if transcript.left {
			continue // it does not see what became of the messages
		}
		if err := transcript.shows(histories[id]); err != nil {
			t.Errorf("%s, %s: %v", m.name, id, err)
		}
	}
}
