package doctor

import (
	"context"
	"errors"
	"path/filepath"
	"time"
)

// checkRemote looks at a database behind a server of its own. besides tells whether there is one in the data folder too.
func checkRemote(ctx context.Context, p *Patient, besides bool, found *findings) {
	database := p.Config.Account.Database
	c, err := p.Remote.Examine(ctx)
	switch {
	case errors.Is(err, ErrNewer):
		found.trouble("Start the newer version again, or restore a dump of before it.", "%s: %v", database, err)
		return
	case errors.Is(err, ErrUnfinished):
		found.trouble("Run sockeye migrate again with the same folder, or wait, if it is running. No server starts on the database until then.",
			"%s holds a part of what is copied into it", database)
		return
	case err != nil:
		found.trouble("Start it, or correct --database, the password or the setting that is named.", "no server can work with %s: %v", database, err)
		return
	}
	if besides && c.Schema == 0 {
		found.warn("Run sockeye migrate to take it along; else nothing of it is seen.",
			"%s has nothing yet, and %s is not used", database, filepath.Join(p.Config.Account.Data, databaseName))
	}
	if c.Schema > 0 && c.Schema < c.Newest {
		found.note("Make a dump before the server is started with this version.", "the database has schema %d; the next start makes it %d", c.Schema, c.Newest)
	}
	if c.Secret != nil {
		found.trouble("Give jwt-secret as the other servers of the database have it.", "%v", c.Secret)
	}
	checkLatest(p, c.Latest, found)
	checkClocks(c.ClockOff, found)
	checkSafety(&c, found)
	if free := c.Connections - c.Used; !p.Running && free < c.Needed {
		found.warn("Raise max_connections of the database, or put pgbouncer in front.", "the database has room for %d of %d connections more, a server needs %d",
			max(free, 0), c.Connections, c.Needed)
	}
}

// A server whose clock is wrongClock off the database's is not ready. With strayClock those who have messages of two servers
// before them see it.
const (
	wrongClock = 5 * time.Minute
	strayClock = 10 * time.Second
)

// checkClocks compares the clocks of the machine and the database.
func checkClocks(off time.Duration, found *findings) {
	level := Warning
	switch {
	case off.Abs() > wrongClock:
		level = Trouble
	case off.Abs() <= strayClock:
		return
	}
	found.add(level, "Run chrony or systemd-timesyncd on both machines: servers of one database must agree on the time.",
		"the database's clock is %v off this machine's", off.Abs().Round(time.Second))
}

// checkRedis tries what servers do with it.
func checkRedis(ctx context.Context, p *Patient, found *findings) {
	if p.Redis == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.Redis.Probe(ctx); err != nil {
		found.warn("Start it, or correct --redis. Servers work without it: they hear of each other's news by the database, later and at its cost.",
			"no server can work with %s: %v", p.Config.Redis, err)
	}
}

// checkSafety finds what loses or shows what is stored, some day.
func checkSafety(c *Condition, found *findings) {
	if !c.Private {
		found.warn("Add sslmode=verify-full to the address, and sslrootcert if its certificate is from an authority of your own.",
			"the database is asked over the network in plain: passwords and messages can be read on the way")
	}
	if !c.FullPageWrites {
		found.warn("Set full_page_writes to on, unless the file system writes whole pages (ZFS does).",
			"full_page_writes is off: a crash of the database's machine can destroy it")
	}
	if c.Standbys > 0 {
		found.warn("Name one in synchronous_standby_names: a commit waits for it then.",
			"the database has a standby that may be behind: what was acknowledged last is lost when it takes over")
	}
}
