package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

func join(t *testing.T, s *postgres.Store, node postgres.Node) {
	t.Helper()
	if err := s.Attend(t.Context(), node); err != nil {
		t.Fatal(err)
	}
}

// openNode opens a store that the test closes itself.
func openNode(t *testing.T, address string, node postgres.Node) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.DefaultConfig(address), discard)
	if err != nil {
		t.Fatal(err)
	}
	join(t, s, node)
	return s
}

func nodes(t *testing.T, s *postgres.Store) (ids []string) {
	t.Helper()
	there, err := s.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range there {
		ids = append(ids, node.ID)
	}
	return ids
}

// eventually waits for what another goroutine does by itself.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come", what)
		}
	}
}

// TestNodes: who has joined is there until it closes, and commands beside are no nodes.
func TestNodes(t *testing.T) {
	address := pgtest.Database(t)
	beside := openStore(t, address, discard)
	if there := nodes(t, beside); len(there) != 0 {
		t.Errorf("there are %v", there)
	}
	started := time.UnixMilli(1_700_000_000_123).UTC()
	want := postgres.Node{ID: "a", Host: "alpha", Place: "here", Version: "1.2.3", Started: started}
	a := openNode(t, address, want)
	b := openNode(t, address, postgres.Node{ID: "b", Started: started.Add(1)})
	there, err := beside.Nodes(t.Context())
	if err != nil || len(there) != 2 || there[0] != want || there[1].ID != "b" {
		t.Errorf("there are %+v, error %v", there, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if there := nodes(t, beside); !slices.Equal(there, []string{"b"}) {
		t.Errorf("when one has closed there are %v", there)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if n := ask(t, address, `SELECT count(*) FROM nodes`); n != 0 {
		t.Errorf("%d nodes are left", n)
	}
	if n := ask(t, address, `SELECT count(*) FROM writers WHERE NOT ended`); n != 1 {
		t.Errorf("%d writers have not ended, want that of the command alone", n)
	}
}

// TestJobsOfDeadNode: what a server had claimed is free at once where the next one takes its place, and those of others are not.
func TestJobsOfDeadNode(t *testing.T) {
	address := pgtest.Database(t)
	dead := openStore(t, address, discard)
	join(t, dead, postgres.Node{ID: "dead", Place: "folder"})
	now := time.UnixMilli(1_700_000_000_000).UTC()
	jobs := dead.Jobs()
	if err := jobs.Enqueue(t.Context(), []job.Job{{ID: "j1", Kind: "k", RunAt: now, CreatedAt: now}, {ID: "j2", Kind: "k", RunAt: now, CreatedAt: now}}); err != nil {
		t.Fatal(err)
	}
	for _, lease := range []string{"dead:1", "dead-not:1"} {
		claimed, err := jobs.Claim(t.Context(), job.Claim{Kind: "k", Most: 1, Now: now, Lease: lease, Last: time.Hour})
		if err != nil || len(claimed) != 1 {
			t.Fatalf("claimed %v, %v", claimed, err)
		}
	}
	next := openStore(t, address, discard)
	join(t, next, postgres.Node{ID: "next", Place: "folder"})
	free, err := next.Jobs().Claim(t.Context(), job.Claim{Kind: "k", Most: 2, Now: now, Lease: "next:1", Last: time.Hour})
	if err != nil || len(free) != 1 || free[0].Lost != 1 {
		t.Errorf("free are %+v, %v", free, err)
	}
}

// TestDeadNode: one that was silent has its writer ended, at once if another one comes to its place. If it was only asleep
// it goes on by another writer, and is there again.
func TestDeadNode(t *testing.T) {
	for name, silence := range map[string]bool{"silent": true, "of the same place": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := pgtest.Database(t)
			asleep := openStore(t, address, discard)
			join(t, asleep, postgres.Node{ID: "asleep", Place: "folder"})
			appendMessage(t, asleep, "m1")
			writer := ask(t, address, `SELECT writer FROM nodes WHERE id = 'asleep'`)
			ended := func() bool {
				return ask(t, address, `SELECT count(*) FROM writers WHERE id = $1 AND ended`, writer) == 1
			}
			other := openStore(t, address, discard)
			if silence {
				join(t, other, postgres.Node{ID: "other"})
				eventually(t, "the end of the silent one's writer", func() bool {
					// It renews its row, and may do so between the two.
					pgtest.Exec(t, address, `UPDATE nodes SET until = clock_timestamp() - interval '1 s' WHERE id = 'asleep'`)
					return ended()
				})
			} else {
				join(t, other, postgres.Node{ID: "other", Place: "folder"})
				if !ended() {
					t.Error("the writer of the one before has not ended")
				}
			}
			appendMessage(t, other, "m2")
			appendMessage(t, asleep, "m3")
			if got := history(t, other); got != "m1=1 m2=2 m3=3 " {
				t.Errorf("stored: %s", got)
			}
			eventually(t, "the node that was asleep", func() bool {
				return ask(t, address, `
					SELECT count(*) FROM nodes n JOIN writers w ON w.id = n.writer WHERE n.id = 'asleep' AND NOT w.ended`) == 1
			})
			checkCommits(t, address)
		})
	}
}

// TestEndWaits: a writer ends behind the transaction that it has begun, so that who reads that it has ended reads all of it.
func TestEndWaits(t *testing.T) {
	address := pgtest.Database(t)
	p, through := newProxy(t, address)
	s := openStore(t, through, discard)
	join(t, s, postgres.Node{ID: "slow", Place: "folder"})
	appendMessage(t, s, "m1")
	other := openStore(t, address, discard)
	joined := make(chan error, 1)
	p.onCommit(func(l *link) {
		go func() { joined <- other.Attend(context.Background(), postgres.Node{ID: "other", Place: "folder"}) }()
		waitForLock(t, address)
		carryOut(t, l)
	})
	appendMessage(t, s, "m2")
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	appendMessage(t, s, "m3") // by another writer
	if got := history(t, s); got != "m1=1 m2=2 m3=3 " {
		t.Errorf("stored: %s", got)
	}
	if n := ask(t, address, `SELECT count(*) FROM writers w JOIN commits c ON c.writer = w.id WHERE w.ended`); n != 2 {
		t.Errorf("the ended writer has %d commits, want 2", n)
	}
	checkCommits(t, address)
}

// TestStoppedWriter: a process that stops within a transaction, such as on a machine that is frozen or cut off, holds up others
// who write to the same conversation for some seconds, and makes none of them fail.
func TestStoppedWriter(t *testing.T) {
	for name, statement := range map[string]string{
		"between statements": "INSERT INTO messages", "in the midst of them": "\x00COMMIT\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := pgtest.Database(t)
			p, through := newProxy(t, address)
			s, other := openStore(t, through, discard), openStore(t, address, discard)
			join(t, other, postgres.Node{ID: "other"})
			appendMessage(t, s, "m1")
			p.on(statement, func(l *link) {
				if _, err := other.AppendMessage(context.Background(), message("m2")); err != nil {
					t.Errorf("the other process was answered %v", err)
				}
				l.cut()
			})
			if _, err := s.AppendMessage(t.Context(), message("m3")); !errors.Is(err, postgres.Unavailable) {
				t.Errorf("the one that stopped answers %v", err)
			}
			appendMessage(t, s, "m3")
			if got := history(t, other); got != "m1=1 m2=2 m3=3 " {
				t.Errorf("stored: %s", got)
			}
			checkCommits(t, address)
		})
	}
}

