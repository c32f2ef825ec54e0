package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// logIn returns the token of a local account, empty if it was refused.
func (r *running) logIn(password string) string {
	r.t.Helper()
	status, body := r.do(http.MethodPost, "/api/v1/login", `{"login":"ada","password":"`+password+`"}`)
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status >= http.StatusInternalServerError {
		r.t.Fatalf("login: %d %s", status, body)
	}
	return answer.Token
}

// What the operator does beside a server holds there when it is done.
func TestServerHeedsTheOperator(t *testing.T) {
	t.Run("in a folder", func(t *testing.T) { heeds(t, config.Signing{Data: t.TempDir()}) })
	t.Run("in a database", func(t *testing.T) {
		heeds(t, config.Signing{Data: t.TempDir(), Database: config.DatabaseURL(pgtest.Database(t))})
	})
}

func heeds(t *testing.T, at config.Signing) {
	var args []string
	if at.Database != "" {
		args = []string{"--database", string(at.Database)}
	}
	r := start(t, at.Data, args...)
	operator, closeAll, err := app.OpenAccounts(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := closeAll(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := operator.CreateLocal(t.Context(), account.Register{Username: "ada", Password: "a first password"}); err != nil {
		t.Fatal(err)
	}
	p := r.connect(r.logIn("a first password"))
	if _, err := operator.SetPassword(t.Context(), "ada", "another password"); err != nil {
		t.Fatal(err)
	}
	p.closed()
	if r.logIn("a first password") != "" {
		t.Error("the old password is good")
	}
	again := r.connect(r.logIn("another password"))
	if _, err := operator.SignOut(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	again.closed()
	if at.Database == "" && !strings.Contains(r.log.String(), "tokens were revoked by the operator") { // of a database all tell

		t.Error("the log does not say so")
	}
}
