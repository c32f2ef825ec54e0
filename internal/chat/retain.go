package chat

import (
	"context"
	"fmt"
	"time"
)

// retainPortion is how many log entries are removed in one transaction: about as
// long as the store may write nothing else.
const retainPortion = 200

// Retain is the command to remove what is kept no longer.
type Retain struct {
	Now time.Time
	// DirectRetention is how long direct messages are kept; 0 is for ever.
	DirectRetention time.Duration
	// Portion is how many entries of logs are removed in one transaction at most.
	Portion int
}

// Retain removes what is older than its room's retention, and what is left of
// rooms that are no more, in portions, between which others can write. Nobody is
// told. It is for a background task, to be called now and then by one caller at a
// time; it returns how many log entries went, and early when ctx ends.
func (s *Service) Retain(ctx context.Context, now time.Time) (removed int, err error) {
	removed, err = s.store.Retain(ctx, Retain{Now: now, DirectRetention: s.cfg.DirectRetention, Portion: retainPortion})
	if err != nil {
		return removed, fmt.Errorf("retain: %w", err)
	}
	return removed, nil
}
