package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Node is a server of the database.
type Node struct {
	// ID is its own for as long as it runs.
	ID string
	// Host is the name of the machine, for people.
	Host string
	// Place is what only one process can have at a time, such as a locked file, by a name that is nothing else's anywhere.
	// One that had it before is dead. Empty is none.
	Place   string
	Version string // of the program
	Started time.Time
}

// A node renews its row. One that has not done so for silentFor is taken for dead: its writer is ended, so that nobody
// waits for what it may still write. To those who ask it has been there lately.
const (
	renewEvery = time.Second
	lately     = 10 * time.Second
	silentFor  = time.Minute
)

// attendance is this process as a node.
type attendance struct {
	store  *Store
	node   Node
	cancel context.CancelFunc
	done   sync.WaitGroup

	database time.Time // the database's clock, when the row was renewed last
	here     time.Time // this machine's, somewhat later
}

// Attend makes this process one of the nodes, until Close. It fails where the database is being filled. From then on it also
// ends the writers of nodes that are dead, and removes what is kept no longer of commits. It is called once.
func (s *Store) Attend(ctx context.Context, node Node) error {
	a := &attendance{store: s, node: node}
	err := a.renew(ctx)
	if err == nil {
		err = s.refuseFilling(ctx)
	}
	if err == nil {
		err = a.bury(ctx, node.Place)
	}
	if err != nil {
		a.leave()
		return fmt.Errorf("postgres: join the servers: %w", err)
	}
	ctx, a.cancel = context.WithCancel(context.Background())
	a.done.Go(func() { a.attend(ctx) })
	s.attendance = a
	return nil
}

func (s *Store) refuseFilling(ctx context.Context) error {
	var filling bool
	if err := s.readers.row(ctx, `SELECT EXISTS (SELECT 1 FROM imports)`).Scan(&filling); err != nil || !filling {
		return err
	}
	return ErrUnfinished
}

// attend renews the row, and looks after what the others have left. What fails is done the next time: the database is away.
func (a *attendance) attend(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	var tidied time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if a.renew(ctx) != nil {
			continue
		}
		_ = a.bury(ctx, "")
		_ = a.release(ctx)
		if time.Since(tidied) >= tidyEvery && a.store.tidy(ctx) == nil {
			tidied = time.Now()
		}
	}
}

// renew says that the node is there. One that was taken for dead is there again.
func (a *attendance) renew(ctx context.Context) error {
	var now time.Time
	err := a.store.readers.row(ctx, `
		INSERT INTO nodes AS n (id, host, place, version, writer, started, in_step, until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8::bigint * interval '1 ms')
		ON CONFLICT (id) DO UPDATE SET writer = excluded.writer, in_step = excluded.in_step, until = excluded.until
		RETURNING clock_timestamp()`,
		a.node.ID, a.node.Host, a.node.Place, a.node.Version, a.store.writerID.Load(), a.node.Started.UnixMilli(), a.inStep(),
		silentFor.Milliseconds()).Scan(&now)
	if err == nil {
		a.database, a.here = now, time.Now()
	}
	return err
}

// inStep is the time of the database by which this process has heard of everything, or somewhat before. Whatever the clocks
// say: how long ago that was is counted from when the database told its time.
func (a *attendance) inStep() *time.Time {
	if a.store.cfg.InStep == nil || a.database.IsZero() {
		return nil
	}
	at := a.database.Add(a.store.cfg.InStep().Sub(a.here))
	return &at
}

// lookForNodes is how often AwaitNodes looks.
const lookForNodes = 50 * time.Millisecond

