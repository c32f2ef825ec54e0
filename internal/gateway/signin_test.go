package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/gateway"
)

func TestTokensAreTakenWhereClientsCanPutThem(t *testing.T) {
	n := serve(t)
	token := n.token("ada")
	bearer := http.Header{"Authorization": {"Bearer " + token}}
	for name, c := range map[string]struct {
		query  url.Values
		header http.Header
		auth   string
	}{
		"auth":                 {auth: `{"token":"` + token + `"}`},
		"auth with a scheme":   {auth: `{"token":"Bearer ` + token + `"}`},
		"header":               {header: bearer},
		"header, other case":   {header: http.Header{"Authorization": {"bearer  " + token}}},
		"header beside auth":   {header: bearer, auth: `{}`},
		"header, auth no text": {header: bearer, auth: `{"token":1}`},
		"query":                {query: url.Values{"token": {token}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := n.mustDial(4, c.query, c.header)
			d.connect(c.auth)
			d.must("room:create", `{"name":"x"}`)
		})
	}
}

func TestVersion2ClientsSignInByQuery(t *testing.T) {
	n := serve(t)
	d := n.mustDial(3, url.Values{"token": {n.token("ada")}}, nil)
	d.welcomed() // without asking
	other := n.device("bob")
	sent := d.must("message:send", `{"recipientId":"bob","content":"from long ago"}`)
	if m := other.message("message:received"); m.ID != sent.ID || m.Content != "from long ago" || m.SenderUsername != "Ada" {
		t.Errorf("got %+v", m)
	}
	other.must("message:send", `{"recipientId":"ada","content":"to long ago"}`)
	if m := d.message("message:received"); m.Content != "to long ago" {
		t.Errorf("got %+v", m)
	}

	refused := n.mustDial(3, url.Values{"token": {"nonsense"}}, nil)
	if got := refused.find("an error packet", func(p *packet) bool { return p.kind == '4' }); string(got.data) != `{"code":"authentication_failed","message":"Authentication failed"}` {
		t.Errorf("version 2 client: %s", got)
	}
}

func TestRefusedSignInsTellNothing(t *testing.T) {
	n := serve(t)
	sign := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	past := time.Now().Add(-time.Minute).Unix()
	tokens := map[string]string{
		"none":           "",
		"no token":       "nonsense",
		"expired":        sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"iss": account.OwnIssuer, "sub": "ada", "exp": past}),
		"another secret": sign(jwt.SigningMethodHS256, []byte("somebody else's secret, as long as ours"), jwt.MapClaims{"sub": "ada"}),
		"unsigned":       sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"sub": "ada"}),
		"other issuer":   sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"iss": "https://evil.example", "sub": "ada"}),
		"nobody":         sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"iss": account.OwnIssuer}),
		"too long":       strings.Repeat("x", account.MaxTokenBytes+1),
	}
	const want = `{"message":"Authentication failed","data":{"code":"authentication_failed","message":"Authentication failed"}}`
	for name, token := range tokens {
		if got := n.mustDial(4, nil, nil).refused(text(map[string]string{"token": token})); got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if got := n.mustDial(4, nil, nil).refused(""); got != want {
		t.Errorf("without auth: got %s", got)
	}
	if got := n.count("websocket_connections_refused_total", "reason", "token"); got != float64(len(tokens)+1) {
		t.Errorf("counted %v refusals", got)
	}
	if got := n.gateway.Connections(); got != 0 {
		t.Errorf("%d signed in", got)
	}
	for name, token := range tokens {
		if len(token) > 20 && strings.Contains(n.log.String(), token) {
			t.Errorf("%s: the log has the token", name)
		}
	}
}

// Events of a connection that is not signed in are a breach of the protocol.
func TestEventsBeforeSignIn(t *testing.T) {
	n := serve(t)
	for _, first := range []string{"", `{"token":"nonsense"}`} {
		d := n.mustDial(4, nil, nil)
		if first != "" {
			d.refused(first)
		}
		d.emit("room:create", `{"id":"early","name":"x"}`)
		d.closed()
	}
	n.device("ada").mustFail("room:join", `{"roomId":"early"}`, "room_not_found", "Room not found")
}

