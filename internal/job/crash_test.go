package job_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(victimSetting); text != "" {
		os.Exit(runVictim(text))
	}
	goleak.VerifyTestMain(m)
}

// promised is how long a job waits at most when who does it has died: from the restart, or from the death where another one does
// it. Only the long forms hold it: beside other tests it may be the machine that is slow.
const promised = 5 * time.Second

// TestKilled kills who does jobs, again and again: each is done, those with a unique key one at a time, none has used up its retries
// by that, and none has to wait.
func TestKilled(t *testing.T) {
	testKilled(t, scene{at: setting{Data: t.TempDir()}, nodes: 1, most: 2000, atMost: patience}, repeat(3, (*crash).restart))
}

// TestSoakKilled is TestKilled with more of all.
func TestSoakKilled(t *testing.T) {
	soak(t)
	testKilled(t, scene{at: setting{Data: t.TempDir()}, nodes: 1, most: 20_000, atMost: promised}, repeat(20, (*crash).restart))
}

// TestKilledOnPostgres has three servers share the jobs, of which one is killed and is back at once, or dead until others have done
// what it did; and kills the database.
func TestKilledOnPostgres(t *testing.T) { testKilledOnPostgres(t, 2000, 3, patience) }

// TestSoakKilledOnPostgres is TestKilledOnPostgres with more of all.
func TestSoakKilledOnPostgres(t *testing.T) {
	soak(t)
	testKilledOnPostgres(t, 20_000, 20, promised)
}

func testKilledOnPostgres(t *testing.T, jobs, faults int, atMost time.Duration) {
	database := pgtest.Start(t)
	killDatabase := func(c *crash, at int) { c.killDatabase(database, at) }
	testKilled(t, scene{at: setting{Database: database.Database(t)}, nodes: 3, most: jobs, atMost: atMost},
		repeat(faults, (*crash).restart, (*crash).takeOver, killDatabase))
}

func soak(t *testing.T) {
	t.Helper()
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("set SOCKEYE_SOAK to run it")
	}
}

// repeat has some faults happen in turn.
func repeat(times int, faults ...fault) (all []fault) {
	for n := range times {
		all = append(all, faults[n%len(faults)])
	}
	return all
}

func testKilled(t *testing.T, s scene, faults []fault) {
	c := newCrash(t, s)
	for n, happens := range faults {
		happens(c, c.share(len(faults)-n))
	}
	c.finish()
	twice := c.judge()
	t.Logf("%d jobs, %d deaths: %d jobs were done more than once, by servers %v; the longest wait was %v",
		c.most, len(faults), len(twice), c.by(), c.longest.Round(time.Millisecond))
}

// TestSharedQueue: three servers share the jobs of a database, each of which is done once, but for what one did that is killed: that
// is done again by the others, which do all the rest too.
func TestSharedQueue(t *testing.T) {
	c := newCrash(t, scene{at: setting{Database: pgtest.Database(t)}, nodes: 3, most: 1000, atMost: patience})
	c.dieAfter(c.share(2))
	dead := c.awaitDeath()
	c.awaitTakeOver(dead)
	c.finish()
	for job, runs := range c.judge() {
		if runs[0].by != dead {
			t.Errorf("%s was done %d times, the first time by one that has lived on", job, len(runs))
		}
	}
	by := c.by()
	t.Logf("%d jobs were done by servers %v; what the dead one did waited for %v", c.most, by, c.longest.Round(time.Millisecond))
	for place, jobs := range by {
		if jobs == 0 {
			t.Errorf("server %d has done nothing", place)
		}
	}
}
