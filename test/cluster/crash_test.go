//go:build linux

package cluster_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

const (
	users      = 12
	shortRun   = 10  // faults
	longRun    = 200 // in each form
	betweenTwo = 60  // acknowledgements between two faults
)

// TestCrash and its long form do to a cluster of three nodes what happens to one. Whatever that is, nothing that was
// acknowledged may be lost or doubled, and everybody must be told everything in the end, in the order of the log.
func TestCrash(t *testing.T) {
	t.Parallel()
	endure(t, setup{nodes: 3, redis: true, apart: true}, shortRun)
}

// TestCrashOnPostgres and its long form do the same where PostgreSQL is all that nodes have in common.
func TestCrashOnPostgres(t *testing.T) {
	t.Parallel()
	endure(t, setup{nodes: 3, apart: true}, shortRun)
}

// TestCrashOfOneNode does to one node what happens to PostgreSQL and to a node by itself.
func TestCrashOfOneNode(t *testing.T) {
	endure(t, setup{nodes: 1}, shortRun)
}

func TestSoakCrash(t *testing.T) {
	soak(t)
	endure(t, setup{nodes: 3, redis: true, apart: true}, longRun)
}

func TestSoakCrashOnPostgres(t *testing.T) {
	soak(t)
	endure(t, setup{nodes: 3, apart: true}, longRun)
}

// crashSeed is a new one, unless SOCKEYE_CRASH_SEED asks for that of a run that failed. It settles which faults there are,
// and what is said; what comes of it is still the scheduler's.
func crashSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if given := os.Getenv("SOCKEYE_CRASH_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SOCKEYE_CRASH_SEED=%d", seed)
	return seed
}

// endure has a crowd live through so many faults, and looks at what everybody has seen.
func endure(t *testing.T, s setup, count int) {
	skipIfShort(t)
	seed := crashSeed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	began := time.Now()
	cl := start(t, s)
	c := gather(t, cl, users, seed)
	c.awaitAcks(t, betweenTwo)
	for i, f := range plan(cl, count, random) {
		t.Logf("%s  fault %d: %s", time.Since(began).Round(time.Second), i+1, f.name)
		c.disturb()
		f.do(&scene{cluster: cl, t: t, crowd: c, random: random, long: count > shortRun})
		c.awaitAcks(t, betweenTwo)
		c.settle()
		c.spread(random, 50)
	}
	// What connections tell that were made after all that must be whole.
	c.spread(random, 100)
	c.awaitAcks(t, 2*betweenTwo)
	conversations := c.disperse(t)
	h := c.recorder.History(conversations)
	for i, broken := range h.Check() {
		if i == 50 {
			t.Error("and more")
			break
		}
		t.Error(broken)
	}
	now, f := c.now(), h.Figures()
	if f.Whole == 0 {
		t.Error("no connection stood while all was well: nothing says that such ones are whole")
	}
	t.Logf("%d nodes, %d faults, %d connections lost, %d requests postponed; %d messages stored, %d acknowledged, %d of them more than once; "+
		"%d events told live on %d connections, %d of which no fault touched; %d events known; holes seen and filled: %d; %s",
		len(cl.nodes), count, now.lost, now.postponed, f.Stored, f.Acked, f.AckedAgain, f.Live, f.Streams, f.Whole, f.Known, now.holes,
		time.Since(began).Round(time.Second))
}

// plan chooses faults: of each that the cluster can have as many, or one less.
func plan(cl *cluster, count int, random *rand.Rand) (all []fault) {
	var possible []fault
	for _, f := range faults {
		if f.needs == nil || f.needs(cl) {
			possible = append(possible, f)
		}
	}
	for i := range count {
		all = append(all, possible[i%len(possible)])
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
