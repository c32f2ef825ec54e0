package authorization_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
)

var wires = map[string]wire{"socketio": socketIO{}, "native": native{}, "guide": guide{}}

const unauthenticated ws.StatusCode = 4401

// badTokens are tokens for a user that are no good, by what is wrong with them.
func (s *server) badTokens(user string) map[string]string {
	s.t.Helper()
	now := time.Now()
	own := func(changes jwt.MapClaims) string { return sign(s.t, ownSecret, claims(user, changes)) }
	partners := func(changes jwt.MapClaims) string {
		all := jwt.MapClaims{"iss": partner, "aud": audience}
		maps.Copy(all, changes)
		return sign(s.t, partnerSecret, claims(user, all))
	}
	loggedOut := own(nil)
	if got := s.perform(s.t, s.operations["logout"], loggedOut, nil); !got.ok {
		s.t.Fatalf("log out: %s", got.body)
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims(user, nil)).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		s.t.Fatal(err)
	}
	good := partners(jwt.MapClaims{"sub": "partner-" + user})
	if got := s.perform(s.t, s.operations["getMe"], good, nil); !got.ok {
		s.t.Fatalf("a good token of the partner's: %s", got.body)
	}
	return map[string]string{
		"none":                         "",
		"garbage":                      "garbage",
		"unsigned":                     unsigned,
		"an API key":                   s.key,
		"of an unknown issuer":         own(jwt.MapClaims{"iss": "https://elsewhere.example"}),
		"of another issuer than said":  sign(s.t, partnerSecret, claims(user, nil)),
		"said to be the partner's":     own(jwt.MapClaims{"iss": partner, "aud": audience}),
		"of another issuer's user":     partners(nil),
		"for another audience":         partners(jwt.MapClaims{"aud": "others"}),
		"for no audience":              partners(jwt.MapClaims{"aud": nil}),
		"for a local account":          partners(jwt.MapClaims{"sub": account.LocalPrefix + user}),
		"expired":                      own(jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()}),
		"expired, of the partner":      partners(jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()}),
		"not good yet":                 own(jwt.MapClaims{"nbf": now.Add(time.Hour).Unix()}),
		"revoked":                      loggedOut,
		"of a user who was revoked":    own(jwt.MapClaims{"iat": now.Add(-time.Hour).Unix()}),
		"the partner's, of that user":  partners(jwt.MapClaims{"iat": now.Add(-time.Hour).Unix()}),
		"without a time, of that user": own(jwt.MapClaims{"iat": nil}),
	}
}

// requests are all rows as somebody would ask for them who may.
func (w *world) requests(by standing) (names []string, payloads []map[string]any) {
	w.t.Helper()
	for i := range table {
		r := &table[i]
		names, payloads = append(names, r.command), append(payloads, w.fill(r.payload, w.at(r.at), by))
	}
	return names, payloads
}

// askAll sends every command, by its name and the guide's.
func (w *world) askAll(d *device, by standing) {
	w.t.Helper()
	names, payloads := w.requests(by)
	_, brief := d.wire.(guide)
	for i, name := range names {
		if brief {
			name = table[i].guide
		}
		if name != "" {
			d.send(name, payloads[i])
		}
	}
}

// TestBadTokens tries every command and every operation that needs a user, with tokens of the room's admin that are no
// good.
func TestBadTokens(t *testing.T) {
	s := serve(t)
	const name = "bad"
	user := fmt.Sprintf("%s-%s", name, admin)
	if got := s.perform(t, s.operations["revokeUser"], s.key, map[string]any{"userId": user}); !got.ok {
		t.Fatal(got.body)
	}
	time.Sleep(2 * time.Millisecond) // tokens of this millisecond are revoked too
	w := s.world(t, name, func(_ *server, token string) line { return overHTTP{token} })
	if w.people[admin].id != user {
		t.Fatalf("the admin is %s", w.people[admin].id)
	}
	bad := w.badTokens(user)
	for i := range table { // so that nothing is made any more
		w.indexed(w.at(table[i].at))
	}
	w.told()
	before := w.version()
	for what, token := range bad {
		w.refusesHTTP(what, token)
		w.refusesSocketIO(what, token)
		for _, as := range []wire{native{}, guide{}} {
			w.refusesNative(as, what, token)
		}
	}
	w.refusesFirstFrames()
	if w.version() != before {
		t.Error("something was written")
	}
	for s, h := range w.told() {
		for _, f := range h.watch {
			if !byItself(f) {
				t.Errorf("%s was told %s", standing(s), f.raw)
			}
		}
	}
}

