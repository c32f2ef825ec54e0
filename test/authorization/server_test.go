package authorization_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// patience bounds every wait; only a failing test ever waits that long.
const patience = apptest.Patience

const (
	ownSecret     = apptest.Secret
	partnerSecret = account.Secret("the secret of the partner, long enough too")
	partner       = "https://partner.example"
	audience      = "sockeye-of-the-test"
)

// server is a whole server, as the binary runs it, without rates.
type server struct {
	t          testing.TB
	url        string
	http       *http.Client
	operator   *account.Service // opened beside the server, as the operator's commands are
	key        string           // an API key that may do everything
	operations map[string]operation
	stored     *sql.Conn // beside the server's own
}

// serve starts a server that ends with the test.
func serve(t testing.TB) *server {
	t.Helper()
	whole := apptest.Serve(t, []string{
		"--webhook-allow", "127.0.0.1",
		"--issuers", `[{issuer: "` + partner + `", audience: "` + audience + `", secret: "` + string(partnerSecret) + `"}]`,
	}, func(all *app.Settings) { all.Presence.Grace = time.Hour }) // nobody was last seen before the end, see version
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	s := &server{t: t, url: whole.URL, http: &http.Client{Transport: transport, Timeout: patience}}
	s.openOperator(config.Signing{Data: whole.Data, JWTSecret: ownSecret})
	s.openStored(whole.Data)
	_, s.key = s.apiKey(account.ScopeAll)
	s.operations = s.readDocument()
	return s
}

// in is the same server for another test.
func (s *server) in(t testing.TB) *server {
	other := *s
	other.t = t
	return &other
}

func (s *server) openOperator(signing config.Signing) {
	s.t.Helper()
	accounts, closeAll, err := app.OpenAccounts(context.Background(), signing)
	if err != nil {
		s.t.Fatal(err)
	}
	s.operator = accounts
	s.t.Cleanup(func() {
		if err := closeAll(); err != nil {
			s.t.Error(err)
		}
	})
}

func (s *server) openStored(folder string) {
	s.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(folder, sqlite.FileName))
	if err == nil {
		s.stored, err = db.Conn(context.Background())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := errors.Join(s.stored.Close(), db.Close()); err != nil {
			s.t.Error(err)
		}
	})
}

// version is another number after anything at all was written to the database. The server writes by itself too: it
// indexes what was said.
func (s *server) version() (version int64) {
	s.t.Helper()
	if err := s.stored.QueryRowContext(s.t.Context(), "PRAGMA data_version").Scan(&version); err != nil {
		s.t.Fatal(err)
	}
	return version
}

// apiKey makes an API key.
func (s *server) apiKey(scopes ...account.Scope) (id, secret string) {
	s.t.Helper()
	key, secret, err := s.operator.CreateAPIKey(s.t.Context(), "test", scopes)
	if err != nil {
		s.t.Fatal(err)
	}
	return key.ID, secret
}

// claims are those of a good token of the server's own, with changes.
func claims(user string, changes jwt.MapClaims) jwt.MapClaims {
	now := time.Now()
	all := jwt.MapClaims{
		"iss": account.OwnIssuer, "sub": user, "username": "N. " + user, "jti": rand(),
		"iat": float64(now.UnixMilli()) / 1000, "exp": now.Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		if value == nil {
			delete(all, name)
			continue
		}
		all[name] = value
	}
	return all
}

func sign(t testing.TB, secret account.Secret, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// token is a good one.
func (s *server) token(user string) string {
	s.t.Helper()
	return sign(s.t, ownSecret, claims(user, nil))
}
