package job_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func nothing(context.Context, *job.Job) (job.Result, error) { return job.Result{}, nil }

// TestMakeRefuses: what cannot be enqueued is refused by the field at fault, with the limit if there is one.
func TestMakeRefuses(t *testing.T) {
	s := newServer(t, job.Kind{Name: "kind", Handle: nothing, MaxPayload: 10})
	now := s.now()
	year := int(job.MaxAhead / (24 * time.Hour))
	for name, test := range map[string]struct {
		new   job.New
		code  refusal.Code
		field string
		limit int
	}{
		"unknown kind":          {job.New{Kind: "other"}, job.CodeUnknownKind, "kind", 0},
		"no kind":               {job.New{}, job.CodeUnknownKind, "kind", 0},
		"unknown priority":      {job.New{Kind: "kind", Priority: 7}, refusal.InvalidField, "priority", 0},
		"payload":               {job.New{Kind: "kind", Payload: make([]byte, 11)}, refusal.LimitExceeded, "payload", 10},
		"in the past":           {job.New{Kind: "kind", At: now.Add(-time.Second)}, refusal.InvalidField, "at", 0},
		"beyond a year":         {job.New{Kind: "kind", At: now.Add(job.MaxAhead + time.Minute)}, refusal.LimitExceeded, "at", year},
		"delay below 0":         {job.New{Kind: "kind", Delay: -1}, refusal.InvalidField, "delay", 0},
		"delay beyond a year":   {job.New{Kind: "kind", Delay: job.MaxAhead + 1}, refusal.LimitExceeded, "delay", int(job.MaxAhead / time.Second)},
		"at and delay":          {job.New{Kind: "kind", At: now.Add(time.Hour), Delay: 1}, refusal.InvalidField, "delay", 0},
		"key too long":          {job.New{Kind: "kind", Key: strings.Repeat("k", job.MaxKey+1)}, refusal.LimitExceeded, "key", job.MaxKey},
		"key that is no text":   {job.New{Kind: "kind", Key: "\xff"}, refusal.InvalidField, "key", 0},
		"key with U+0000":       {job.New{Kind: "kind", Key: "\x00"}, refusal.InvalidField, "key", 0},
		"cron":                  {job.New{Kind: "kind", Key: "k", Cron: "61 * * * *"}, refusal.InvalidField, "cron", 0},
		"cron without a key":    {job.New{Kind: "kind", Cron: "@daily"}, refusal.MissingFields, "key", 0},
		"cron and at":           {job.New{Kind: "kind", Key: "k", Cron: "@daily", At: now.Add(time.Hour)}, refusal.InvalidField, "at", 0},
		"cron and delay":        {job.New{Kind: "kind", Key: "k", Cron: "@daily", Delay: time.Hour}, refusal.InvalidField, "delay", 0},
		"cron that is too long": {job.New{Kind: "kind", Key: "k", Cron: strings.Repeat("*", 201)}, refusal.LimitExceeded, "cron", 200},
	} {
		_, err := s.queue.Enqueue(t.Context(), job.New{Kind: "kind"}, test.new)
		var refused *refusal.Error
		if !errors.As(err, &refused) || refused.Code != test.code || refused.Field != test.field || refused.Limit != test.limit {
			t.Errorf("%s: got %v", name, err)
		}
	}
	counts, err := s.queue.Store.Counts(t.Context(), []string{"kind"}, now)
	if err != nil || counts[0].Waiting != 0 {
		t.Errorf("%d jobs were enqueued with what was refused, %v", counts[0].Waiting, err)
	}
	if err := s.queue.Recur(t.Context(), job.New{Kind: "kind", Key: "k"}); refusal.Of(err) == nil || refusal.Of(err).Field != "cron" {
		t.Errorf("a recurring job without cron: %v", err)
	}
	if err := s.queue.Pause(t.Context(), "other", true); !errors.Is(err, job.ErrUnknownKind) {
		t.Errorf("to pause an unknown kind: %v", err)
	}
}

