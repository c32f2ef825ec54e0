//go:build linux

package postgres_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// BenchmarkReads is what a cache would save: looking up a user, whether one is in a room, who is in one, whose friends
// there are, and the last 50 messages of a busy room, by 32 callers; and the whole of reading a history, with what is kept and without. encode50 is to write these as they travel, which no cache of
// rows saves. server-µs/op is the processor time of PostgreSQL.
func BenchmarkReads(b *testing.B) {
	server := pgtest.Start(b)
	s, err := postgres.Open(b.Context(), postgres.DefaultConfig(server.Database(b)), discard)
	if err != nil {
		b.Fatal(err)
	}
	people := s.Accounts(func([]account.Event) {})
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	anna := chat.Actor{ID: "anna", Name: "Anna"}
	_, _, err = people.EnsureUser(b.Context(), account.EnsureUser{ID: "anna", Name: "Anna", Issuer: "i"})
	must(err)
	room := chat.Room{ID: "room", ConversationID: "room:1", Type: chat.RoomPublic, MaxMembers: 100}
	must(s.CreateRoom(b.Context(), chat.NewRoom{Room: room, Creator: anna}))
	for n := range int64(200) {
		cmd := toRoom(n)
		cmd.Message.SenderID, cmd.Message.SenderName = anna.ID, anna.Name
		stored, err := s.AppendMessage(b.Context(), cmd)
		must(err)
		room.ConversationID = stored.ConversationID
	}
	service, err := chat.New(chat.DefaultConfig(), chat.Deps{Store: s, Now: time.Now, NewID: chat.NewID})
	must(err)
	anew := time.Now()
	forgetful, err := chat.New(chat.DefaultConfig(), chat.Deps{Store: s, NewID: chat.NewID, Now: func() time.Time {
		anew = anew.Add(time.Hour) // longer than anything is kept
		return anew
	}})
	must(err)
	for name, read := range map[string]func() error{
		"history50/kept": func() error {
			_, err := service.History(b.Context(), anna, chat.HistoryQuery{RoomID: "room"})
			return err
		},
		"user": func() error { _, _, err := people.User(b.Context(), "anna"); return err },
		"access": func() error {
			_, _, err := s.Access(b.Context(), chat.ConversationRef{RoomID: "room"}, "anna")
			return err
		},
		"friends": func() error { _, err := people.FriendIDs(b.Context(), "anna"); return err },
		"page50": func() error {
			page, err := s.Messages(b.Context(), chat.MessageQuery{ConversationID: room.ConversationID, Limit: 50})
			if err == nil && len(page.Messages) != 50 {
				err = fmt.Errorf("%d messages", len(page.Messages))
			}
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			measure(b, server, func() { atOnce(b, 32, read) })
		})
	}
	page, err := s.Messages(b.Context(), chat.MessageQuery{ConversationID: room.ConversationID, Limit: 50})
	must(err)
	b.Run("history50/read", func(b *testing.B) {
		measure(b, server, func() {
			atOnce(b, 1, func() error {
				_, err := forgetful.History(b.Context(), anna, chat.HistoryQuery{RoomID: "room"})
				return err
			})
		})
	})
	b.Run("encode50", func(b *testing.B) {
		measure(b, server, func() {
			atOnce(b, 1, func() error {
				_, err := json.Marshal(wire.MessagesOf(page.Messages))
				return err
			})
		})
	})
}

// atOnce does something as often as the benchmark wants, by so many callers.
func atOnce(b *testing.B, callers int, do func() error) {
	b.Helper()
	var next atomic.Int64
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := do(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	done.Wait()
}
