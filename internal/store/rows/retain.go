package rows

import (
	"fmt"
	"math"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// dueAtOnce is how many conversations are looked up at a time.
const dueAtOnce = 1000

// Retain removes what is due, in portions: due is a query for conversations with something to remove, of the time now, how
// long direct conversations are kept, both in milliseconds, and how many at most. portion removes the oldest entries of one,
// and returns how many.
func Retain(
	each Each, due string, cmd *chat.Retain, portion func(conversation string) (int, error),
) (removed int, err error) {
	for {
		found, err := Collect(each, nil, One[string], due, cmd.Now.UnixMilli(), cmd.DirectRetention.Milliseconds(), dueAtOnce)
		if err != nil {
			return removed, fmt.Errorf("look for old entries: %w", err)
		}
		for _, conversation := range found {
			for more := true; more; {
				n, err := portion(conversation)
				if err != nil {
					return removed, err
				}
				removed += n
				more = n > 0
			}
		}
		if len(found) < dueAtOnce {
			return removed, nil
		}
	}
}

// Retention is what decides how long the entries of a conversation are kept.
type Retention struct {
	Kind   string // of the conversation
	Room   bool   // it has one
	Millis int64  // the room's, 0 for ever
}

// Until is the time, in milliseconds, before which entries are due; false if none are, however old.
func (r *Retention) Until(cmd *chat.Retain) (until int64, some bool) {
	switch {
	case r.Kind == "direct":
		return cmd.Now.UnixMilli() - cmd.DirectRetention.Milliseconds(), true
	case r.Room:
		return cmd.Now.UnixMilli() - r.Millis, r.Millis != 0
	default: // of a room that is no more all goes
		return math.MaxInt64, true
	}
}

// Left tells whether the conversation is that of a room that is no more.
func (r *Retention) Left() bool { return r.Kind == "room" && !r.Room }
