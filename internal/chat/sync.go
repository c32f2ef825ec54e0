package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The limits of one sync.
const (
	// MaxSynced is how many conversations may be named at once.
	MaxSynced = 1000
	// MaxSyncEvents and MaxSyncBytes are how much comes back at once.
	MaxSyncEvents = 500
	MaxSyncBytes  = 512 << 10
	// MaxBehind is how many events are worth sending: who missed more starts anew.
	MaxBehind = 1000
	// MaxNew is how many conversations are introduced at once.
	MaxNew = 100
	// MaxHeads is how many ends of logs are announced at once.
	MaxHeads = 1000
	// MaxEpoch is how long the name of an epoch may be, in bytes.
	MaxEpoch = 64
)

// SyncQuery is the question to the store, with the limits above.
type SyncQuery struct {
	User      UserID
	Since     map[string]int64
	Epoch     string // in which the seqs were seen; empty: not known
	MaxEvents int
	MaxBytes  int
	MaxBehind int64
	MaxNew    int
}

// Synced is the answer: the conversations named, by their ids, and the new ones.
// More tells that there is more to ask for at once, from where this answer ends.
type Synced struct {
	Epoch         string // of the database
	Conversations []SyncedConversation
	New           []Summary
	More          bool
}

// SyncedConversation is what happened in one conversation. Gone: the caller is in
// it no longer, and there is nothing else. Reset: what is missing cannot be told;
// the client reads the history again and goes on from Seq. Events come in order
// right after the seq asked about, as many as there was room for.
type SyncedConversation struct {
	ConversationID string
	Gone           bool
	Reset          bool
	FirstSeq       int64
	Seq            int64
	Mark           int64
	Events         []Event
}

// Sync returns what came after the seq of each named conversation, with the
// content that it has now, and which conversations the caller is in beside. A seq
// of 0 asks for all. New conversations are introduced like in a list, at most
// [MaxNew]; the client names them in its next sync. In an answer without More only
// conversations without Reset are complete. epoch is that of which the seqs are, as an
// earlier answer had it: of another epoch's seqs nothing follows, and every conversation
// is Reset. Empty is for clients that do not know.
func (s *Service) Sync(ctx context.Context, a Actor, since map[string]int64, epoch string) (Synced, error) {
	if since == nil {
		return Synced{}, refusal.Missing("conversations")
	}
	if len(since) > MaxSynced {
		return Synced{}, refusal.TooMuch("conversations", MaxSynced, "conversations")
	}
	if len(epoch) > MaxEpoch {
		return Synced{}, refusal.TooMuch("epoch", MaxEpoch, "bytes")
	}
	for id, seq := range since {
		if seq < 0 {
			return Synced{}, refusal.Invalid(fmt.Sprintf("conversations[%.80q]", id), "must not be negative")
		}
	}
	synced, err := s.store.Sync(ctx, SyncQuery{
		User: a.ID, Since: since, Epoch: epoch, MaxEvents: MaxSyncEvents, MaxBytes: MaxSyncBytes, MaxBehind: MaxBehind, MaxNew: MaxNew,
	})
	if err != nil {
		return Synced{}, fmt.Errorf("sync: %w", err)
	}
	return synced, nil
}

// Epoch names the life of the database, see [SyncQuery]. It is another one after a
// restore.
func (s *Service) Epoch(ctx context.Context) (string, error) {
	epoch, err := s.store.Epoch(ctx)
	if err != nil {
		return "", fmt.Errorf("read the epoch: %w", err)
	}
	return epoch, nil
}

// Unknown reports whether a client that has seen the log up to since must start
// anew: it has seen another epoch's, too much is missing, or not there any more, or the
// log never came so far.
func (q *SyncQuery) Unknown(epoch string, since, first, head int64) bool {
	return q.Epoch != "" && q.Epoch != epoch || head-since > q.MaxBehind || since+1 < first || since > head
}

// Head is the end of a conversation's log, and who may know.
type Head struct {
	ConversationID string
	Seq            int64
	Audience       Audience
}

// Changed returns the ends of the logs to which something was added at since or
// later, at most [MaxHeads] and the latest. Servers announce them, so that a lost
// last event shows. Times are those of events: let the intervals overlap.
func (s *Service) Changed(ctx context.Context, since time.Time) ([]Head, error) {
	heads, err := s.store.Changed(ctx, since, MaxHeads)
	if err != nil {
		return nil, fmt.Errorf("read changed conversations: %w", err)
	}
	return heads, nil
}

// Heads returns the ends of those of the user's logs to which something was added
// at since or later, at most [MaxHeads] and the latest, for a device that has just
// connected. It costs what has changed, not what there is, where little has.
func (s *Service) Heads(ctx context.Context, user UserID, since time.Time) ([]Head, error) {
	heads, err := s.store.Heads(ctx, user, since, MaxHeads)
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	return heads, nil
}
