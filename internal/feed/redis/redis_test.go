package redis_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/brokertest"
	"github.com/sockeye-im/sockeye/internal/feed/redis"
	"github.com/sockeye-im/sockeye/internal/feed/redis/redistest"
)

func TestMain(m *testing.M) {
	// A client of a Cluster that was closed still waits for up to a second before it notices.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

func broker(t *testing.T, url, channel string) *cluster.Line {
	t.Helper()
	b, err := redis.New(redis.Config{URL: url, Channel: channel, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBroker(t *testing.T) {
	s := redistest.Start(t)
	brokertest.Run(t, brokertest.Brokers{
		New: func(t *testing.T, channel string) cluster.Broker { return broker(t, s.URL(), channel) },
		Break: func(t *testing.T) {
			s.Do(t, "CLIENT", "KILL", "TYPE", "pubsub")
			s.Do(t, "CLIENT", "KILL", "TYPE", "normal")
		},
	})
}

// talk has two brokers hear each other, however often something broke.
func talk(t *testing.T, one, other *brokertest.Listener, word string) {
	t.Helper()
	other.Hears(t, one, []byte(word))
	one.Hears(t, other, []byte(word))
}

func pair(t *testing.T, url string) (one, other *brokertest.Listener) {
	t.Helper()
	return brokertest.Listen(t, broker(t, url, "sockeye-a")), brokertest.Listen(t, broker(t, url, "sockeye-a"))
}

func TestKilledAndRestarted(t *testing.T) {
	s := redistest.Start(t)
	one, other := pair(t, s.URL())
	talk(t, one, other, "before")
	s.Kill(t)
	for _, l := range []*brokertest.Listener{one, other} {
		l.Until(t, "it notices", func() bool { return !l.Working() })
	}
	before := one.Counts()
	one.Publish([]byte("to nobody"))
	if c := one.Counts(); c.Dropped != before.Dropped+1 {
		t.Fatalf("%+v, after %+v", c, before)
	}
	s.Restart(t)
	talk(t, one, other, "after")
	for _, l := range []*brokertest.Listener{one, other} {
		l.Until(t, "it is said that something may be missing", func() bool { return l.Missed() >= 2 })
	}
	for _, payload := range other.Heard() {
		if string(payload) == "to nobody" {
			t.Fatal("what was dropped was heard")
		}
	}
}

// A Redis that is frozen takes what is sent, and answers nothing.
func TestFrozen(t *testing.T) {
	s := redistest.Start(t)
	one, other := pair(t, s.URL())
	talk(t, one, other, "before")
	s.Freeze(t)
	for _, l := range []*brokertest.Listener{one, other} {
		l.Until(t, "it notices", func() bool { return !l.Working() })
	}
	s.Thaw(t)
	talk(t, one, other, "after")
	s.Freeze(t)
	began := time.Now()
	one.Publish([]byte("last words"))
	one.Stop()
	if took := time.Since(began); took > brokertest.Soon {
		t.Fatalf("it took %v to end", took)
	}
	s.Thaw(t)
}

func TestAwayAtTheStart(t *testing.T) {
	s := redistest.Start(t)
	s.Kill(t)
	b := broker(t, s.URL(), "sockeye-a")
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		brokertest.Listen(t, b)
	}()
	for deadline := time.Now().Add(brokertest.Soon); b.Err() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not say why it does not work")
		}
	}
	s.Restart(t)
	<-heard
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
}

// What is wrong is said in words, and without the password.
func TestWhatIsWrong(t *testing.T) {
	secured := redistest.Start(t, "--requirepass", "right")
	open := redistest.Start(t)
	strict := redistest.Start(t, "--user", "default", "off", "--user", "weak", "on", ">hidden", "+hello", "+ping")
	with := func(s *redistest.Server, user string) string { return strings.Replace(s.URL(), "//", "//"+user+"@", 1) }
	for name, c := range map[string]struct{ url, hint string }{
		"wrong password": {with(secured, ":hidden"), "the user or the password in --redis is wrong"},
		"no password":    {secured.URL(), "Redis asks for a password"},
		"a weak user":    {with(strict, "weak:hidden"), "may not do that"},
		"TLS":            {strings.Replace(open.URL(), "redis:", "rediss:", 1), "does Redis speak TLS there?"},
		"no address":     {"redis://nowhere.invalid:6379", "nowhere.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			err := redis.Probe(t.Context(), c.url)
			if err == nil || !strings.Contains(err.Error(), c.hint) {
				t.Fatalf("%v, which does not say %q", err, c.hint)
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Fatalf("the password is shown: %v", err)
			}
		})
	}
	if err := redis.Probe(t.Context(), with(secured, ":right")); err != nil {
		t.Fatal(err)
	}
	enough := redistest.Start(t, "--user", "default", "off", "--user", "node", "on", ">hidden", "+hello", "+ping", "+publish", "+subscribe", "&sockeye-*")
	one, other := pair(t, with(enough, "node:hidden"))
	talk(t, one, other, "as a user who may do just that")
}

func TestAddresses(t *testing.T) {
	for _, good := range []string{
		"redis://localhost", "redis://user:p%40ss@host:6380/2", "rediss://host", "redis://one:1?addr=two:2&addr=three:3",
		"redis://s1:26379?master_set=mymaster&sentinel_password=x",
	} {
		if err := redis.Validate(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"http://host":                          "redis://",
		"redis://":                             "host",
		"redis://:hidden@host:port":            "no address",
		"redis://host/x":                       "database",
		"redis://host?master=x":                "master_set",
		"redis://host?ca=/etc/ca.pem":          "rediss://",
		"rediss://host?ca=/nowhere.pem":        "nowhere.pem",
		"rediss://host?ca=redis_test.go":       "no certificate",
		"rediss://host?cert=/nowhere.pem":      "cert",
		"rediss://:hidden@host?skip_verify=on": "skip_verify",
	} {
		err := redis.Validate(bad)
		if err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v, which does not say %q, or shows too much", bad, err, why)
		}
	}
}

func BenchmarkRedis(b *testing.B) {
	url := redistest.Start(b).URL()
	line := func() cluster.Broker {
		line, err := redis.New(redis.Config{URL: url, Channel: "sockeye-a", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		return line
	}
	brokertest.Bench(b, line(), line())
}
