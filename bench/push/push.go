//go:build linux

// Package push measures pushes: how many Web Pushes a server sends a second and core, encryption included, and what memory a broadcast to
// many users takes.
//
//	push.go      Options, Run, what is measured
//	service.go   what stands in for the browsers' push service
//	report.go    what came out
package push

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// Options say how to measure.
type Options struct {
	Rounds   int
	Short    bool // few users: the figures mean nothing
	Progress io.Writer
}

// scale is how much there is of all.
type scale struct {
	devices int // that are told, one for each user
	few     int // users of a small broadcast, and of a large one
	many    int
}

func (o *Options) scale() scale {
	if o.Short {
		return scale{devices: 200, few: 200, many: 1000}
	}
	return scale{devices: 10_000, few: 10_000, many: 100_000}
}

// runner has what the measurements share.
type runner struct {
	*process.Workbench
	options Options
	started int // for the names of data
}

// Run measures. Beside an error of some of the measurements it returns a report on the others; without a report nothing could be
// measured.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	bench, err := process.SetUp(ctx, "push", options.Progress, 4000, "./cmd/sockeye")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bench.Close()) }()
	if options.Short {
		bench.Unpin()
	}
	r := &runner{Workbench: bench, options: options}
	report = &Report{Short: options.Short, scale: options.scale()}
	for round := range options.Rounds {
		sent, err := r.send(ctx, report.scale.devices)
		if err != nil {
			return report, fmt.Errorf("send pushes: %w", err)
		}
		r.Say("run %d  %.0f pushes a second and core, %.0f by the clock", round+1, sent.PerCore(), sent.PerSecond())
		report.Sent = append(report.Sent, sent)
		var told [2]Told
		for i, users := range []int{report.scale.few, report.scale.many} {
			if told[i], err = r.tell(ctx, users); err != nil {
				return report, fmt.Errorf("tell %d users: %w", users, err)
			}
			r.Say("run %d  %d users are told in %v, and memory grows by %.1f MiB", round+1, users, told[i].Took.Round(time.Millisecond), told[i].Growth())
		}
		report.Few, report.Many = append(report.Few, told[0]), append(report.Many, told[1])
	}
	return report, nil
}

// Sent is what it took to tell devices.
type Sent struct {
	Pushes    int
	CPU, Took time.Duration
}

// PerCore is how many a core sends a second, PerSecond how many were sent by the clock.
func (s Sent) PerCore() float64 { return float64(s.Pushes) / s.CPU.Seconds() }

// PerSecond is how many went out in a second.
func (s Sent) PerSecond() float64 { return float64(s.Pushes) / s.Took.Seconds() }

// send has devices told something, one of each user, and takes the time of the server.
func (r *runner) send(ctx context.Context, devices int) (sent Sent, err error) {
	service, err := listen(devices)
	if err != nil {
		return sent, err
	}
	defer service.close()
	data, err := r.fill(ctx, devices, service)
	if err != nil {
		return sent, err
	}
	s, key, err := r.serve(ctx, data)
	if err != nil {
		return sent, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	before, err := process.CPUTime(s.PID())
	if err != nil {
		return sent, err
	}
	begun := time.Now()
	if _, err := s.notify(ctx, key); err != nil {
		return sent, err
	}
	if err := service.await(ctx); err != nil {
		return sent, err
	}
	took := time.Since(begun)
	after, err := process.CPUTime(s.PID())
	return Sent{Pushes: devices, CPU: after - before, Took: took}, err
}

// Told is what it took to tell users something, who have no devices.
type Told struct {
	Users        int
	Before, Peak int64 // bytes of resident memory
	Took         time.Duration
}

// Growth is by how much memory has grown, in MiB.
func (t Told) Growth() float64 { return float64(t.Peak-t.Before) / (1 << 20) }

// tell tells all users something.
func (r *runner) tell(ctx context.Context, users int) (told Told, err error) {
	data, err := r.fill(ctx, users, nil)
	if err != nil {
		return told, err
	}
	s, key, err := r.serve(ctx, data)
	if err != nil {
		return told, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	before, err := process.ReadMemory(s.PID())
	if err != nil {
		return told, err
	}
	begun := time.Now()
	id, err := s.notify(ctx, key)
	if err != nil {
		return told, err
	}
	reached, err := s.await(ctx, key, id)
	if err != nil {
		return told, err
	}
	if reached != users {
		return told, fmt.Errorf("%d users were told, not %d", reached, users)
	}
	took := time.Since(begun)
	after, err := process.ReadMemory(s.PID())
	return Told{Users: users, Before: before.RSS, Peak: after.Peak, Took: took}, err
}

// together is how many users are stored at a time: they share commits.
const together = 64

// fill makes a data folder with users, who have a device each if there is a service for them.
func (r *runner) fill(ctx context.Context, users int, service *service) (data string, err error) {
	r.started++
	data = filepath.Join(r.Dir, fmt.Sprintf("data-%d", r.started))
	store, err := sqlite.Open(ctx, sqlite.DefaultConfig(data), func([]chat.Event) {})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	accounts := store.Accounts(func([]account.Event) {})
	errs := make([]error, together)
	var all sync.WaitGroup
	for worker := range together {
		all.Go(func() {
			for i := worker; i < users && errs[worker] == nil; i += together {
				errs[worker] = addUser(ctx, store, accounts, i, service)
			}
		})
	}
	all.Wait()
	return data, errors.Join(errs...)
}

func addUser(ctx context.Context, store *sqlite.Store, accounts *sqlite.Accounts, n int, service *service) error {
	id, now := account.UserID(process.UserID(n)), time.Now().UTC().Truncate(time.Millisecond)
	if _, _, err := accounts.EnsureUser(ctx, account.EnsureUser{ID: id, Name: string(id), Issuer: account.OwnIssuer, At: now}); err != nil {
		return err
	}
	if service == nil {
		return nil
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	auth := make([]byte, 16)
	_, _ = rand.Read(auth)
	return store.AddPushSubscription(ctx, push.Subscription{
		ID: fmt.Sprintf("ps_%d", n), UserID: id, Type: push.TypeWebPush, Address: fmt.Sprintf("%s/%d", service.url, n),
		PublicKey: key.PublicKey().Bytes(), Auth: auth, CreatedAt: now,
	})
}
