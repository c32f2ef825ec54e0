//go:build linux

// Package drive puts load on one running server and reads from the kernel what it cost.
package drive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Plan says how much of everything.
type Plan struct {
	Users   int
	Settle  time.Duration
	Each    time.Duration
	Profile string // file for a CPU profile of the server; none if empty
	Mutexes string // the file to which a profile of waiting for mutexes is written; none if empty
}

// roomSize is how many members a room has.
const roomSize = 100

// run is a server under load.
type run struct {
	plan    Plan
	server  *process.Process
	secure  bool
	tokens  []string // of all users
	members []*member
	reading sync.WaitGroup
	heard   atomic.Int64
	result  Result
}

// Run starts the variant's server with a data folder of its own, and drives it.
func Run(ctx context.Context, plan Plan, v Variant) (_ Result, err error) {
	dir, err := os.MkdirTemp("", "sockeye-whole-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	data := filepath.Join(dir, "data")
	args := []string{"serve", "--listen=127.0.0.1:0", "--data=" + data, "--limits=off", "--chat-dm-policy=anyone", "--log-level=warn", fmt.Sprintf("--max-connections=%d", max(10_000, plan.Users))}
	if v.TLS {
		cert, key, err := writeCertificate(dir)
		if err != nil {
			return nil, err
		}
		args = append(args, "--tls-cert="+cert, "--tls-key="+key)
	}
	if plan.Profile != "" || plan.Mutexes != "" {
		args = append(args, "--pprof=on")
	}
	r := &run{plan: plan, secure: v.TLS}
	if r.server, err = process.Start(ctx, exec.CommandContext(ctx, v.Binary, append(args, v.Flags...)...), nil, v.Environment...); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.server.Stop()) }()
	if r.tokens, err = process.Tokens(data, plan.Users); err != nil {
		return nil, err
	}
	defer r.leave()
	if plan.Profile == "" {
		err = r.all(ctx)
	} else {
		err = r.profiled(ctx, r.all)
	}
	if err == nil && plan.Mutexes != "" {
		err = r.profileMutexes(ctx)
	}
	return r.result, err
}

// all goes through the day.
func (r *run) all(ctx context.Context) error {
	steps := []func(context.Context) error{r.connect, r.idle}
	if r.plan.Each > 0 {
		steps = append(steps, r.rooms, r.direct, r.native, r.poll, r.http)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) leave() {
	for _, m := range r.members {
		if m != nil {
			_ = m.conn.Close()
		}
	}
	r.reading.Wait()
}

func (r *run) note(what string, value float64) {
	r.result = append(r.result, Figure{what, value})
}

// spent runs do and returns the server's processor time meanwhile.
func (r *run) spent(do func() error) (time.Duration, error) {
	before, err := process.CPUTime(r.server.PID())
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := process.CPUTime(r.server.PID())
	return after - before, err
}

// inParallel has a number of workers call do with 0, 1, 2, … until it has been called n times or has failed.
func inParallel(n, workers int, do func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	working.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// forAWhile has a number of workers call do until the time is over, and counts the calls.
func (r *run) forAWhile(workers int, do func(worker, turn int) error) (calls int64, err error) {
	var count atomic.Int64
	end := time.Now().Add(r.plan.Each)
	err = inParallel(workers, workers, func(worker int) error {
		for turn := 0; time.Now().Before(end); turn++ {
			if err := do(worker, turn); err != nil {
				return err
			}
			count.Add(1)
		}
		return nil
	})
	return count.Load(), err
}

func (r *run) connect(ctx context.Context) error {
	before, err := process.ReadMemory(r.server.PID())
	if err != nil {
		return err
	}
	r.members = make([]*member, r.plan.Users)
	spent, err := r.spent(func() error {
		return inParallel(r.plan.Users, 16, func(i int) error {
			m, err := join(ctx, &socketIO, r.server.Addr, r.tokens[i], r.secure, &r.heard)
			if err != nil {
				return fmt.Errorf("user %d: %w", i, err)
			}
			r.members[i] = m
			r.reading.Go(m.listen)
			return nil
		})
	})
	if err != nil {
		return err
	}
	r.note("connect and sign in, µs", micros(spent, r.plan.Users))
	r.note("RSS before, MiB", float64(before.RSS)/(1<<20))
	return nil
}

func (r *run) idle(ctx context.Context) error {
	select {
	case <-time.After(r.plan.Settle):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := process.ReadMemory(r.server.PID())
	if err != nil {
		return err
	}
	before := r.result[len(r.result)-1].Value
	r.note("RSS an idle connection, KiB", (float64(after.RSS)/(1<<20)-before)*1024/float64(r.plan.Users))
	return nil
}

func micros(spent time.Duration, n int) float64 {
	return float64(spent.Nanoseconds()) / 1e3 / float64(n)
}