func TestUsersAreCreatedAtFirstSight(t *testing.T) {
	n := serve(t)
	d := n.device("ada")
	d.must("message:send", `{"recipientId":"bob","content":"are you there?"}`) // bob was never seen
	var unread []message
	n.device("bob").event("messages:unread", &unread)
	if len(unread) != 1 || unread[0].SenderID != "ada" || unread[0].SenderUsername != "Ada" {
		t.Errorf("got %+v", unread)
	}

	renamed, err := n.issuer.Sign("ada", "Countess", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	sent := n.deviceWith(renamed).must("message:send", `{"recipientId":"bob","content":"still me"}`)
	n.device("bob").event("messages:unread", &unread)
	if last := unread[len(unread)-1]; last.ID != sent.ID || last.SenderUsername != "Countess" {
		t.Errorf("got %+v", last)
	}
}

// One connection must not try tokens, or fill the log, for as long as it is let
// stay.
func TestRefusedSignInsAreLimited(t *testing.T) {
	const most = 5
	n := serve(t, limits(gateway.Config{Connects: perMinute(most)}))
	d := n.mustDial(4, nil, nil)
	for range 50 {
		d.send(`0{"token":"nonsense"}`)
	}
	d.closed()
	if got := strings.Count(n.log.String(), "sign-in refused"); got > most {
		t.Errorf("%d refusals in the log", got)
	}
}

// A client that leaves the only namespace there is must not stay connected,
// where no limit counts it.
func TestSigningOutEndsTheConnection(t *testing.T) {
	n := serve(t)
	d := n.device("ada")
	d.send("1")
	d.closed()
	eventually(t, "the count of connections", func() bool { return n.gateway.Connections() == 0 && n.sockets.Connections() == 0 })
}

func TestLogsHoldWhatClientsSendHarmlessly(t *testing.T) {
	n := serve(t, func(s *setup) { s.Sockets.MaxAuthBytes, s.Sockets.Engine.MaxStrangerPayload = 0, 0 })
	evil := "x\r\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\x1b[31m" + strings.Repeat("y", 5000)
	for _, auth := range []map[string]string{{"token": evil}, {"token": unsigned(evil, "HS256")}, {"token": unsigned("sockeye", evil)}, {"token": unsigned(evil, evil)}, {"pid": evil, "token": evil}} {
		n.mustDial(4, nil, nil).refused(text(auth))
	}
	for line := range strings.Lines(n.log.String()) {
		if len(line) > 1000 {
			t.Errorf("a line of %d bytes", len(line))
		}
		if !json.Valid([]byte(line)) || strings.Contains(line, "\x1b") || strings.HasPrefix(line, `{"level"`) {
			t.Errorf("line %q", line)
		}
	}
}

// unsigned is a token that claims what a client likes.
func unsigned(issuer, alg string) string {
	part := func(v any) string { return base64.RawURLEncoding.EncodeToString([]byte(text(v))) }
	return part(map[string]string{"alg": alg, "kid": issuer}) + "." + part(map[string]string{"iss": issuer}) + ".AAAA"
}

// An address that tries one bad token after the other gets nowhere, and others are let in as before, from that address
// too, as far as its rate goes.
func TestNinetyBadTokens(t *testing.T) {
	n := serve(t, limits(gateway.Config{
		MaxConnections: 200, Connects: perMinute(100), TrustedProxies: prefixes(t, "127.0.0.0/8"),
	}))
	from := func(ip string) http.Header { return http.Header{"X-Forwarded-For": {ip}} }
	guesser := n.mustDial(4, nil, from("192.0.2.1"))
	for i := range 90 {
		guesser.send("0" + text(map[string]string{"token": n.token("ada") + strconv.Itoa(i)}))
	}
	for range 90 {
		refusal := guesser.find("a connect error", func(p *packet) bool { return p.kind == '4' })
		if !strings.Contains(string(refusal.data), "Authentication failed") {
			t.Fatalf("got %s", refusal)
		}
	}
	if got := n.gateway.Connections(); got != 0 {
		t.Errorf("%d are signed in", got)
	}
	for _, ip := range []string{"192.0.2.1", "192.0.2.2"} {
		n.mustDial(4, nil, from(ip)).connect(map[string]string{"token": n.token("ada")})
	}
	for range 20 { // more than the rate permits
		guesser.send("0" + text(map[string]string{"token": "bad"}))
	}
	guesser.closed()
	n.mustDial(4, nil, from("192.0.2.2")).connect(map[string]string{"token": n.token("bob")})
}
