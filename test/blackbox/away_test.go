package blackbox_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestDatabaseDies and its long form kill PostgreSQL again and again under a server with many clients. They are told to
// send again what was refused, or its outcome is not known; nothing that was acknowledged may be lost or doubled, and
// every client must end with the log as it is stored.
func TestDatabaseDies(t *testing.T) {
	skipIfShort(t)
	killDatabase(t, 2)
}

func TestSoakDatabaseDies(t *testing.T) {
	soak(t)
	killDatabase(t, 20)
}

func killDatabase(t *testing.T, kills int) {
	seed := crashSeed(t)
	random := rand.New(rand.NewPCG(seed, 1))
	began := time.Now()
	database := pgtest.Start(t)
	as := onPostgres(database.Database(t))
	as.shipped = true
	s := start(t, as)
	c := gather(t, s, crashers, seed)
	for range kills {
		before := c.now()
		c.awaitAcks(t, before, 200+random.IntN(300))
		time.Sleep(time.Duration(random.Int64N(int64(3 * time.Millisecond))))
		database.Kill(t)
		if random.IntN(2) == 0 { // else it is back before anybody notices
			time.Sleep(time.Duration(random.Int64N(int64(3 * time.Second))))
		}
		database.Restart(t)
	}
	c.awaitAcks(t, c.now(), 200)
	c.disperse(t)
	c.check(t, s)
	all := total(c.members)
	t.Logf("%d clients, %d deaths of the database, %d connections lost; %d commands acknowledged, %d requests refused and sent again, %d commands sent again "+
		"after a loss; %d events received live, %d by sync, %d histories read anew; %s",
		len(c.members), kills, all.lost, c.now().acked, all.postponed, all.resent, all.received, all.synced, all.resets, time.Since(began).Round(time.Second))
}
