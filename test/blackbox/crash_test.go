package blackbox_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

const crashers = 50 // clients

// TestCrash and its long form kill the server again and again under many clients on both protocols, which come back by
// themselves. Nothing that was acknowledged may be lost or doubled, and every client must end with the log as it is
// stored. What a killed process has written is kept by the kernel, synced or not: that acknowledgements wait for the disk
// is shown by TestAcknowledgedMeansSynced.
func TestCrash(t *testing.T) {
	skipIfShort(t)
	killRepeatedly(t, crowded(), 5)
}

func TestSoakCrash(t *testing.T) {
	soak(t)
	killRepeatedly(t, crowded(), 50)
}

// TestCrashOnPostgres and its long form do the same with a server that keeps everything in PostgreSQL.
func TestCrashOnPostgres(t *testing.T) {
	skipIfShort(t)
	killRepeatedly(t, onPostgres(pgtest.Database(t)), 5)
}

func TestSoakCrashOnPostgres(t *testing.T) {
	soak(t)
	killRepeatedly(t, onPostgres(pgtest.Database(t)), 50)
}

// moment is when to kill.
type moment string

const (
	inBurst    moment = "in a burst"                   // when all have come back and so many commands were acknowledged
	atReturn   moment = "while clients return"         // when so many have signed in again
	inSilence  moment = "in silence"                   // when nothing is under way
	whileStart moment = "while the server is starting" // however far it has come
)

// plan is when to kill: of 5 times, 2 are in a burst.
func plan(kills int, random *rand.Rand) []moment {
	moments := make([]moment, kills)
	for i := range moments {
		moments[i] = []moment{inBurst, inBurst, atReturn, inSilence, whileStart}[i%5]
	}
	random.Shuffle(kills, func(i, j int) { moments[i], moments[j] = moments[j], moments[i] })
	return moments
}

// crashSeed is a new one, unless SOCKEYE_CRASH_SEED asks for that of a run that failed. It settles when to kill and what
// is said; what comes of it is still the scheduler's.
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

func killRepeatedly(t *testing.T, as setup, kills int) {
	seed := crashSeed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	began := time.Now()
	// As it is shipped: a race detector slows the server down to where little is under way when it dies.
	// TestStopInTraffic has the same clients at a server with one.
	as.shipped = true
	s := start(t, as)
	as.data, as.listen = s.data, s.addr
	c := gather(t, s, crashers, seed)
	var before state
	for i, when := range plan(kills, random) {
		if when != whileStart {
			s.awaitReady()
		}
		c.killAt(t, s, when, before, random)
		if s.state.ExitCode() >= 0 {
			t.Fatalf("before kill %d, %s, the server had ended with %v:\n%s", i+1, when, s.state, s.log)
		}
		before = c.now()
		s = launch(t, as)
		c.give(talk)
	}
	s.awaitReady()
	c.awaitAcks(t, before, 100)
	c.disperse(t)
	c.check(t, s)
	all := total(c.members)
	t.Logf("%d clients, %d kills, %d connections lost; %d commands acknowledged, %d of them sent again, of which %d messages were stored already; "+
		"%d events received live, %d by sync, %d histories read anew; %s",
		len(c.members), kills, all.lost, c.now().acked, all.resent, all.repeated, all.received, all.synced, all.resets, time.Since(began).Round(time.Second))
}

// crowded is a server for a crowd. Everybody may write to everybody: friendship is not what is tested.
func crowded() setup {
	return setup{listen: loopback, args: []string{"--chat-dm-policy=anyone"}}
}

func onPostgres(database string) setup {
	s := crowded()
	s.database = database
	return s
}

// killAt waits for the moment, counted from what was before the last start, and kills the server at once, or a little
// later: no crash waits for an acknowledgement.
func (c *crowd) killAt(t *testing.T, s *server, when moment, before state, random *rand.Rand) {
	t.Helper()
	longest := 3 * time.Millisecond
	switch when {
	case inBurst:
		c.awaitReturn(t, before, len(c.members))
		acked, atOnce := c.now().acked+1+random.IntN(500), random.IntN(2) == 0
		c.await(t, "a burst", func(now state) bool {
			if now.acked >= acked && atOnce {
				s.strike()
			}
			return now.acked >= acked
		})
	case atReturn:
		c.awaitReturn(t, before, 1+random.IntN(len(c.members)))
	case inSilence:
		c.give(hush)
		c.awaitSilence(t)
	case whileStart:
		longest = 60 * time.Millisecond
	}
	time.Sleep(time.Duration(random.Int64N(int64(longest))))
	s.kill()
}