// TestMake: when jobs are due.
func TestMake(t *testing.T) {
	s := newServer(t, job.Kind{Name: "kind", Handle: nothing})
	tomorrow := time.Now().UTC().Truncate(time.Hour).Add(24 * time.Hour)
	for name, test := range map[string]struct {
		new  job.New
		want func(made time.Time) time.Time
	}{
		"now":       {job.New{}, func(made time.Time) time.Time { return made }},
		"delayed":   {job.New{Delay: time.Hour}, func(made time.Time) time.Time { return made.Add(time.Hour) }},
		"scheduled": {job.New{At: tomorrow}, func(time.Time) time.Time { return tomorrow }},
		"recurring": {job.New{Key: "k", Cron: "@hourly"}, func(made time.Time) time.Time { return made.Truncate(time.Hour).Add(time.Hour) }},
	} {
		test.new.Kind = "kind"
		before := s.now().Truncate(time.Millisecond)
		j, err := s.queue.Make(test.new)
		if err != nil || j.CreatedAt.Before(before) || !j.RunAt.Equal(test.want(j.CreatedAt)) || j.State != job.Waiting || j.ID == "" {
			t.Errorf("%s: %+v, %v", name, j, err)
		}
	}
}

func TestNewQueueRefuses(t *testing.T) {
	s := newServer(t, job.Kind{Name: "kind", Handle: nothing})
	good := job.Kind{Name: "kind", Handle: nothing}
	bad := map[string][]job.Kind{
		"two of a name":    {good, good},
		"no name":          {{Handle: nothing}},
		"no handler":       {{Name: "kind"}},
		"too many workers": {{Name: "kind", Handle: nothing, Workers: job.MaxBatch + 1}},
		"retries":          {{Name: "kind", Handle: nothing, Retries: -2}},
		"a time":           {{Name: "kind", Handle: nothing, Timeout: -1}},
	}
	for name, kinds := range bad {
		if _, err := job.NewQueue(kinds, s.queue.QueueDeps); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := job.NewQueue([]job.Kind{good}, job.QueueDeps{}); err == nil {
		t.Error("without a store: no error")
	}
}

// TestPrune: what has ended goes when its kind, or its state, is kept no longer.
func TestPrune(t *testing.T) {
	s := newServer(t, job.Kind{Name: "kind", Handle: nothing, Keep: time.Hour})
	end := func(state job.State) string {
		ids, err := s.queue.Enqueue(t.Context(), job.New{Kind: "kind"})
		must(t, err)
		claimed, err := s.queue.Store.Claim(t.Context(), job.Claim{Kind: "kind", Most: 1, Now: s.now(), Lease: "l:" + ids[0], Last: time.Hour})
		must(t, err)
		must(t, s.queue.Store.Finish(t.Context(), []job.End{{Held: job.Held{ID: ids[0], Lease: claimed[0].Lease}, State: state, At: s.now()}}))
		return ids[0]
	}
	done, dead := end(job.Done), end(job.Dead)
	prune := func() int {
		n, err := s.queue.Prune(t.Context())
		must(t, err)
		return n
	}
	if n := prune(); n != 0 {
		t.Errorf("%d went at once", n)
	}
	s.pass(2 * time.Hour)
	if n := prune(); n != 1 {
		t.Errorf("%d went after two hours", n)
	}
	if _, err := s.queue.Store.Job(t.Context(), done); !errors.Is(err, job.ErrNotFound) {
		t.Errorf("the done one: %v", err)
	}
	s.pass(31 * 24 * time.Hour)
	if n := prune(); n != 1 {
		t.Errorf("%d went after a month", n)
	}
	if _, err := s.queue.Store.Job(t.Context(), dead); !errors.Is(err, job.ErrNotFound) {
		t.Errorf("the dead one: %v", err)
	}
}
