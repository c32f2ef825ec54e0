package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// TestRoomsOfTwoProcesses: two processes change the same rooms at once, in any order. Neither locks the other one out: nobody
// has to try again, and the logs are whole.
func TestRoomsOfTwoProcesses(t *testing.T) {
	address := pgtest.Database(t)
	servers := [2]server{openServer(t, address), openServer(t, address)}
	ctx := t.Context()
	const rooms, callers, rounds = 4, 16, 12
	var said [rooms]string
	for i := range rooms {
		owner := chat.Actor{ID: "ada", Name: "Ada"}
		if _, err := servers[0].rules.CreateRoom(ctx, owner, chat.CreateRoom{ID: fmt.Sprintf("room%d", i), Name: "Room"}); err != nil {
			t.Fatal(err)
		}
		m, err := servers[0].rules.SendToRoom(ctx, owner, chat.SendToRoom{RoomID: fmt.Sprintf("room%d", i), Content: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		said[i] = m.ID
		var members []chat.UserID
		for caller := range callers {
			members = append(members, chat.UserID(fmt.Sprintf("user%d", caller)))
		}
		if _, err := servers[0].rules.AddMembers(ctx, owner, fmt.Sprintf("room%d", i), members); err != nil {
			t.Fatal(err)
		}
	}
	suite.AtOnce(callers, func(caller int) {
		s := servers[caller%2].rules
		a := chat.Actor{ID: chat.UserID(fmt.Sprintf("user%d", caller))}
		for round := range rounds {
			room := (caller*3 + round) % rooms
			id := fmt.Sprintf("room%d", room)
			for n, do := range []func() error{
				func() error {
					_, err := s.SendToRoom(ctx, a, chat.SendToRoom{RoomID: id, Content: "hello", ClientMsgID: fmt.Sprintf("%d-%d", caller, round)})
					return err
				},
				func() error { _, err := s.MarkRead(ctx, a, []string{said[room]}); return err },
				func() error {
					_, err := s.SendToRoom(ctx, a, chat.SendToRoom{RoomID: fmt.Sprintf("room%d", (room+3)%rooms), Content: "hello there"})
					return err
				},
				func() error { return s.React(ctx, a, said[room], "👍", round%2 == 0) },
				func() error { _, err := s.LeaveRoom(ctx, a, id); return err },
				func() error { _, err := s.JoinRoom(ctx, a, id); return err },
			} {
				if err := do(); err != nil {
					t.Errorf("%d of caller %d in round %d: %v", n, caller, round, err)
				}
			}
		}
	})
	checkCommits(t, address)
	// A connection tells what it has met when it has rested for a second at the latest.
	eventually(t, "the count of commits", func() bool {
		return ask(t, address, `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`) > 2*rounds
	})
	if n := ask(t, address, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n != 0 {
		t.Errorf("they have locked each other out %d times", n)
	}
	for i := range rooms {
		wrong := ask(t, address, `SELECT count(*) FROM conversations c JOIN rooms r ON r.conversation_id = c.id
			WHERE r.id = $1 AND (member_count <> (SELECT count(*) FROM members m WHERE m.conversation_id = c.id)
				OR head_seq <> (SELECT count(*) FROM events e WHERE e.conversation_id = c.id))`, fmt.Sprintf("room%d", i))
		if wrong != 0 {
			t.Errorf("room%d does not add up", i)
		}
	}
}

// TestSendBehindExpulsion: another process expels the sender when it has been asked already whether the message may be sent.
func TestSendBehindExpulsion(t *testing.T) {
	address := pgtest.Database(t)
	s := openServer(t, address)
	ctx := t.Context()
	ada, bob := chat.Actor{ID: "ada"}, chat.Actor{ID: "bob"}
	if _, err := s.rules.CreateRoom(ctx, ada, chat.CreateRoom{ID: "hall", Name: "Hall"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.rules.JoinRoom(ctx, bob, "hall"); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, `UPDATE conversations SET member_count = 1, head_seq = head_seq + 1`); err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := s.rules.SendToRoom(ctx, bob, chat.SendToRoom{RoomID: "hall", Content: "hello"})
		sent <- err
	}()
	waitForLock(t, address)
	if _, err := tx.Exec(ctx, `DELETE FROM members WHERE user_id = 'bob'`); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; !errors.Is(err, chat.ErrNotInRoom) {
		t.Errorf("who is no member any more was answered %v", err)
	}
	if n := ask(t, address, `SELECT count(*) FROM messages`); n != 0 {
		t.Errorf("%d messages are stored", n)
	}
}

// TestMarkOfTwoProcesses: a mark that another process has moved further meanwhile is not moved back, and nobody is told so.
func TestMarkOfTwoProcesses(t *testing.T) {
	address := pgtest.Database(t)
	s := openServer(t, address)
	for i := range 9 {
		appendMessage(t, s.Store, fmt.Sprintf("m%d", i+1))
	}
	s.facts()
	id, bert := chat.DirectID("anna", "bert"), chat.Actor{ID: "bert"}
	for name, mark := range map[string]func() error{
		"by messages": func() error { _, err := s.rules.MarkRead(t.Context(), bert, []string{"m5"}); return err },
		"by seq":      func() error { return s.rules.MarkConversation(t.Context(), bert, id, 5) },
	} {
		pgtest.Exec(t, address, `DELETE FROM read_marks`)
		conn, err := pgx.Connect(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), `INSERT INTO read_marks (conversation_id, user_id, seq, read_at) VALUES ($1, 'bert', 9, 1)`, id); err != nil {
			t.Fatal(err)
		}
		marked := make(chan error, 1)
		go func() { marked <- mark() }()
		waitForLock(t, address)
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-marked; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if at := ask(t, address, `SELECT seq FROM read_marks`); at != 9 {
			t.Errorf("%s: the mark is at %d", name, at)
		}
		if told := s.facts(); len(told) != 0 {
			t.Errorf("%s: told %+v", name, told)
		}
		_ = conn.Close(t.Context())
	}
}

// TestTriedInVain: what another process is always in the way of is refused for now, not tried for ever.
func TestTriedInVain(t *testing.T) {
	address := pgtest.Database(t)
	s := openServer(t, address)
	disturbed{driver{address: address}}.disturb(t, `true`)
	if _, err := s.AppendMessage(t.Context(), message("m1")); refusal.Of(err) == nil || refusal.Of(err).RetryAfter == 0 {
		t.Errorf("the answer is %v", err)
	}
	pgtest.Exec(t, address, `DROP TRIGGER disturb ON commits`)
	appendMessage(t, s.Store, "m1")
	if n := ask(t, address, `SELECT count(*) FROM messages`); n != 1 {
		t.Errorf("%d messages are stored", n)
	}
}
