package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/store/accounttest"
	"github.com/sockeye-im/sockeye/internal/store/broadcasttest"
	"github.com/sockeye-im/sockeye/internal/store/filetest"
	"github.com/sockeye-im/sockeye/internal/store/jobtest"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/pushtest"
	"github.com/sockeye-im/sockeye/internal/store/scheduletest"
	"github.com/sockeye-im/sockeye/internal/store/storetest"
	"github.com/sockeye-im/sockeye/internal/store/suite"
	"github.com/sockeye-im/sockeye/internal/store/usagetest"
	"github.com/sockeye-im/sockeye/internal/store/webhooktest"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/usage"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

func TestConformance(t *testing.T) {
	asked := collectStatements(t)
	newDriver := func(t *testing.T) suite.Driver { return driver{migrated(t), asked} }
	t.Run("Chats", func(t *testing.T) { storetest.Run(t, newDriver) })
	t.Run("Accounts", func(t *testing.T) { accounttest.Run(t, newDriver) })
	t.Run("Webhooks", func(t *testing.T) {
		webhooktest.Run(t, func(t *testing.T) webhooktest.Driver { return driver{migrated(t), asked} })
	})
	t.Run("Jobs", func(t *testing.T) {
		jobtest.Run(t, func(t *testing.T) jobtest.Driver { return jobDriver{migrated(t), asked} })
	})
	t.Run("Later", func(t *testing.T) {
		scheduletest.Run(t, func(t *testing.T) scheduletest.Driver { return laterDriver{migrated(t), asked} })
	})
	t.Run("Broadcasts", func(t *testing.T) {
		broadcasttest.Run(t, func(t *testing.T) broadcasttest.Driver { return broadcastDriver{migrated(t), asked} })
	})
	t.Run("Push", func(t *testing.T) {
		pushtest.Run(t, func(t *testing.T) pushtest.Driver { return pushDriver{migrated(t), asked} })
	})
	t.Run("Files", func(t *testing.T) {
		filetest.Run(t, func(t *testing.T) filetest.Driver { return driver{migrated(t), asked} })
	})
	t.Run("Usage", func(t *testing.T) {
		usagetest.Run(t, func(t *testing.T) usagetest.Driver { return usageDriver{migrated(t), asked} })
	})
}

// usageDriver is driver for what the servers are used for.
type usageDriver driver

func (d usageDriver) Open(t testing.TB) (chat.Store, usage.Store) {
	cfg := postgres.DefaultConfig(d.address)
	if d.asked != nil {
		cfg = cfg.Traced(d.asked)
	}
	s := openWith(t, cfg, discard)
	return s, s.Usage()
}

// broadcastDriver is driver for what is said to many.
type broadcastDriver driver

func (d broadcastDriver) Open(t testing.TB) (broadcast.Store, job.Store) {
	cfg := postgres.DefaultConfig(d.address)
	if d.asked != nil {
		cfg = cfg.Traced(d.asked)
	}
	s := openWith(t, cfg, discard)
	return s, s.Jobs()
}

// pushDriver is driver for devices that get notifications.
type pushDriver driver

func (d pushDriver) Open(t testing.TB) push.Store {
	cfg := postgres.DefaultConfig(d.address)
	if d.asked != nil {
		cfg = cfg.Traced(d.asked)
	}
	return openWith(t, cfg, discard)
}

// laterDriver is driver for messages that are sent later.
type laterDriver driver

func (d laterDriver) Open(t testing.TB, chats chat.Sink) (chat.Store, job.Store) {
	cfg := postgres.DefaultConfig(d.address)
	if d.asked != nil {
		cfg = cfg.Traced(d.asked)
	}
	s := openWith(t, cfg, chats)
	return s, s.Jobs()
}

// disturbedLater is disturbed for messages that are sent later.
type disturbedLater struct{ laterDriver }

func (d disturbedLater) Open(t testing.TB, chats chat.Sink) (chat.Store, job.Store) {
	calm := disturbed{driver(d.laterDriver)}
	calm.calmDown(t)
	s, jobs := d.laterDriver.Open(t, chats)
	calm.disturb(t, `nextval('attempts') % 2 = 1`)
	return s, jobs
}

// jobDriver is driver for jobs.
type jobDriver driver

func (d jobDriver) Open(t testing.TB) job.Store {
	cfg := postgres.DefaultConfig(d.address)
	if d.asked != nil {
		cfg = cfg.Traced(d.asked)
	}
	return openWith(t, cfg, discard).Jobs()
}

