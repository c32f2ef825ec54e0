package sqlite

import (
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Follow has somebody say which jobs are to follow the events of each transaction: these are stored with it, or not at all. A job
// whose key is that of one that has not ended is left out, and that one is wanted again, see [job.End]. follow is called by the
// writer, which everybody waits for: it must return soon, and not ask the store. What it makes a panic of is not stored. It
// may be called again for a transaction that is carried out again. Follow is called once at most, before there are events
// that anything is to follow.
func (s *Store) Follow(follow func(chats []chat.Event, accounts []account.Event) []job.Job) {
	s.writer.tx.following.Store(&follow)
}

// enqueueFollowing stores what is to follow the events of the transaction.
func (t *tx) enqueueFollowing() error {
	jobs, err := rows.Following(t.following.Load(), t.events, t.accounts)
	if err != nil {
		return err
	}
	for i := range jobs {
		if _, err := t.exec(insertJob+`UPDATE SET again = 1 WHERE again = 0`, jobValues(&jobs[i])...); err != nil {
			return fmt.Errorf("enqueue what follows: %w", err)
		}
		t.wake(jobs[i].Kind)
	}
	return nil
}