// AwaitNodes returns once all servers have heard of what is committed by now, or with the error of ctx. Servers that were not
// there within the last 10 s are not waited for.
func (s *Store) AwaitNodes(ctx context.Context) error {
	var now time.Time
	if err := s.readers.row(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return fmt.Errorf("postgres: wait for servers: %w", err)
	}
	look := time.NewTicker(lookForNodes)
	defer look.Stop()
	for {
		var behind int
		err := s.readers.row(ctx, `
			SELECT count(*) FROM nodes WHERE until > clock_timestamp() + $1::bigint * interval '1 ms' AND (in_step IS NULL OR in_step < $2)`,
			(silentFor - lately).Milliseconds(), now).Scan(&behind)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("postgres: wait for servers: %w", err)
		}
		if behind == 0 {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// endWriters ends writers; whose they are comes before it, as the table gone. It waits for the end of what they write now.
const endWriters = `UPDATE writers w SET ended = true, ended_at = ` + nowMillis + ` FROM gone WHERE w.id = gone.writer AND NOT w.ended`

// nowMillis is the time of the database.
const nowMillis = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`

// bury removes the nodes that are dead, those that were at a place too, ends their writers, and has others do their jobs. One
// that is not dead but was asleep takes another writer.
func (a *attendance) bury(ctx context.Context, place string) error {
	gone, err := rows.Collect(a.store.readers.rows(ctx), nil, rows.One[string], `
		WITH gone AS (
				DELETE FROM nodes WHERE id <> $1 AND (until < clock_timestamp() OR place = $2 AND place <> '') RETURNING id, writer),
			ended AS (`+endWriters+`)
		SELECT id FROM gone`, a.node.ID, place)
	if err != nil {
		return err
	}
	return a.store.freeOf(ctx, gone)
}

// haltedFor is how long a transaction may wait for the rest of what a process has begun to send.
const haltedFor = 5 * time.Second

// release ends transactions that hold up others because their process, or the way from it, has stopped in the midst of sending
// several statements: for these the database has no limit of its own.
func (a *attendance) release(ctx context.Context) error {
	return a.store.readers.change(ctx, `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND usename = current_user AND application_name = $1 AND pid <> pg_backend_pid()
			AND wait_event = 'ClientRead' AND xact_start IS NOT NULL
			AND greatest(xact_start, query_start) < clock_timestamp() - $2::bigint * interval '1 ms'`,
		applicationName, haltedFor.Milliseconds())
}

// leave takes the node out, if that can be done in a second.
func (a *attendance) leave() {
	if a.cancel != nil {
		a.cancel()
		a.done.Wait()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = a.store.readers.change(ctx, `DELETE FROM nodes WHERE id = $1`, a.node.ID)
}

// Nodes are the servers that have the database, or had it within the last 10 s and have not said that they go; the oldest
// first.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	nodes := []Node{}
	err := s.readers.each(ctx, func(row rows.Row) error {
		var n Node
		var started int64
		err := row.Scan(&n.ID, &n.Host, &n.Place, &n.Version, &started)
		n.Started = rows.Instant(started)
		nodes = append(nodes, n)
		return err
	}, `
		SELECT id, host, place, version, started FROM nodes
		WHERE until > clock_timestamp() + $1::bigint * interval '1 ms' ORDER BY started, id`, (silentFor - lately).Milliseconds())
	if err != nil {
		return nil, fmt.Errorf("postgres: look for servers: %w", err)
	}
	return nodes, nil
}

// What is kept of commits, how often the rest is removed, and how many at a time. A writer that is no node's, such as that
// of an operator's command which was killed, ends after some time; one that lives takes another.
const (
	keepCommits   = 10 * time.Minute
	tidyEvery     = time.Minute
	tidyAtOnce    = 5000
	strayEndAfter = time.Hour
)

// tidy removes what is kept no longer of commits and writers.
func (s *Store) tidy(ctx context.Context) error {
	mine, err := s.Once(ctx, "tidy", tidyEvery/2)
	if err != nil || !mine {
		return err
	}
	for {
		var removed int
		err := s.readers.row(ctx, `
			WITH gone AS (
					DELETE FROM commits WHERE ctid = ANY (ARRAY (
						SELECT ctid FROM commits WHERE at < `+nowMillis+` - $1 ORDER BY at LIMIT $2))
					RETURNING writer, n),
				noted AS (
					UPDATE writers w SET forgotten = greatest(w.forgotten, g.n)
					FROM (SELECT writer, max(n) AS n FROM gone GROUP BY writer) g WHERE w.id = g.writer)
			SELECT count(*) FROM gone`, keepCommits.Milliseconds(), tidyAtOnce).Scan(&removed)
		if err != nil {
			return fmt.Errorf("postgres: forget commits: %w", err)
		}
		if removed < tidyAtOnce {
			break
		}
	}
	err = s.readers.change(ctx, `
		WITH gone AS (
			SELECT id AS writer FROM writers
			WHERE NOT ended AND began_at < `+nowMillis+` - $1 AND id NOT IN (SELECT writer FROM nodes))
		`+endWriters, strayEndAfter.Milliseconds())
	if err == nil {
		err = s.readers.change(ctx, `DELETE FROM writers WHERE ended AND ended_at < `+nowMillis+` - $1`, keepCommits.Milliseconds())
	}
	if err != nil {
		return fmt.Errorf("postgres: forget writers: %w", err)
	}
	return nil
}

// Once tells whether this process is the one that does something for all, by its name. If it is, it stays so for the time
// given, and longer where it asks again within it; another one is at the earliest when the time has run out.
func (s *Store) Once(ctx context.Context, name string, period time.Duration) (mine bool, err error) {
	var one int
	mine, err = rows.Found(s.readers.row(ctx, `
		INSERT INTO leases AS l (name, holder, host, place, until)
		VALUES ('once ' || $1, $2, '', '', clock_timestamp() + $3::bigint * interval '1 ms')
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
			WHERE l.until < clock_timestamp() OR l.holder = excluded.holder
		RETURNING 1`, name, s.id, period.Milliseconds()).Scan(&one))
	if err != nil {
		return false, fmt.Errorf("postgres: ask who does %s: %w", name, err)
	}
	return mine, nil
}
