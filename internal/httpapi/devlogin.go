package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/account"
)

const (
	demoPrefix       = "demo-"
	demoTokenTTL     = 24 * time.Hour
	maxDemoBody      = 4 << 10
	maxDemoNameRunes = 40
	maxDemoSlugBytes = 100
)

// demoAdmin is the demo user who may administer the server: the one called Admin.
const demoAdmin = demoPrefix + "admin"

// TokenSigner signs tokens, see account.Issuer.
type TokenSigner interface {
	Issue(g account.Grant) (account.Token, error)
}

// DevLogin lets anybody in as a demo user, without a password: POST {"name":"Alice"} is answered with
// {"token", "user":{"id","name"}}. It is for development on one's own machine and must only be mounted there. The same
// name always gives the same user. Safe for concurrent use.
type DevLogin struct {
	signer  TokenSigner
	log     *slog.Logger
	foreign *http.CrossOriginProtection
}

// NewDevLogin returns the handler.
func NewDevLogin(signer TokenSigner, log *slog.Logger) *DevLogin {
	return &DevLogin{signer: signer, log: log, foreign: http.NewCrossOriginProtection()}
}

// Register adds POST /api/dev/login.
func (d *DevLogin) Register(mux *http.ServeMux) { mux.Handle("POST /api/dev/login", d) }

type demoUser struct {
	ID   account.UserID `json:"id"`
	Name string         `json:"name"`
}

func (d *DevLogin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := d.checkCaller(r); p != nil {
		p.write(w)
		return
	}
	name, p := demoName(http.MaxBytesReader(w, r.Body, maxDemoBody))
	if p != nil {
		p.write(w)
		return
	}
	user := demoUser{ID: account.UserID(demoID(name)), Name: name}
	token, err := d.signer.Issue(account.Grant{UserID: user.ID, Name: user.Name, TTL: demoTokenTTL, Admin: user.ID == demoAdmin})
	if err != nil {
		d.log.Error("demo sign-in failed", "user", user.ID, "error", err)
		newProblem(http.StatusInternalServerError, "internal", "", "The token could not be signed.").write(w)
		return
	}
	writeBody(w, http.StatusOK, "application/json", struct {
		Token string   `json:"token"`
		User  demoUser `json:"user"`
	}{token.Text, user})
}

// checkCaller keeps other web sites out, which run in the same browser: their requests name another origin, or, when
// they have bent their own name to point to this machine, another host.
func (d *DevLogin) checkCaller(r *http.Request) *problem {
	if !localHost(r.Host) {
		return newProblem(http.StatusForbidden, "host_not_allowed", "", "Demo sign-in answers under a loopback address only.")
	}
	if err := d.foreign.Check(r); err != nil {
		return newProblem(http.StatusForbidden, "origin_not_allowed", "", "Demo sign-in answers pages of the same origin only.")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return newProblem(http.StatusUnsupportedMediaType, "content_type_not_json", "", "Content-Type must be application/json.")
	}
	return nil
}

func localHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || (err == nil && address.IsLoopback())
}

// demoName reads the request and returns the trimmed name.
func demoName(body io.Reader) (string, *problem) {
	raw, err := io.ReadAll(body)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return "", newProblem(http.StatusRequestEntityTooLarge, "body_too_large", "", fmt.Sprintf("The body may have %d bytes.", tooLarge.Limit))
	} else if err != nil {
		return "", newProblem(http.StatusBadRequest, "body_incomplete", "", "The body did not arrive whole.")
	}
	var request struct {
		Name *string `json:"name"`
	}
	if wrong := new(json.UnmarshalTypeError); errors.As(json.Unmarshal(raw, &request), &wrong) && wrong.Field != "" {
		return "", newProblem(http.StatusBadRequest, "invalid_field", wrong.Field, wrong.Field+" must be a string.")
	} else if !json.Valid(raw) || wrong.Value != "" {
		return "", newProblem(http.StatusBadRequest, "invalid_json", "", "The body must be a JSON object.")
	}
	if request.Name == nil {
		return "", newProblem(http.StatusBadRequest, "missing_field", "name", "name is missing.")
	}
	name := strings.TrimSpace(*request.Name)
	if strings.ContainsFunc(name, unicode.IsControl) {
		return "", newProblem(http.StatusBadRequest, "invalid_field", "name", "name must not have control characters.")
	}
	name = account.CleanName(name)
	if n := utf8.RuneCountInString(name); n < 1 || n > maxDemoNameRunes {
		return "", newProblem(http.StatusBadRequest, "invalid_field", "name",
			fmt.Sprintf("name has %d characters, it must have 1 to %d.", n, maxDemoNameRunes))
	}
	return name, nil
}

// demoID makes a readable id of the name's letters and digits, and one of its hash when these are none or too long.
func demoID(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if slug := strings.Join(words, "-"); slug != "" && len(slug) <= maxDemoSlugBytes {
		return demoPrefix + slug
	}
	sum := sha256.Sum256([]byte(name))
	return demoPrefix + hex.EncodeToString(sum[:8])
}
