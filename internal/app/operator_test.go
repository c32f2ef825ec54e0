package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/config"
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
	data := t.TempDir()
	r := start(t, data)
	operator, closeAll, err := app.OpenAccounts(t.Context(), config.Signing{Data: data})
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
	if !strings.Contains(r.log.String(), "tokens were revoked by the operator") {
		t.Error("the log does not say so")
	}
}
