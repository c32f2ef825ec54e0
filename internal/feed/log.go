package feed

import (
	"context"
	"math"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Commit is where facts stand in the log of the process that committed them: as its n-th
// commit. A Writer of 0 is nowhere.
type Commit struct {
	Writer int64
	N      int64
}

// Place is a part of the log of one conversation, from one seq to another.
type Place struct {
	ConversationID string
	First, Last    int64
}

// Committed is what a log of commits says of one: facts, but where the events have content
// that a delete wipes only their places. The entries of Facts.Chat that stand for places
// have no Kind; Places says of each, by its index, what belongs there.
type Committed struct {
	Commit
	Facts  Facts
	Places map[int]Place
}

// Ended is the position of a writer that has ended, at its end: nothing will come behind it.
const Ended = math.MaxInt64

// Reading is what a log of commits shows at once.
type Reading struct {
	// Commits are those that have facts, in the order of each writer.
	Commits []Committed
	// Reached are the positions behind them, of all writers that there are: to be given the next
	// time.
	Reached map[int64]int64
	// Lost are writers of whose commits some are kept no longer, or of a newer version than this
	// program reads.
	Lost []int64
	// More says that there was more than is shown at once.
	More bool
}

// Log is where all commits of a cluster are, and what they point to. Its methods may be
// called concurrently, and fail while the database is away.
type Log interface {
	// Positions are where all writers are, those too that have ended within some minutes: the
	// numbers of their last commits, or [Ended].
	Positions(ctx context.Context) (map[int64]int64, error)
	// After shows what was committed behind the given positions, of writers that are not among
	// them too: some 1,000 commits at most.
	After(ctx context.Context, known map[int64]int64) (Reading, error)
	// Read returns the events of parts of logs, as they are now, those of each place in order and
	// the places in theirs. What is kept no longer is left out. Whom a MembersAdded has added
	// are those who still are members by it.
	Read(ctx context.Context, places []Place) ([]chat.Event, error)
}
