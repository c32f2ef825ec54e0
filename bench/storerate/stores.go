//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/batch"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// The names of what stores.
const (
	storeSQLite   = "sqlite"
	storePostgres = "postgres"
	storeBare     = "bare"
)

// store is what is measured.
type store interface {
	AppendMessage(ctx context.Context, cmd chat.Append) (chat.Message, error)
	counts() counts
	Close() error
}

// counts are of what was committed so far.
type counts struct{ messages, batches uint64 }

func countsOf(s batch.Stats) counts { return counts{s.Commands, s.Batches} }

type sqliteStore struct{ *sqlite.Store }

func (s sqliteStore) counts() counts { return countsOf(s.Stats().Stats) }

type postgresStore struct{ *postgres.Store }

func (s postgresStore) counts() counts { return countsOf(s.Stats()) }

// open opens a store that has all conversations, if they are to be there before.
func (p plan) open(ctx context.Context, w *work) (store, error) {
	discard := func([]chat.Event) {}
	switch p.store {
	case storeSQLite:
		s, err := sqlite.Open(ctx, sqlite.DefaultConfig(p.data), discard)
		if err != nil {
			return nil, err
		}
		return sqliteStore{s}, w.fill(ctx, s)
	case storePostgres, storeBare:
		s, err := postgres.Open(ctx, postgres.DefaultConfig(p.database), discard)
		if err != nil {
			return nil, err
		}
		err = errors.Join(w.fill(ctx, s), settle(ctx, p.database))
		if err != nil || p.store == storePostgres {
			return postgresStore{s}, err
		}
		if err := s.Close(); err != nil {
			return nil, err
		}
		return openBare(ctx, p.database, w)
	}
	return nil, fmt.Errorf("no store is called %q", p.store)
}

// filled is how many messages there are before, at least one in each conversation.
const filled = 10_000

// fill makes the conversations.
func (w *work) fill(ctx context.Context, s chat.Store) error {
	switch w.plan.conversations {
	case 0:
		return nil
	case 1:
		if err := w.makeRoom(ctx, s); err != nil {
			return err
		}
	}
	var failures error
	var mu sync.Mutex
	var filling sync.WaitGroup
	for number := range w.plan.callers {
		filling.Go(func() {
			for i := number; i < max(filled, len(w.pairs)); i += w.plan.callers {
				cmd := w.message(number, i/w.plan.callers)
				cmd.Message.ClientMsgID = fmt.Sprintf("fill-%d", i)
				if _, err := s.AppendMessage(ctx, cmd); err != nil {
					mu.Lock()
					failures = errors.Join(failures, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	filling.Wait()
	return failures
}

// makeRoom makes the room of all callers.
func (w *work) makeRoom(ctx context.Context, s chat.Store) error {
	users := make([]chat.UserID, w.plan.callers)
	for i := range users {
		users[i] = chat.UserID(process.UserID(i))
	}
	owner, now := chat.Actor{ID: users[0], Name: w.names[0]}, time.Now().UTC().Truncate(time.Millisecond)
	err := s.CreateRoom(ctx, chat.NewRoom{Creator: owner, Room: chat.Room{
		ID: room, ConversationID: "room:" + chat.NewID(), Name: "Bench", Type: chat.RoomPublic, MaxMembers: len(users),
		CreatedBy: owner.ID, CreatedAt: now, Admins: users[:1],
	}})
	if err != nil {
		return err
	}
	_, err = s.AddMembers(ctx, chat.AddMembers{RoomID: room, Actor: owner, Users: users, At: now})
	return err
}

// settle has PostgreSQL do what filling has left to be done, and learn what the tables hold.
func settle(ctx context.Context, database string) (err error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	for _, statement := range []string{"VACUUM (ANALYZE)", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