func (d jobDriver) Beside(t testing.TB, _ job.Store) job.Store { return d.Open(t) }

func (d jobDriver) Cause(ctx context.Context, in job.Store, jobs []job.Job, fail error) error {
	return in.(*postgres.Jobs).Cause(ctx, jobs, fail)
}

func (d driver) Files(of chat.Store) upload.Store { return of.(*postgres.Store).Files() }

func (d driver) JobsOf(chats chat.Store) job.Store { return chats.(*postgres.Store).Jobs() }

func (d driver) Webhooks(of chat.Store) webhook.Store { return of.(*postgres.Store).Webhooks() }

func (d jobDriver) Chats(of job.Store) jobtest.Chats { return of.(*postgres.Jobs).Store() }

func (d jobDriver) Rename(ctx context.Context, in job.Store, user account.UserID, name string) error {
	_, _, err := in.(*postgres.Jobs).Store().Accounts(func([]account.Event) {}).EnsureUser(ctx, account.EnsureUser{
		Issuer: account.OwnIssuer, ID: user, Name: name, Rename: true, At: time.UnixMilli(1),
	})
	return err
}

// TestChatsThroughPgbouncer: each transaction may be on another connection of the database's.
func TestChatsThroughPgbouncer(t *testing.T) {
	through := pgtest.Bouncer(t)
	t.Run("Suite", func(t *testing.T) { // it ends before pgbouncer does
		storetest.Run(t, func(t *testing.T) suite.Driver { return driver{address: through(migrated(t))} })
		t.Run("Jobs", func(t *testing.T) {
			jobtest.Run(t, func(t *testing.T) jobtest.Driver { return jobDriver{address: through(migrated(t))} })
		})
	})
}

// TestTwice: every transaction that has facts is ended by the database once, for the sake of others as it were, and carried
// out again. Nobody notices.
func TestTwice(t *testing.T) {
	newDriver := func(t *testing.T) suite.Driver { return disturbed{driver{address: migrated(t)}} }
	t.Run("Chats", func(t *testing.T) { storetest.Run(t, newDriver) })
	t.Run("Accounts", func(t *testing.T) { accounttest.Run(t, newDriver) })
	t.Run("Later", func(t *testing.T) {
		scheduletest.Run(t, func(t *testing.T) scheduletest.Driver {
			return disturbedLater{laterDriver{address: migrated(t)}}
		})
	})
}

// disturbed opens a database in which the first of two attempts fails.
type disturbed struct{ driver }

func (d disturbed) Open(t testing.TB, chats chat.Sink, accounts account.Sink) (chat.Store, account.Store) {
	d.calmDown(t)
	s, a := d.driver.Open(t, chats, accounts)
	d.disturb(t, `nextval('attempts') % 2 = 1`)
	return s, a
}

// disturb has those attempts to commit facts fail for which a condition is true.
func (d disturbed) disturb(t testing.TB, condition string) {
	pgtest.Exec(t, d.address, `
		CREATE SEQUENCE IF NOT EXISTS attempts;
		CREATE OR REPLACE FUNCTION disturb() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF `+condition+` THEN
				RAISE EXCEPTION 'another one was first' USING ERRCODE = 'serialization_failure';
			END IF;
			RETURN NEW;
		END $$;
		DROP TRIGGER IF EXISTS disturb ON commits;
		CREATE TRIGGER disturb BEFORE INSERT ON commits FOR EACH ROW EXECUTE FUNCTION disturb()`)
}

// calmDown takes away what disturb has made, when the store that is opened next is closed.
func (d disturbed) calmDown(t testing.TB) {
	t.Cleanup(func() {
		pgtest.Exec(t, d.address, `DROP TRIGGER IF EXISTS disturb ON commits; DROP FUNCTION IF EXISTS disturb; DROP SEQUENCE IF EXISTS attempts`)
	})
}

// driver opens the database of an address, and collects what is asked of it, if anybody does.
type driver struct {
	address string
	asked   *statements
}

func (d driver) Open(t testing.TB, chats chat.Sink, accounts account.Sink) (chat.Store, account.Store) {
	cfg := postgres.DefaultConfig(d.address)
	if d.asked != nil {
		cfg = cfg.Traced(d.asked)
	}
	s := openWith(t, cfg, chats)
	return s, s.Accounts(accounts)
}
