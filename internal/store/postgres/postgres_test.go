package postgres_test

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func discard([]chat.Event) {}

func openStore(t testing.TB, address string, sink chat.Sink) *postgres.Store {
	t.Helper()
	return openWith(t, postgres.DefaultConfig(address), sink)
}

func openWith(t testing.TB, cfg postgres.Config, sink chat.Sink) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), cfg, sink)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestOpenTwice(t *testing.T) {
	address := pgtest.Database(t)
	first, err := openStore(t, address, discard).Epoch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := openStore(t, address, discard).Epoch(t.Context())
	if err != nil || first != second || len(first) != 16 {
		t.Errorf("epochs %q and %q, error %v", first, second, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	none := pgtest.Database(t)
	for name, test := range map[string]struct {
		cfg  postgres.Config
		sink chat.Sink
		want string
	}{
		"no address": {postgres.DefaultConfig(""), discard, "address"},
		"no sink":    {postgres.DefaultConfig(none), nil, "sink"},
		"nobody":     {postgres.DefaultConfig(strings.Replace(none, "user=sockeye", "user=nobody", 1)), discard, "nobody"},
	} {
		s, err := postgres.Open(context.Background(), test.cfg, test.sink)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, test.want)
		}
	}
}
