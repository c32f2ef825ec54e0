package app_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/config"
)

// The issuers that the server of testdata knew beside its own.
const (
	shop   = "https://shop.example"
	forum  = "https://forum.example"
	guests = `[{issuer: "` + shop + `", secret: "the secret of the shop, 32 bytes or more"},
		{issuer: "` + forum + `", secret: "the secret of the forum, 32 bytes or more"}]`
)

// oldFolder unpacks the data folder of a server of before issuers were kept apart. There are two local accounts, two
// users of the shop's (s-), one of the forum's (f-) and one of the server's own (o-); s-bob is an administrator. Rooms
// are lunch with five messages, week and forever with one each.
func oldFolder(t *testing.T) string {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	packed, err := os.Open("testdata/b9f7d51.tar.gz")
	must(err)
	defer func() { _ = packed.Close() }()
	unzipped, err := gzip.NewReader(packed)
	must(err)
	dir := t.TempDir()
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		must(err)
		content, err := io.ReadAll(files)
		must(err)
		must(os.WriteFile(filepath.Join(dir, filepath.Base(header.Name)), content, 0o600))
	}
}

// ask sends a request with a token and reads the answer into a value, if there is one.
func (r *running) ask(method, path, token, body string, into any) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := r.http.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err == nil && into != nil && response.StatusCode < 300 {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		r.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
	return response.StatusCode
}

// tokenOf signs as an issuer does.
func tokenOf(t *testing.T, issuer, secret, user string) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": issuer, "sub": user}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// refusesToStart returns why.
func refusesToStart(t *testing.T, data string, args ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := app.Run(ctx, settings(t, append(args, "--data", data)...), slog.New(slog.DiscardHandler), func(string) { cancel() })
	if err == nil {
		t.Fatal("the server has started")
	}
	return err
}

// A data folder of an older server, with users of two issuers, is used on: nothing is lost, and nobody can be another
// issuer's user from then on.
func TestUpgradeWithTwoIssuers(t *testing.T) {
	data := oldFolder(t)
	secret, err := os.ReadFile(filepath.Join(data, account.SecretFile))
	if err != nil {
		t.Fatal(err)
	}
	refusal := refusesToStart(t, data, "--issuers", guests).Error()
	for _, says := range []string{"4 users", "f-eve, o-carl, s-ada, s-bob", shop, forum, "users-of"} {
		if !strings.Contains(refusal, says) {
			t.Errorf("%q does not say %q", refusal, says)
		}
	}
	operator, closeAll, err := app.OpenAccounts(t.Context(), config.Signing{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	for user, issuer := range map[account.UserID]string{"f-eve": forum, "o-carl": account.OwnIssuer} {
		if _, err := operator.SetIssuer(t.Context(), user, issuer); err != nil {
			t.Fatal(err)
		}
	}
	if err := closeAll(); err != nil {
		t.Fatal(err)
	}

	r := start(t, data, "--issuers", guests, "--users-of", shop)
	if log := r.log.String(); !strings.Contains(log, `"users":2,"issuer":"`+shop+`"`) {
		t.Errorf("the log does not say whose the users are: %s", log)
	}
	token := map[string]func(user string) string{
		shop:  func(user string) string { return tokenOf(t, shop, "the secret of the shop, 32 bytes or more", user) },
		forum: func(user string) string { return tokenOf(t, forum, "the secret of the forum, 32 bytes or more", user) },
		account.OwnIssuer: func(user string) string {
			return tokenOf(t, account.OwnIssuer, strings.TrimSpace(string(secret)), user)
		},
	}
	for user, belongs := range map[string]string{"s-ada": shop, "s-bob": shop, "f-eve": forum, "o-carl": account.OwnIssuer} {
		for issuer, sign := range token {
			var me struct {
				User struct {
					UserID, Username, Issuer string
					Admin                    bool
				}
			}
			got, want := r.ask("GET", "/api/v1/me", sign(user), "", &me), http.StatusUnauthorized
			if issuer == belongs {
				want = http.StatusOK
			}
			if got != want {
				t.Errorf("%s by a token of %s: %d", user, issuer, got)
			}
			if got == http.StatusOK && (me.User.Issuer != belongs || me.User.Admin != (user == "s-bob") || !strings.EqualFold(me.User.Username, user[2:])) {
				t.Errorf("%s is %+v", user, me.User)
			}
		}
	}
	var session struct{ Token string }
	if status := r.ask("POST", "/api/v1/login", "", `{"login":"dora","password":"correct horse battery"}`, &session); status != http.StatusOK {
		t.Fatalf("login: %d", status)
	}
	for login, want := range map[string]int{"DORA": http.StatusConflict, "em1l": http.StatusCreated, "emiI": http.StatusConflict} {
		if got := r.ask("POST", "/api/v1/accounts", "", `{"login":"`+login+`","password":"correct horse battery"}`, nil); got != want {
			t.Errorf("register %s: %d", login, got)
		}
	}
	r.keeps(token[shop]("s-ada"), "lunch", "message 0", "message 1", "message 2", "message 3", "message 4")
	r.keeps(token[forum]("f-eve"), "forever", "kept")
	r.keeps(session.Token, "week", "a week")
}

// keeps looks whether the messages of a room are there.
func (r *running) keeps(token, room string, want ...string) {
	r.t.Helper()
	var page struct{ Messages []struct{ Content string } }
	status := r.ask("GET", "/api/v1/rooms/"+room+"/messages", token, "", &page)
	var got []string
	for _, m := range page.Messages {
		if m.Content != "" {
			got = append(got, m.Content)
		}
	}
	if status != http.StatusOK || !slices.Equal(got, want) {
		r.t.Errorf("%s: %d, %q", room, status, got)
	}
}

// Where the server knows no issuer but its own, its older users are its own.
func TestUpgradeWithOneIssuer(t *testing.T) {
	data := oldFolder(t)
	issuer := secretIssuer(t, data)
	r := start(t, data)
	for _, user := range []account.UserID{"s-ada", "o-carl", "f-eve"} {
		token, err := issuer.Sign(user, "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if status := r.ask("GET", "/api/v1/me", token, "", nil); status != http.StatusOK {
			t.Errorf("%s: %d", user, status)
		}
	}
}

func secretIssuer(t *testing.T, data string) *account.Issuer {
	t.Helper()
	secret, err := account.OpenSecret(data)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := account.NewIssuer(secret, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}