func (w *world) refusesHTTP(what, token string) {
	w.t.Helper()
	names, payloads := w.requests(admin)
	for i := range names {
		if op := w.operations[table[i].http]; op.user {
			if got := w.perform(w.t, op, token, payloads[i]); got.code != authentication {
				w.t.Errorf("%s with a token %s: %s", op.id, what, got)
			}
		}
	}
	for _, r := range adminTable {
		if got := w.perform(w.t, w.operations[r.op], token, object(w.t, r.payload)); got.code != authentication {
			w.t.Errorf("%s with a token %s: %s", r.op, what, got)
		}
	}
	for _, r := range accountTable {
		if op := w.operations[r.op]; op.user {
			if got := w.perform(w.t, op, token, object(w.t, r.payload)); got.code != authentication {
				w.t.Errorf("%s with a token %s: %s", op.id, what, got)
			}
		}
	}
}

// refusesSocketIO signs in by a bad token, sends everything all the same, and signs in by a good one: what comes before
// that is answered must be the refusal and nothing else.
func (w *world) refusesSocketIO(what, token string) {
	w.t.Helper()
	d, _ := dial(w.t, w.server, socketIO{}, "")
	defer d.drop()
	d.say(d.wire.hello(token))
	refusal, err := d.find(func(f frame) bool { return strings.HasPrefix(f.raw, "44") })
	if err != nil || !strings.Contains(refusal.raw, `"code":"`+authentication+`"`) || !strings.Contains(refusal.raw, "Authentication failed") {
		w.t.Errorf("a token %s: %v, refused by %s", what, err, refusal.raw)
	}
	w.askAll(d, admin)
	d.say(d.wire.hello(w.people[stranger].token))
	_, _ = d.find(func(f frame) bool { return d.wire.welcomed(f.raw) }) // or the server has hung up
	d.drop()
	w.unanswered(d, what)
}

// refusesNative tries the header, and then a first frame with everything behind it.
func (w *world) refusesNative(as wire, what, token string) {
	w.t.Helper()
	if token != "" {
		if d, status := dial(w.t, w.server, as, token); status != http.StatusUnauthorized {
			w.t.Errorf("upgrade with a token %s: HTTP %d", what, status)
			d.drop()
		}
	}
	d, _ := dial(w.t, w.server, as, "")
	defer d.drop()
	d.say(as.hello(token))
	w.askAll(d, admin)
	if code := d.closed(); code != unauthenticated {
		w.t.Errorf("a token %s: closed with %d", what, code)
	}
	w.unanswered(d, what)
}

// refusesFirstFrames sends each command in place of a token.
func (w *world) refusesFirstFrames() {
	w.t.Helper()
	names, payloads := w.requests(admin)
	for i, name := range names {
		for as, name := range map[wire]string{native{}: name, guide{}: table[i].guide} {
			if name == "" {
				continue
			}
			d, _ := dial(w.t, w.server, as, "")
			d.send(name, payloads[i])
			if code := d.closed(); code != unauthenticated {
				w.t.Errorf("%s as the first frame: closed with %d", name, code)
			}
			w.unanswered(d, "no token and "+name)
			d.drop()
		}
	}
}

// unanswered fails if a device was given anything but why it may not come in.
func (w *world) unanswered(d *device, what string) {
	w.t.Helper()
	for _, f := range d.take() {
		refusal := f.name == "error" && strings.Contains(f.raw, `"code":"`+authentication+`"`)
		if !refusal && f.name != "" || strings.Contains(f.raw, `"ok"`) {
			w.t.Errorf("with a token %s: got %s", what, f.raw)
		}
	}
}