// TestAnotherDatabase: where the database is another one by now, as after a restore, nothing is written to it.
func TestAnotherDatabase(t *testing.T) {
	address := pgtest.Database(t)
	s := openStore(t, address, discard)
	appendMessage(t, s, "m1")
	pgtest.Exec(t, address, `DELETE FROM writers; UPDATE server SET epoch = 'another'`)
	if _, err := s.AppendMessage(t.Context(), message("m2")); err == nil || !strings.Contains(err.Error(), "restored") {
		t.Errorf("it wrote: %v", err)
	}
	pgtest.Exec(t, address, fmt.Sprintf(`UPDATE server SET epoch = '%s'`, epoch(t, s)))
	appendMessage(t, s, "m2") // its writer was forgotten, no more
}

func epoch(t *testing.T, s *postgres.Store) string {
	t.Helper()
	epoch, err := s.Epoch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

// TestAttendWhileFilling: no server starts on a database that is being filled, and none is filled beside a server.
func TestAttendWhileFilling(t *testing.T) {
	address := pgtest.Database(t)
	s := openStore(t, address, discard)
	begin := func() error {
		i, err := postgres.OpenImport(t.Context(), postgres.DefaultConfig(address), postgres.Holder{Host: "here"}, postgres.Origin{Source: "s", Mark: "m"})
		if err == nil {
			err = i.Close()
		}
		return err
	}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	if err := s.Attend(t.Context(), postgres.Node{ID: "a"}); !errors.Is(err, postgres.ErrUnfinished) {
		t.Errorf("a server: %v", err)
	}
	if there := nodes(t, s); len(there) != 0 {
		t.Errorf("it is there all the same: %v", there)
	}
	pgtest.Exec(t, address, `DELETE FROM imports`)
	server := openNode(t, address, postgres.Node{ID: "b", Host: "beta"})
	if err := begin(); !errors.Is(err, postgres.ErrInUse) || !strings.Contains(err.Error(), "beta") {
		t.Errorf("beside a server: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := begin(); err != nil {
		t.Errorf("without servers: %v", err)
	}
}

// TestOneImport: while one fills the database another one is refused.
func TestOneImport(t *testing.T) {
	address := pgtest.Database(t)
	open := func(host string) (*postgres.Import, error) {
		return postgres.OpenImport(t.Context(), postgres.DefaultConfig(address), postgres.Holder{Host: host, Place: host}, postgres.Origin{Source: "s", Mark: "m"})
	}
	one, err := open("alpha")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open("beta"); !errors.Is(err, postgres.ErrInUse) || !strings.Contains(err.Error(), "alpha") {
		t.Errorf("the second: %v", err)
	}
	same, err := open("alpha") // at the same place: the first is dead
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []*postgres.Import{same, one} {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
	// One that died elsewhere is waited for.
	pgtest.Exec(t, address, `
		INSERT INTO leases (name, holder, host, place, until) VALUES ('import', 'x', 'gone', 'g', now() + interval '1500 ms')`)
	began := time.Now()
	last, err := open("alpha")
	if err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(began); waited < time.Second {
		t.Errorf("it was taken after %s", waited)
	}
	if err := last.Close(); err != nil {
		t.Error(err)
	}
}

// TestOnce: one process does what is to be done once, for as long as it asks again in time.
func TestOnce(t *testing.T) {
	address := pgtest.Database(t)
	stores := []*postgres.Store{openStore(t, address, discard), openStore(t, address, discard)}
	once := func(s *postgres.Store, name string, period time.Duration) bool {
		t.Helper()
		mine, err := s.Once(t.Context(), name, period)
		if err != nil {
			t.Fatal(err)
		}
		return mine
	}
	if !once(stores[0], "this", time.Hour) || once(stores[1], "this", time.Hour) || !once(stores[0], "this", time.Hour) {
		t.Error("it is not the first one's alone")
	}
	if !once(stores[1], "that", time.Hour) || once(stores[0], "that", time.Hour) {
		t.Error("something else is not the other one's")
	}
	if !once(stores[0], "this", time.Millisecond) {
		t.Error("it cannot be made shorter")
	}
	eventually(t, "the turn of the other", func() bool { return once(stores[1], "this", time.Hour) })
	if once(stores[0], "this", time.Hour) {
		t.Error("it is both's")
	}
}

// TestAwaitNodes: who waits for all servers goes on when each has heard of what was committed before.
func TestAwaitNodes(t *testing.T) {
	address := pgtest.Database(t)
	beside := openStore(t, address, discard)
	if err := beside.AwaitNodes(t.Context()); err != nil {
		t.Errorf("without servers: %v", err)
	}
	var heard [2]atomic.Pointer[time.Time] // by when
	for i := range heard {
		began := time.Now()
		heard[i].Store(&began)
		cfg := postgres.DefaultConfig(address)
		cfg.InStep = func() time.Time { return *heard[i].Load() }
		join(t, openWith(t, cfg, discard), postgres.Node{ID: fmt.Sprint(i)})
	}
	eventually(t, "what they have heard", func() bool {
		return ask(t, address, `SELECT count(*) FROM nodes WHERE in_step IS NOT NULL`) == len(heard)
	})
	appendMessage(t, beside, "m1")
	awaited := make(chan error, 1)
	go func() { awaited <- beside.AwaitNodes(context.WithoutCancel(t.Context())) }()
	renewed := func(i int) func() bool {
		past := ask(t, address, `SELECT (extract(epoch FROM until) * 1000)::bigint FROM nodes WHERE id = $1`, fmt.Sprint(i))
		return func() bool {
			return ask(t, address, `SELECT (extract(epoch FROM until) * 1000)::bigint FROM nodes WHERE id = $1`, fmt.Sprint(i)) > past
		}
	}
	for i := range heard {
		eventually(t, "another look", renewed(i))
		select {
		case err := <-awaited:
			t.Fatalf("it did not wait for server %d, error %v", i, err)
		default:
		}
		now := time.Now().Add(time.Minute) // of what it will read next
		heard[i].Store(&now)
	}
	if err := <-awaited; err != nil {
		t.Error(err)
	}
	past := time.Now().Add(-time.Minute)
	heard[0].Store(&past)
	eventually(t, "a server that is behind", func() bool {
		return ask(t, address, `SELECT count(*) FROM nodes WHERE in_step < clock_timestamp() - interval '30 s'`) == 1
	})
	cause := errors.New("too long")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, cause)
	defer cancel()
	if err := beside.AwaitNodes(ctx); !errors.Is(err, cause) {
		t.Errorf("behind: %v", err)
	}
}

func TestClusterSecret(t *testing.T) {
	address := pgtest.Database(t)
	one, two := openStore(t, address, discard), openStore(t, address, discard)
	first, err := one.ClusterSecret(t.Context())
	if err != nil || first.Validate() != nil {
		t.Fatalf("the secret is of %d bytes, error %v", len(first), err)
	}
	if second, err := two.ClusterSecret(t.Context()); err != nil || second != first {
		t.Errorf("another one has another secret, or error %v", err)
	}
	if tokens, err := one.TokenSecret(t.Context(), ""); err != nil || tokens == first {
		t.Errorf("it is that of tokens too, or error %v", err)
	}
	pgtest.Exec(t, address, `UPDATE secrets SET value = 'short' WHERE name = 'cluster'`)
	if _, err := two.ClusterSecret(t.Context()); err == nil {
		t.Error("a short one is taken")
	}
}
