package postgres_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// openError opens a database and returns why that fails, if it does, and what was logged.
func openError(t *testing.T, address string) (failure, logged string) {
	t.Helper()
	var log bytes.Buffer
	cfg := postgres.DefaultConfig(address)
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	s, err := postgres.Open(t.Context(), cfg, discard)
	if err != nil {
		return err.Error(), log.String()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return "", log.String()
}

// What is acknowledged must be stored whatever happens: a database that does not promise it is refused.
func TestRefusedSettings(t *testing.T) {
	for name, test := range map[string]struct{ alter, want string }{
		"synchronous_commit":            {`SET synchronous_commit = off`, "synchronous_commit is off"},
		"default_transaction_read_only": {`SET default_transaction_read_only = on`, "transaction_read_only is on"},
	} {
		address := pgtest.Database(t)
		database := address[strings.LastIndexByte(address, '/')+1 : strings.IndexByte(address, '?')]
		pgtest.Exec(t, address, `ALTER DATABASE `+database+` `+test.alter)
		if got, _ := openError(t, address); !strings.Contains(got, test.want) {
			t.Errorf("%s: error %q, want one about %q", name, got, test.want)
		}
		pgtest.Exec(t, address+"&default_transaction_read_only=off", `ALTER DATABASE `+database+` RESET ALL`)
		if got, logged := openError(t, address); got != "" || strings.Contains(logged, "WARN") {
			t.Errorf("%s is reset: error %q, logged %s", name, got, logged)
		}
	}
}

func TestRefusedEncoding(t *testing.T) {
	address := pgtest.Database(t)
	provider := ""
	if ask(t, address, `SELECT current_setting('server_version_num')::bigint`) >= 150000 {
		provider = "LOCALE_PROVIDER libc" // the other one wants UTF-8
	}
	pgtest.Exec(t, address, `CREATE DATABASE octets ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0 `+provider)
	t.Cleanup(func() { pgtest.Exec(t, address, `DROP DATABASE octets WITH (FORCE)`) })
	from, to := strings.LastIndexByte(address, '/')+1, strings.IndexByte(address, '?')
	if got, _ := openError(t, address[:from]+"octets"+address[to:]); !strings.Contains(got, "encoding is SQL_ASCII") {
		t.Errorf("error %q, want one about the encoding", got)
	}
}

func TestRefusedServers(t *testing.T) {
	server := pgtest.Start(t, "fsync=off", "full_page_writes=off")
	address := server.Database(t)
	if got, _ := openError(t, address); !strings.Contains(got, "fsync is off") {
		t.Errorf("error %q, want one about fsync", got)
	}
	server.Kill(t)
	server.Restart(t, "fsync=on", "full_page_writes=off")
	if got, logged := openError(t, address); got != "" || !strings.Contains(logged, "full_page_writes is off") {
		t.Errorf("error %q, logged %q, want a warning about full_page_writes", got, logged)
	}
}
