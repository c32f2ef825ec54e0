package broadcast

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
)

// Store keeps broadcasts. All methods may be called concurrently, and each is one transaction.
type Store interface {
	// CreateBroadcast stores one with its first job, and returns it. Where another one has its key nothing is stored, and
	// that one is returned if its fingerprint is the same: else it is an [ErrKeyReused].
	CreateBroadcast(ctx context.Context, b Broadcast, fingerprint []byte, first job.Job) (Broadcast, error)
	// Broadcast returns one, or an [ErrNotFound].
	Broadcast(ctx context.Context, id string) (Broadcast, error)
	// AdvanceBroadcast stores how far one has come, with the jobs that follow, if it has not ended and stands at step from. It tells
	// whether that was so.
	AdvanceBroadcast(ctx context.Context, id string, from int64, to Progress, then []job.Job) (bool, error)
	// CancelBroadcast has one end, and removes its first job unless that runs. Of one that is cancelled nothing changes; one that
	// has ended otherwise is an [ErrEnded].
	CancelBroadcast(ctx context.Context, id string, at time.Time) (Broadcast, error)
	// PruneBroadcasts removes up to limit of those that ended before some time, and returns how many.
	PruneBroadcasts(ctx context.Context, before time.Time, limit int) (int, error)
}