// TestRevokedWhileConnected: from when the revocation is answered no command is carried out any more.
func TestRevokedWhileConnected(t *testing.T) {
	s := serve(t)
	w := s.world(t, "revoked", func(_ *server, token string) line { return overHTTP{token} })
	victim := w.people[coadmin].id
	for i := range table {
		w.indexed(w.at(table[i].at))
	}
	revokeToken := func(token string) answer { return w.perform(t, w.operations["logout"], token, nil) }
	revokeUser := func(string) answer {
		return w.perform(t, w.operations["revokeUser"], w.key, map[string]any{"userId": victim})
	}
	for _, revoke := range []func(token string) answer{revokeToken, revokeUser} {
		for _, name := range slices.Sorted(maps.Keys(wires)) {
			token := w.token(victim)
			d := connect(t, w.server, wires[name], token)
			if got := revoke(token); !got.ok {
				t.Fatalf("revoke: %s", got.body)
			}
			before := w.version()
			w.askAll(d, coadmin)
			code := d.closed()
			if name != "socketio" && code != unauthenticated {
				t.Errorf("%s: closed with %d", name, code)
			}
			if w.version() != before {
				t.Errorf("%s: something was written", name)
			}
			w.endedBy(d, "token_revoked")
			if got := w.perform(t, w.operations["listRooms"], token, nil); got.code != authentication {
				t.Errorf("over HTTP: %s", got)
			}
			time.Sleep(2 * time.Millisecond) // tokens of the millisecond of a revocation are revoked too
		}
	}
}

// endedBy fails unless all that a device got is why it was ended.
func (w *world) endedBy(d *device, code string) {
	w.t.Helper()
	why := false
	for _, f := range d.take() {
		why = why || f.name == "error" && strings.Contains(f.raw, `"code":"`+code+`"`)
		if f.ref != "" {
			w.t.Errorf("answered after its token was no good: %s", f.raw)
		}
	}
	if !why {
		w.t.Errorf("was not told %s", code)
	}
}

// TestExpiredWhileConnected: a second after a token has expired no command is carried out any more.
func TestExpiredWhileConnected(t *testing.T) {
	s := serve(t)
	for name, as := range wires {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for life := 3 * time.Second; !s.in(t).expires(name, as, life); life *= 2 {
				t.Log("the test has stalled") // a busy machine needs longer to sign in, and to ask
			}
		})
	}
}

// expires has a device ask until its token has expired; false when the machine was too slow to show what comes of it.
func (s *server) expires(name string, as wire, life time.Duration) bool {
	s.t.Helper()
	expires := time.Now().Add(life).Truncate(time.Second)
	token := sign(s.t, ownSecret, claims("ada-"+name, jwt.MapClaims{"exp": expires.Unix()}))
	d, _ := dial(s.t, s, as, "")
	defer d.drop()
	d.say(as.hello(token))
	if !d.welcome() && time.Now().After(expires) {
		return false
	}
	asked, slowest := time.Now(), time.Duration(0)
	for {
		asking := time.Now()
		slowest = max(slowest, asking.Sub(asked))
		if _, err := d.receive(d.send(as.leave(), map[string]any{})); err != nil {
			break
		}
		asked = asking
		time.Sleep(time.Millisecond)
	}
	if late := asked.Sub(expires); late > time.Second {
		if slowest > time.Second/4 {
			return false
		}
		s.t.Errorf("a command was answered %s after the token had expired", late)
	}
	if code := d.closed(); name != "socketio" && code != unauthenticated {
		s.t.Errorf("closed with %d", code)
	}
	if time.Now().Before(expires) {
		s.t.Error("closed before the token has expired")
	}
	(&world{server: s}).endedBy(d, "token_expired")
	if got := s.perform(s.t, s.operations["listRooms"], token, nil); got.code != authentication {
		s.t.Errorf("over HTTP: %s", got)
	}
	return true
}
