package postgres

import (
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Follow has somebody say which jobs are to follow the events of each transaction of this process: these are stored with it, or
// not at all. A job whose key is that of one that has not ended is left out, and that one is wanted again, see [job.End]. follow
// is called by the writer, which everybody waits for: it must return soon, and not ask the store. What it makes a panic of is
// not stored. It may be called again for a transaction that is carried out again. Follow is called once at most, before
// there are events that anything is to follow.
func (s *Store) Follow(follow func(chats []chat.Event, accounts []account.Event) []job.Job) {
	s.follow.Store(&follow)
}

// enqueueFollowing sends what is to follow the events of the transaction with its COMMIT. It locks a job that has the key, be it
// wanted already: whoever claims or ends that comes behind the COMMIT, and so sees what has happened.
func (t *tx) enqueueFollowing() error {
	jobs, err := rows.Following(t.follow.Load(), t.events, t.accounts)
	if err != nil || len(jobs) == 0 {
		return err
	}
	var l jobLists
	for i := range jobs {
		l.add(&jobs[i])
		t.wake(jobs[i].Kind)
	}
	t.ahead = append(t.ahead, statement{insertJobs + jobList + onKey + `UPDATE SET again = true WHERE NOT jobs.again`, l.values()})
	return nil
}
