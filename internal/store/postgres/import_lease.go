package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// ErrInUse says that a server has the database, or another import.
var ErrInUse = errors.New("in use")

// importing is the lease of the one process that fills the database.
const importing = "import"

// A lease is renewed some ten times before it would run out. What is waited for after the death of a process on another
// machine is leaseFor.
const (
	leaseFor   = 10 * time.Second
	leaseEvery = time.Second
	leaseLook  = 200 * time.Millisecond
)

// Holder says who wants a lease.
type Holder struct {
	// Host is the name of the machine, for people.
	Host string
	// Place is what only one process can have at a time, such as a locked file, by a name that is nothing else's
	// anywhere. Who has it takes the lease of one who had it before, without waiting: that one is dead. Empty is none.
	Place string
}

// lease keeps other imports away from a database. All methods may be called concurrently.
type lease struct {
	store  *Store
	holder string // this process, among all

	cancel context.CancelFunc
	done   sync.WaitGroup
	lost   chan struct{} // closed when it has become another's: the database was away from this process for long
}

// hold makes this process the one that fills the database. While another one does, the error is an [ErrInUse]; one that has
// died without a word is waited for, 10 s at most. The lease is renewed until release, and needs the store that long.
func (s *Store) hold(ctx context.Context, by Holder) (*lease, error) {
	l := &lease{store: s, holder: rand.Text(), lost: make(chan struct{})}
	var first time.Time // until when somebody else had it at first
	for {
		other, until, err := l.take(ctx, by)
		switch {
		case err != nil:
			return nil, fmt.Errorf("postgres: take the lease: %w", err)
		case other == "":
			l.start()
			return l, nil
		case first.IsZero():
			first = until
		case until.After(first):
			return nil, fmt.Errorf("postgres: the database is %w by another sockeye migrate, on %s", ErrInUse, other)
		}
		select {
		case <-time.After(leaseLook):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take takes the lease if it can be had, and else tells who has it until when.
func (l *lease) take(ctx context.Context, by Holder) (other string, until time.Time, err error) {
	var holder string
	err = l.store.readers.row(ctx, `
		INSERT INTO leases AS l (name, holder, host, place, until) VALUES ($1, $2, $3, $4, clock_timestamp() + $5::bigint * interval '1 ms')
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, host = excluded.host, place = excluded.place, until = excluded.until
			WHERE l.until < clock_timestamp() OR l.place = excluded.place AND l.place <> ''
		RETURNING holder`, importing, l.holder, by.Host, by.Place, leaseFor.Milliseconds()).Scan(&holder)
	if err == nil {
		return "", time.Time{}, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return "", time.Time{}, err
	}
	err = l.store.readers.row(ctx, `SELECT host, until FROM leases WHERE name = $1`, importing).Scan(&other, &until)
	if errors.Is(err, pgx.ErrNoRows) { // it was given back meanwhile: the next attempt has it
		return "nobody", time.Time{}, nil
	}
	return other, until, err
}

func (l *lease) start() {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.done.Go(func() { l.renew(ctx) })
}

// renew renews the lease until it is given back, or has become another's. While the database is away nobody takes it.
func (l *lease) renew(ctx context.Context) {
	ticker := time.NewTicker(leaseEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		var one int
		mine, err := rows.Found(l.store.readers.row(ctx, `
			UPDATE leases SET until = clock_timestamp() + $3::bigint * interval '1 ms' WHERE name = $1 AND holder = $2
			RETURNING 1`, importing, l.holder, leaseFor.Milliseconds()).Scan(&one))
		if err == nil && !mine {
			close(l.lost)
			return
		}
	}
}

// release gives the lease back, if that can be done in a second: else it runs out. It is called once.
func (l *lease) release() {
	l.cancel()
	l.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.store.readers.each(ctx, func(rows.Row) error { return nil }, `DELETE FROM leases WHERE name = $1 AND holder = $2`, importing, l.holder)
}
