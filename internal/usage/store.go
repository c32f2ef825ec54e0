package usage

import (
	"context"
	"time"
)

// Store keeps counts, and reads of messages who has said some. All methods may be called concurrently, and each is one
// transaction.
type Store interface {
	// Through is until when messages are counted. Before any are, it is when the first one was said, or somewhat earlier; it
	// is zero where none was.
	Through(ctx context.Context) (time.Time, error)
	// Said are the messages from a time on and before another one, wherever they were said. It costs what there are of them.
	Said(ctx context.Context, from, to time.Time) (Said, error)
	// Note counts users and rooms that were active in a period: each once in its day, its week and its month, however often
	// it is noted. What is noted of an earlier day than another time before is left out.
	Note(ctx context.Context, p Period, users, rooms []string) error
	// Add counts messages, unless somebody else has meanwhile: then nothing is changed, and it is not ok.
	Add(ctx context.Context, a Add) (ok bool, err error)
	// AddPushes counts what came of telling devices in a period.
	AddPushes(ctx context.Context, p Period, n Pushes) error
	// Counts returns what was counted by a unit from one on, in order, without those in which nothing was.
	Counts(ctx context.Context, u Unit, from time.Time) ([]Count, error)
	// Prune removes the counts by a unit before one.
	Prune(ctx context.Context, u Unit, before time.Time) error
	// Forget removes who was active last before a day, some at a time, and returns how many.
	Forget(ctx context.Context, before time.Time, most int) (int, error)
}

// Said is what was said.
type Said struct {
	Messages int
	// Senders are the users who have said it, without the server itself; Rooms where, without direct conversations. Each is
	// there once.
	Senders, Rooms []string
	// Mark is for [Add.Mark].
	Mark int64
}

// Add is what is counted of messages.
type Add struct {
	Since   time.Time // is [Store.Through], as the caller knows it
	Through time.Time // from now on
	Mark    int64     // of the last Said before Through
	Period
	Messages int
}
