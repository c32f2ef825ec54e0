package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// victimSetting names the environment variable that makes the test binary a process to be killed, with a setting as JSON.
const victimSetting = "JOB_TEST_VICTIM"

// setting is where jobs are, for the processes that do them.
type setting struct {
	Data     string // folder of an SQLite database
	Database string // or the address of a PostgreSQL database
	Place    string // of the process there: one that has the place of another frees what that had
}

// opened is a store that can be closed.
type opened struct {
	job.Store
	io.Closer
}

// open opens the database. Who does jobs attends, with an id that its leases begin with.
func (s setting) open(ctx context.Context, node string) (opened, error) {
	if s.Database == "" {
		store, err := sqlite.Open(ctx, sqlite.DefaultConfig(s.Data), func([]chat.Event) {})
		if err != nil {
			return opened{}, err
		}
		return opened{store.Jobs(), store}, nil
	}
	store, err := postgres.Open(ctx, postgres.DefaultConfig(s.Database), func([]chat.Event) {})
	if err != nil {
		return opened{}, err
	}
	if node != "" {
		if err := store.Attend(ctx, postgres.Node{ID: node, Place: s.Place, Started: time.Now()}); err != nil {
			return opened{}, errors.Join(err, store.Close())
		}
	}
	return opened{store.Jobs(), store}, nil
}

// config is that of a server with such a database.
func (s setting) config() job.Config {
	cfg := job.DefaultConfig()
	if s.Database != "" {
		cfg = job.SharedConfig()
	}
	return cfg
}

// runVictim does jobs until it is killed, or until standard input ends: then it stops in order.
func runVictim(text string) int {
	if err := beVictim(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func beVictim(text string) error {
	var s setting
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	cfg := s.config()
	cfg.Node = chat.NewID()
	store, err := s.open(context.Background(), cfg.Node)
	if err != nil {
		return err
	}
	v := &puppet{goOn: make(chan struct{})}
	v.queue, err = job.NewQueue(v.kinds(), job.QueueDeps{Store: store, Now: time.Now, NewID: chat.NewID})
	if err != nil {
		return err
	}
	runner, err := job.NewRunner(cfg, job.Deps{
		Queue: v.queue, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Observe: func(string, job.Outcome, time.Duration) {},
	})
	if err != nil {
		return err
	}
	runner.Start()
	go v.watchClock()
	v.obey()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return errors.Join(runner.Stop(ctx), store.Close())
}

// puppet does jobs as it is told: it says on standard output when one begins, and for each byte of standard input one ends.
type puppet struct {
	queue *job.Queue
	goOn  chan struct{}
}

// The kinds. Of the second one, jobs have unique keys: they are steps of chains, each of which causes the next under the same key.
const (
	plainKind  = "plain"
	uniqueKind = "unique"
)

func (v *puppet) kinds() []job.Kind {
	return []job.Kind{{Name: plainKind, Handle: v.handle}, {Name: uniqueKind, Handle: v.handle, Workers: 8}}
}

// plainJob is the name of a job, which is its payload.
func plainJob(n int) string { return fmt.Sprintf("p.%d", n) }

// step is a job with a key.
type step struct{ chain, n, of int }

func (s step) String() string { return fmt.Sprintf("u.%d.%d.%d", s.chain, s.n, s.of) }

func (s step) key() string { return fmt.Sprintf("chain %d", s.chain) }

func (s step) job() job.New {
	return job.New{Kind: uniqueKind, Key: s.key(), Payload: []byte(s.String())}
}

func stepOf(name string) (s step, is bool) {
	_, err := fmt.Sscanf(name, "u.%d.%d.%d", &s.chain, &s.n, &s.of)
	return s, err == nil
}

func (v *puppet) handle(ctx context.Context, j *job.Job) (result job.Result, err error) {
	v.say(began, string(j.Payload))
	select {
	case <-v.goOn:
	case <-ctx.Done():
		v.say(gaveUp, string(j.Payload))
		return job.Result{}, context.Cause(ctx)
	}
	if s, is := stepOf(string(j.Payload)); is && s.n < s.of {
		next, err := v.queue.Make(step{s.chain, s.n + 1, s.of}.job())
		if err != nil {
			return job.Result{}, err
		}
		result.Then = []job.Job{next}
	}
	v.say(ended, string(j.Payload))
	return result, nil
}

// What a puppet says, with the time and the name of a job.
const (
	began  = 'b'
	ended  = 'e'
	gaveUp = 'x'
	stood  = 's' // it was not given any time until now; in place of a job since when
)

func (v *puppet) say(what byte, of string) {
	line := fmt.Appendf(nil, "%c %d %s\n", what, time.Now().UnixNano(), of)
	if _, err := os.Stdout.Write(line); err != nil {
		os.Exit(1) // nobody listens any more
	}
}

// watchClock notices when the process was not given any time.
func (v *puppet) watchClock() {
	for last := time.Now(); ; last = time.Now() {
		time.Sleep(100 * time.Millisecond)
		if time.Since(last) > time.Second {
			v.say(stood, fmt.Sprint(last.UnixNano()))
		}
	}
}

// obey has a job end for each byte that comes.
func (v *puppet) obey() {
	buf := make([]byte, 1)
	for {
		if _, err := os.Stdin.Read(buf); err != nil {
			return
		}
		v.goOn <- struct{}{}
	}
}
