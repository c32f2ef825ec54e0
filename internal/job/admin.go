package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// MaxListed is how many jobs a page has at most.
const MaxListed = 100

// Figures are what is known of the jobs of a queue's kinds, on all nodes but for the workers.
type Figures struct {
	QueueLength  int // jobs that wait
	WorkerCount  int // of a node
	BatchSize    int
	BatchTimeout time.Duration
	Kinds        []Count
}

// Figures asks the store.
func (q *Queue) Figures(ctx context.Context) (Figures, error) {
	f := Figures{BatchSize: MaxBatch, BatchTimeout: BatchTimeout}
	counts, err := q.Store.Counts(ctx, q.Kinds(), q.Now())
	if err != nil {
		return f, errors.Join(errors.New("count jobs"), err)
	}
	for _, c := range counts {
		f.QueueLength += c.Waiting
		f.WorkerCount += q.kinds[c.Kind].Workers
	}
	f.Kinds = counts
	return f, nil
}

// Workers is how many jobs of a kind a node does at a time; 0 of an unknown kind.
func (q *Queue) Workers(kind string) int { return q.kinds[kind].Workers }

// ShowsPayload tells whether administrators may read what jobs of a kind are about.
func (q *Queue) ShowsPayload(kind string) bool { return q.kinds[kind].Open }

// maxID is how many bytes the id of a job has at most.
const maxID = 64

// checkID says of what is no id that there is no such job: no store need see it.
func checkID(id string) error {
	if len(id) > maxID || !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return ErrNotFound
	}
	return nil
}

// Job returns a job, or [ErrNotFound].
func (q *Queue) Job(ctx context.Context, id string) (Job, error) {
	if err := checkID(id); err != nil {
		return Job{}, err
	}
	return q.Store.Job(ctx, id)
}

// Dead returns a page of dead jobs, the last one first, of a kind or of all.
func (q *Queue) Dead(ctx context.Context, of DeadQuery) ([]Job, error) {
	switch _, known := q.kinds[of.Kind]; {
	case of.Kind != "" && !known:
		return nil, ErrUnknownKind
	case checkID(of.Before.ID) != nil:
		return nil, refusal.Invalid("before", "must be the place of a job")
	}
	if err := checkLimit(of.Limit); err != nil {
		return nil, err
	}
	return q.Store.Dead(ctx, of)
}

// Waiting returns a page of the jobs of a kind that wait, by priority and then by the time to run: about in the order in which
// they are taken.
func (q *Queue) Waiting(ctx context.Context, of WaitingQuery) ([]Job, error) {
	switch _, known := q.kinds[of.Kind]; {
	case of.Kind == "":
		return nil, refusal.Missing("kind")
	case !known:
		return nil, ErrUnknownKind
	case checkID(of.After.ID) != nil || !slices.Contains(Priorities, of.After.Priority):
		return nil, refusal.Invalid("after", "must be the turn of a job")
	}
	if err := checkLimit(of.Limit); err != nil {
		return nil, err
	}
	return q.Store.Waiting(ctx, of)
}

func checkLimit(limit int) error {
	switch {
	case limit < 1:
		return refusal.Invalid("limit", "must be at least 1")
	case limit > MaxListed:
		return refusal.Beyond("limit", MaxListed, fmt.Sprintf("must be at most %d", MaxListed))
	}
	return nil
}

// Cancel has a job not be done, see [Store].
func (q *Queue) Cancel(ctx context.Context, id string) (State, error) {
	if err := checkID(id); err != nil {
		return "", err
	}
	return q.Store.Cancel(ctx, id, q.Now())
}

// Retry has a job done now that waits or is dead, see [Store].
func (q *Queue) Retry(ctx context.Context, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	return q.Store.Retry(ctx, id, q.Now())
}

// Drop removes a job that has ended, see [Store].
func (q *Queue) Drop(ctx context.Context, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	return q.Store.Drop(ctx, id, q.Now().UTC().Truncate(time.Millisecond))
}
