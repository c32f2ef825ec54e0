package sqlite_test

import (
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// What a message takes on its way through the store is garbage soon: this is to notice
// when it becomes more. Most of it is of database/sql, some two dozen for each statement.
func TestAppendAllocations(t *testing.T) {
	const most = 185 // 145 without the race detector
	// Words are not indexed meanwhile.
	s, err := sqlite.OpenAroundCommit(t.Context(), sqlite.DefaultConfig(t.TempDir()), discard, func(commit func() error) error { return commit() })
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, s)
	var n int64
	stored := make(chan error, 1)
	store := func() {
		n++
		s.StartAppend(t.Context(), toDirect(n*directs), func(_ chat.Message, err error) { stored <- err })
		if err := <-stored; err != nil {
			t.Fatal(err)
		}
	}
	store()
	if got := testing.AllocsPerRun(200, store); got > most {
		t.Errorf("%v allocations for a message, at most %d were expected", got, most)
	}
}
