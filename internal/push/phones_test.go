package push_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/push/webpushtest"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// inPEM is a private key as Apple and Google hand it out.
func inPEM(t testing.TB, key any) []byte {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func appleKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func appleConfig(t testing.TB, key crypto.PrivateKey, host string) push.APNs {
	t.Helper()
	return push.APNs{Key: inPEM(t, key), KeyID: "ABC1234567", TeamID: "DEF1234567", Host: host}
}

// googleConfig is a service account whose project and access tokens are at a stand-in.
func googleConfig(t testing.TB, at string, change func(account map[string]any)) push.FCM {
	t.Helper()
	account := map[string]any{
		"type": "service_account", "project_id": "chat-1", "private_key_id": "k1", "private_key": string(inPEM(t, rsaKey())),
		"client_email": "push@chat-1.example", "token_uri": at + "/token",
	}
	if change != nil {
		change(account)
	}
	text, err := json.Marshal(account)
	if err != nil {
		t.Fatal(err)
	}
	return push.FCM{Credentials: text, URL: at}
}

// says is an answer with a body; header come in pairs.
func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// same compares JSON with what it should be.
func same(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Error(diff)
	}
}

const (
	appleDevice  = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
	googleDevice = "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1"
)

func phone(t testing.TB, g push.Given) *push.Subscription {
	t.Helper()
	s, err := g.Parse(false)
	if err != nil {
		t.Fatal(err)
	}
	s.CreatedAt = noon
	return &s
}

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// TestAPNsRequest: Apple's service gets by HTTP/2 what its documentation asks for, field by field.
func TestAPNsRequest(t *testing.T) {
	service := webpushtest.NewService(t)
	key := appleKey(t)
	now := noon
	apns, err := push.NewAPNs(appleConfig(t, key, strings.TrimPrefix(service.URL, "https://")), client(t, service), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	d := phone(t, push.Given{Type: push.TypeAPNs, Token: strings.ToUpper(appleDevice), BundleID: "com.example.chat"})
	tell := func(text string, until time.Time) (asked webpushtest.Request) {
		t.Helper()
		if outcome, _, _, err := apns.Tell(t.Context(), d, fields(t, text), "n1", now, until); outcome != push.Sent || err != nil {
			t.Fatalf("%s, %v", outcome, err)
		}
		return <-service.Asked
	}
	check := func(asked webpushtest.Request, want map[string]string) {
		t.Helper()
		for name, value := range want {
			if got := asked.Header.Get(name); got != value {
				t.Errorf("%s is %q, want %q", name, got, value)
			}
		}
	}
	text := `{"title":"Ada","body":"Hello","tag":"dm:1","unread":3,"sound":"ping.caf","image":"https://a.example/1.png","data":{"a":1},"bundleId":"x","aps":1}`
	asked := tell(text, now.Add(time.Hour))
	if asked.Path != "/3/device/"+appleDevice || asked.Proto != "HTTP/2.0" || len(asked.Header) > 12 {
		t.Errorf("asked %s by %s with %v", asked.Path, asked.Proto, asked.Header)
	}
	check(asked, map[string]string{
		"apns-topic": "com.example.chat", "apns-push-type": "alert", "apns-priority": "10", "apns-expiration": strconv.FormatInt(now.Add(time.Hour).Unix(), 10),
		"apns-collapse-id": fields(t, text).Topic("n1"), "Content-Type": "application/json",
	})
	same(t, asked.Body, `{"aps":{"alert":{"title":"Ada","body":"Hello"},"badge":3,"sound":"ping.caf","thread-id":"dm:1","mutable-content":1},
		"tag":"dm:1","image":"https://a.example/1.png","data":{"a":1},"notificationId":"n1","timestamp":"2026-12-01T12:00:00.000Z"}`)
	plain := tell(`{"urgency":"low","unread":"many"}`, now)
	check(plain, map[string]string{"apns-priority": "5", "apns-expiration": "0"})
	same(t, plain.Body, `{"aps":{"alert":{},"sound":"default","mutable-content":1},"notificationId":"n1","timestamp":"2026-12-01T12:00:00.000Z"}`)

	// The token: by a library that is none of what is tested, and renewed between 20 and 60 minutes.
	var last string
	changed := noon
	for i := range 40 {
		now = noon.Add(time.Duration(i) * 7 * time.Minute)
		text, is := strings.CutPrefix(tell(`{}`, now).Header.Get("Authorization"), "bearer ")
		claims := jwt.MapClaims{}
		parsed, err := jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
			jwt.WithValidMethods([]string{"ES256"}), jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithIssuedAt())
		if err != nil || !is || parsed.Header["kid"] != "ABC1234567" || claims["iss"] != "DEF1234567" || len(claims) != 2 {
			t.Fatalf("token %s: %v, %v", text, claims, err)
		}
		if age := now.Sub(time.Unix(int64(claims["iat"].(float64)), 0)); age < 0 || age >= time.Hour {
			t.Errorf("the token is %v old", age)
		}
		if text != last {
			if kept := now.Sub(changed); last != "" && i > 6 && (kept < 20*time.Minute || kept > time.Hour) {
				t.Errorf("the token is renewed after %v", kept)
			}
			last, changed = text, now
		}
	}
	other, err := push.NewAPNs(appleConfig(t, key, strings.TrimPrefix(service.URL, "https://")), client(t, service), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if outcome, _, _, err := other.Tell(t.Context(), d, fields(t, `{}`), "n1", now, now); outcome != push.Sent || err != nil {
		t.Fatal(outcome, err)
	}
	if got := (<-service.Asked).Header.Get("Authorization"); got != "bearer "+last {
		t.Error("another node has another token")
	}
}

// verdict is an answer, and what it means.
type verdict struct {
	status int
	body   string
	retry  string
	want   push.Outcome
	after  time.Duration
	ours   bool
}

// judged has a service answer so, each time as if it had never failed before.
func judged(t *testing.T, service *webpushtest.Service, path string, d *push.Subscription, fresh func() push.Phones, verdicts []verdict) {
	t.Helper()
	for _, v := range verdicts {
		header := []string{}
		if v.retry != "" {
			header = []string{"Retry-After", v.retry}
		}
		service.Answer(path, says(v.status, v.body, header...))
		outcome, after, ours, err := fresh().Tell(t.Context(), d, fields(t, `{}`), "n1", noon, noon.Add(time.Hour))
		if outcome != v.want || after != v.after || ours != v.ours || err != nil {
			t.Errorf("%d %s: %s after %v, ours %t, %v", v.status, v.body, outcome, after, ours, err)
		}
	}
}

// TestAPNsAnswers: what Apple's words mean.
func TestAPNsAnswers(t *testing.T) {
	service := webpushtest.NewService(t)
	cfg := appleConfig(t, appleKey(t), strings.TrimPrefix(service.URL, "https://"))
	to := client(t, service)
	fresh := func() push.Phones {
		apns, err := push.NewAPNs(cfg, to, func() time.Time { return noon })
		if err != nil {
			t.Fatal(err)
		}
		return apns
	}
	d := phone(t, push.Given{Type: push.TypeAPNs, Token: appleDevice, BundleID: "com.example.chat"})
	reason := func(text string) string { return fmt.Sprintf(`{"reason":%q}`, text) }
	judged(t, service, "/3/device/"+appleDevice, d, fresh, []verdict{
		{status: 200, want: push.Sent},
		{status: 410, body: reason("Unregistered"), want: push.Gone},
		{status: 410, body: fmt.Sprintf(`{"reason":"Unregistered","timestamp":%d}`, noon.Add(time.Hour).UnixMilli()), want: push.Gone},
		{status: 410, body: fmt.Sprintf(`{"reason":"Unregistered","timestamp":%d}`, noon.Add(-time.Hour).UnixMilli()), want: push.Refused}, // it came back
		{status: 410, body: reason("ExpiredToken"), want: push.Gone},
		{status: 400, body: reason("BadDeviceToken"), want: push.Gone},
		{status: 400, body: reason("DeviceTokenNotForTopic"), want: push.Gone},
		{status: 404, body: reason("BadPath"), want: push.Refused},
		{status: 404, body: "<html>", want: push.Refused}, // another service
		{status: 410, want: push.Refused},
		{status: 400, body: reason("BadTopic"), want: push.Refused},
		{status: 413, body: reason("PayloadTooLarge"), want: push.Refused},
		{status: 403, body: reason("InvalidProviderToken"), want: push.Later, ours: true},
		{status: 403, body: reason("ExpiredProviderToken"), want: push.Later, ours: true},
		{status: 429, body: reason("TooManyRequests"), retry: "120", want: push.Later, after: 2 * time.Minute},
		{status: 429, body: reason("TooManyProviderTokenUpdates"), want: push.Later},
		{status: 500, body: reason("InternalServerError"), want: push.Later},
		{status: 503, body: reason("Shutdown"), retry: "7", want: push.Later, after: 7 * time.Second},
	})
	hangs(t, service, "/3/device/"+appleDevice, d, fresh())
	rests(t, service, "/3/device/"+appleDevice, d, fresh(), 1)
}

// hangs: who gives up while a service does not answer has tried nothing.
func hangs(t *testing.T, service *webpushtest.Service, path string, d *push.Subscription, by push.Phones) {
	t.Helper()
	hung := make(chan struct{})
	service.Answer(path, func(_ http.ResponseWriter, r *http.Request) { close(hung); <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-hung; cancel() }()
	if _, _, _, err := by.Tell(ctx, d, fields(t, `{}`), "n1", noon, noon.Add(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// rests: a service that has failed three times is left alone; the first time costs some requests, the others one.
func rests(t *testing.T, service *webpushtest.Service, path string, d *push.Subscription, by push.Phones, requests int) {
	t.Helper()
	service.Answer(path, says(503, ""))
	for len(service.Asked) > 0 {
		<-service.Asked
	}
	for i := range 4 {
		outcome, after, _, err := by.Tell(t.Context(), d, fields(t, `{}`), "n1", noon, noon.Add(time.Hour))
		if outcome != push.Later || err != nil || (i == 3) != (after == time.Second) {
			t.Errorf("the %d. time: %s after %v, %v", i+1, outcome, after, err)
		}
	}
	if n := len(service.Asked); n != 2+requests {
		t.Errorf("it is asked %d times", n)
	}
}

// TestAPNsCredentials: what is wrong with them is said with the name of the setting.
func TestAPNsCredentials(t *testing.T) {
	good := appleConfig(t, appleKey(t), push.APNsHost)
	big, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := push.NewAPNs(good, nil, time.Now); err != nil {
		t.Errorf("the good one: %v", err)
	}
	for setting, changes := range map[string][]func(*push.APNs){
		"apns-key-file": {
			func(c *push.APNs) { c.Key = []byte("no key") },
			func(c *push.APNs) { c.Key = inPEM(t, rsaKey()) },
			func(c *push.APNs) { c.Key = inPEM(t, big) },
			func(c *push.APNs) { c.Key = []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") },
			func(c *push.APNs) { c.Key = []byte(strings.ReplaceAll(string(c.Key), "PRIVATE KEY", "CERTIFICATE")) },
		},
		"apns-key-id":  {func(c *push.APNs) { c.KeyID = "abc1234567" }, func(c *push.APNs) { c.KeyID = "" }},
		"apns-team-id": {func(c *push.APNs) { c.TeamID = "DEF123456" }},
		"apns-host":    {func(c *push.APNs) { c.Host = "" }, func(c *push.APNs) { c.Host = "https://a.example" }, func(c *push.APNs) { c.Host = "a.example/b" }},
	} {
		for i, change := range changes {
			cfg := good
			change(&cfg)
			if _, err := push.NewAPNs(cfg, nil, time.Now); err == nil || !strings.HasPrefix(err.Error(), setting) {
				t.Errorf("%s, %d: %v", setting, i, err)
			}
		}
	}
}

// TestFCMRequest: Google's service gets an access token and a message, field by field, and the access token is kept near to its end.
func TestFCMRequest(t *testing.T) {
	service := webpushtest.NewService(t)
	now := noon
	fcm, err := push.NewFCM(googleConfig(t, service.URL, nil), client(t, service), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	d := phone(t, push.Given{Type: push.TypeFCM, Token: googleDevice})
	tell := func(text string, until time.Time) (asked webpushtest.Request) {
		t.Helper()
		if outcome, _, _, err := fcm.Tell(t.Context(), d, fields(t, text), "n1", now, until); outcome != push.Sent || err != nil {
			t.Fatalf("%s, %v", outcome, err)
		}
		return <-service.Asked
	}
	granted := func(n int) {
		service.Answer("/token", says(200, fmt.Sprintf(`{"access_token":"a%d","expires_in":3599,"token_type":"Bearer"}`, n)))
	}
	granted(1)
	text := `{"title":"Ada","body":"Hello","tag":"dm:1","unread":3,"sound":"ping","color":"#336699","image":"https://a.example/1.png","data":{"a":1},"from":"x",
		"google.a":"x","on":true,"icon":null}`
	grant := tell(text, now.Add(time.Hour))
	if grant.Path != "/token" || grant.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Fatalf("first is asked %s with %v", grant.Path, grant.Header)
	}
	form, err := url.ParseQuery(string(grant.Body))
	if err != nil || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || len(form) != 2 {
		t.Errorf("it is asked %s, %v", grant.Body, err)
	}
	claims := jwt.MapClaims{}
	parsed, err := jwt.ParseWithClaims(form.Get("assertion"), claims, func(*jwt.Token) (any, error) { return &rsaKey().PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithExpirationRequired(), jwt.WithAudience(service.URL+"/token"))
	if err != nil || parsed.Header["kid"] != "k1" || claims["iss"] != "push@chat-1.example" || claims["scope"] != "https://www.googleapis.com/auth/firebase.messaging" ||
		claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
		t.Errorf("the assertion is %v, %v", claims, err)
	}
	asked := <-service.Asked
	if asked.Path != "/v1/projects/chat-1/messages:send" || asked.Proto != "HTTP/2.0" || asked.Header.Get("Authorization") != "Bearer a1" ||
		asked.Header.Get("Content-Type") != "application/json" || len(asked.Header) > 8 {
		t.Errorf("asked %s by %s with %v", asked.Path, asked.Proto, asked.Header)
	}
	topic := fields(t, text).Topic("n1")
	same(t, asked.Body, `{"message":{"token":"`+googleDevice+`","notification":{"title":"Ada","body":"Hello","image":"https://a.example/1.png"},
		"data":{"tag":"dm:1","unread":"3","color":"#336699","data":"{\"a\":1}","on":"true","notificationId":"n1","timestamp":"2026-12-01T12:00:00.000Z"},
		"android":{"collapse_key":"`+topic+`","ttl":"3600s","priority":"high","notification":{"tag":"dm:1","color":"#336699","sound":"ping","notification_count":3}},
		"apns":{"headers":{"apns-collapse-id":"`+topic+`","apns-priority":"10","apns-expiration":"`+strconv.FormatInt(now.Add(time.Hour).Unix(), 10)+`"},
			"payload":{"aps":{"sound":"ping","badge":3,"thread-id":"dm:1","mutable-content":1}}}}}`)
	granted(2)
	now = noon.Add(54 * time.Minute)
	kept := tell(`{"urgency":"low","color":"red","image":"x"}`, now)
	topic = fields(t, `{}`).Topic("n1")
	if kept.Header.Get("Authorization") != "Bearer a1" {
		t.Errorf("the token is not kept: %s with %v", kept.Path, kept.Header)
	}
	same(t, kept.Body, `{"message":{"token":"`+googleDevice+`","notification":{},
		"data":{"color":"red","notificationId":"n1","timestamp":"2026-12-01T12:54:00.000Z"},
		"android":{"collapse_key":"`+topic+`","ttl":"0s","priority":"normal","notification":{}},
		"apns":{"headers":{"apns-collapse-id":"`+topic+`","apns-priority":"5","apns-expiration":"0"},"payload":{"aps":{"sound":"default","mutable-content":1}}}}}`)
	now = noon.Add(55 * time.Minute)
	if grant := tell(`{}`, now); grant.Path != "/token" || (<-service.Asked).Header.Get("Authorization") != "Bearer a2" {
		t.Error("the token is used to its end")
	}
	// One that is not taken any more is asked for again.
	service.Answer("/v1/projects/chat-1/messages:send", says(401, `{"error":{"code":401,"status":"UNAUTHENTICATED"}}`))
	if outcome, _, ours, err := fcm.Tell(t.Context(), d, fields(t, `{}`), "n1", now, now); outcome != push.Later || !ours || err != nil {
		t.Errorf("not taken: %s, %t, %v", outcome, ours, err)
	}
	<-service.Asked
	service.Answer("/v1/projects/chat-1/messages:send", nil)
	if grant := tell(`{}`, now); grant.Path != "/token" {
		t.Error("a token that is not taken is used again")
	}
}

// TestFCMAnswers: what Google's words mean.
func TestFCMAnswers(t *testing.T) {
	service := webpushtest.NewService(t)
	cfg := googleConfig(t, service.URL, nil)
	to := client(t, service)
	fresh := func() push.Phones {
		fcm, err := push.NewFCM(cfg, to, func() time.Time { return noon })
		if err != nil {
			t.Fatal(err)
		}
		return fcm
	}
	const path = "/v1/projects/chat-1/messages:send"
	service.Answer("/token", says(200, `{"access_token":"a1","expires_in":3599}`))
	d := phone(t, push.Given{Type: push.TypeFCM, Token: googleDevice})
	code := func(status, code, more string) string {
		return fmt.Sprintf(`{"error":{"status":%q,"message":"m","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":%q}%s]}}`, status, code, more)
	}
	field := func(name string) string {
		return fmt.Sprintf(`,{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":%q,"description":"d"}]}`, name)
	}
	judged(t, service, path, d, fresh, []verdict{
		{status: 200, body: `{"name":"projects/chat-1/messages/1"}`, want: push.Sent},
		{status: 404, body: code("NOT_FOUND", "UNREGISTERED", ""), want: push.Gone},
		{status: 403, body: code("PERMISSION_DENIED", "SENDER_ID_MISMATCH", ""), want: push.Gone},
		{status: 400, body: code("INVALID_ARGUMENT", "INVALID_ARGUMENT", field("message.token")), want: push.Gone},
		{status: 400, body: `{"error":{"status":"INVALID_ARGUMENT","message":"The registration token is not a valid FCM registration token"}}`, want: push.Gone},
		{status: 400, body: code("INVALID_ARGUMENT", "INVALID_ARGUMENT", field("message.data[0].value")), want: push.Refused},
		{status: 400, body: code("INVALID_ARGUMENT", "INVALID_ARGUMENT", ""), want: push.Refused},
		{status: 404, body: `{"error":{"status":"NOT_FOUND"}}`, want: push.Refused}, // of the project
		{status: 410, body: "gone", want: push.Refused},
		{status: 413, want: push.Refused},
		{status: 401, body: code("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", ""), want: push.Refused},
		{status: 401, body: `{"error":{"status":"UNAUTHENTICATED"}}`, want: push.Later, ours: true},
		{status: 403, body: `{"error":{"status":"PERMISSION_DENIED"}}`, want: push.Later, ours: true},
		{status: 429, body: code("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", ""), retry: "60", want: push.Later, after: time.Minute},
		{status: 500, body: code("INTERNAL", "INTERNAL", ""), want: push.Later},
		{status: 503, body: code("UNAVAILABLE", "UNAVAILABLE", ""), retry: "5", want: push.Later, after: 5 * time.Second},
	})
	hangs(t, service, path, d, fresh())
	rests(t, service, path, d, fresh(), 2)
	service.Answer(path, nil)
	judged(t, service, "/token", d, fresh, []verdict{
		{status: 200, body: `{"access_token":"a1","expires_in":3599}`, want: push.Sent},
		{status: 400, body: `{"error":"invalid_grant"}`, want: push.Later, ours: true},
		{status: 200, body: `{}`, want: push.Later, ours: true},
		{status: 200, body: `<html>`, want: push.Later, ours: true},
		{status: 200, body: `{"access_token":"a1"}`, want: push.Later, ours: true},
		{status: 503, retry: "30", want: push.Later, after: 30 * time.Second},
	})
	hangs(t, service, "/token", d, fresh())
}

// TestFCMCredentials: what is wrong with them is said with the name of the setting, and of the field.
func TestFCMCredentials(t *testing.T) {
	if _, err := push.NewFCM(googleConfig(t, push.FCMURL, nil), nil, time.Now); err != nil {
		t.Errorf("the good one: %v", err)
	}
	for _, test := range []struct {
		field string
		value any
		says  string
	}{
		{"type", "authorized_user", "authorized_user"}, {"project_id", "", "project_id"}, {"private_key_id", nil, "private_key_id"},
		{"client_email", "", "client_email"}, {"token_uri", "", "token_uri"}, {"token_uri", "http://a.example/token", "token_uri"},
		{"private_key", "no key", "private_key"}, {"private_key", string(inPEM(t, appleKey(t))), "RSA"}, {"project_id", 1, "JSON"},
	} {
		cfg := googleConfig(t, push.FCMURL, func(account map[string]any) { account[test.field] = test.value })
		if _, err := push.NewFCM(cfg, nil, time.Now); err == nil || !strings.HasPrefix(err.Error(), "fcm-credentials-file") || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %v: %v", test.field, test.value, err)
		}
	}
	if _, err := push.NewFCM(push.FCM{Credentials: []byte("no JSON"), URL: push.FCMURL}, nil, time.Now); err == nil || !strings.HasPrefix(err.Error(), "fcm-credentials-file") {
		t.Errorf("no JSON: %v", err)
	}
	cfg := googleConfig(t, push.FCMURL, nil)
	cfg.URL = "fcm.example"
	if _, err := push.NewFCM(cfg, nil, time.Now); err == nil || !strings.HasPrefix(err.Error(), "fcm-url") {
		t.Errorf("no URL: %v", err)
	}
}

// TestParsePhones: what is wrong with a token is named.
func TestParsePhones(t *testing.T) {
	apple := push.Given{Type: push.TypeAPNs, Token: appleDevice, BundleID: "com.example.chat"}
	s, err := apple.Parse(false)
	if err != nil || s.Type != push.TypeAPNs || s.Address != "com.example.chat/"+appleDevice || s.PublicKey == nil || s.Auth == nil {
		t.Errorf("%+v, %v", s, err)
	}
	upper := apple
	upper.Token, upper.BundleID = strings.ToUpper(appleDevice), "com.example.other"
	if again, err := upper.Parse(false); err != nil || again.ID != s.ID {
		t.Errorf("the same device is %+v, %v", again, err)
	}
	google, err := push.Given{Type: push.TypeFCM, Token: googleDevice}.Parse(false)
	if err != nil || google.Type != push.TypeFCM || google.Address != googleDevice || google.ID == s.ID {
		t.Errorf("%+v, %v", google, err)
	}
	for _, test := range []struct {
		given push.Given
		code  refusal.Code
		field string
	}{
		{push.Given{Type: "pigeon"}, refusal.InvalidField, "type"},
		{push.Given{Type: push.TypeAPNs}, refusal.MissingFields, "token"},
		{push.Given{Type: push.TypeFCM}, refusal.MissingFields, "token"},
		{push.Given{Type: push.TypeFCM, Token: strings.Repeat("x", 1025)}, refusal.LimitExceeded, "token"},
		{push.Given{Type: push.TypeFCM, Token: "a b"}, refusal.InvalidField, "token"},
		{push.Given{Type: push.TypeFCM, Token: "ä"}, refusal.InvalidField, "token"},
		{push.Given{Type: push.TypeAPNs, Token: "../" + appleDevice, BundleID: "a"}, refusal.InvalidField, "token"},
		{push.Given{Type: push.TypeAPNs, Token: appleDevice[2:], BundleID: "a"}, refusal.InvalidField, "token"},
		{push.Given{Type: push.TypeAPNs, Token: strings.Repeat("ab", 101), BundleID: "a"}, refusal.InvalidField, "token"},
		{push.Given{Type: push.TypeAPNs, Token: appleDevice}, refusal.MissingFields, "bundleId"},
		{push.Given{Type: push.TypeAPNs, Token: appleDevice, BundleID: strings.Repeat("a", 156)}, refusal.LimitExceeded, "bundleId"},
		{push.Given{Type: push.TypeAPNs, Token: appleDevice, BundleID: "a\r\nb"}, refusal.InvalidField, "bundleId"},
		{push.Given{Type: push.TypeAPNs, Token: appleDevice, BundleID: "a/b"}, refusal.InvalidField, "bundleId"},
	} {
		_, err := test.given.Parse(false)
		if e := refusal.Of(err); e == nil || e.Code != test.code || e.Field != test.field {
			t.Errorf("%+v: %v, want %s about %s", test.given, err, test.code, test.field)
		}
	}
}

// TestPhonesFit: what is too much is left out, the text last.
func TestPhonesFit(t *testing.T) {
	f := fields(t, fmt.Sprintf(`{"title":"%s","body":"b","data":{"a":"%s"}}`, strings.Repeat(`\u0001`, 300), strings.Repeat(`\"`, 600)))
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	for name, made := range map[string]func() ([]byte, error){
		"apns": func() ([]byte, error) { return f.Payload("n1", noon) },
		"fcm":  func() ([]byte, error) { return f.Message(strings.Repeat("t", 1024), "n1", noon, noon, noon) },
	} {
		text, err := made()
		if err != nil || len(text) > 4096 || !strings.Contains(string(text), `"body":"b"`) {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
	}
}

// FuzzPhones: whatever devices and applications send that is not refused becomes requests of at most 4,096 bytes.
func FuzzPhones(f *testing.F) {
	f.Add("apns", appleDevice, "com.example.chat", []byte(`{"title":"Lunch","body":"Noodles","unread":1,"own":[1]}`))
	f.Add("fcm", googleDevice, "", []byte(`{"":"\ud800","tag":null,"gcm.a":1,"color":"#123456"}`))
	f.Fuzz(func(t *testing.T, of, token, bundleID string, text []byte) {
		s, err := push.Given{Type: push.Type(of), Token: token, BundleID: bundleID}.Parse(false)
		if err != nil {
			if e := refusal.Of(err); e == nil || e.Field == "" {
				t.Errorf("refused by %v", err)
			}
			return
		}
		if !utf8.ValidString(s.Address) || strings.ContainsAny(s.Address, " \r\n\x00") {
			t.Errorf("it is %+v", s)
		}
		var fields push.Fields
		if json.Unmarshal(text, &fields) != nil || fields.Check() != nil {
			return
		}
		payload, err := fields.Payload("id", noon)
		if err != nil || !json.Valid(payload) || len(payload) > 4096 {
			t.Errorf("%d bytes, %v", len(payload), err)
		}
		message, err := fields.Message(s.Address, "id", noon, noon, noon)
		if err != nil || !json.Valid(message) || len(message) > 4096 {
			t.Errorf("%d bytes, %v", len(message), err)
		}
	})
}

// TestTakeBack: what an app takes back it hears of without anything being shown, in the place of what it was told.
func TestTakeBack(t *testing.T) {
	service := webpushtest.NewService(t)
	service.Answer("/token", says(200, `{"access_token":"a1","expires_in":3599,"token_type":"Bearer"}`))
	now := func() time.Time { return noon }
	apns, err := push.NewAPNs(appleConfig(t, appleKey(t), strings.TrimPrefix(service.URL, "https://")), client(t, service), now)
	if err != nil {
		t.Fatal(err)
	}
	fcm, err := push.NewFCM(googleConfig(t, service.URL, nil), client(t, service), now)
	if err != nil {
		t.Fatal(err)
	}
	f := fields(t, `{"type":"close","tag":"dm:1","data":{"type":"read","conversationId":"dm:1","seq":3}}`)
	topic := fields(t, `{"tag":"dm:1"}`).Topic("other")
	take := func(p push.Phones, of push.Given) webpushtest.Request {
		t.Helper()
		if outcome, err := p.TakeBack(t.Context(), phone(t, of), f, "pb_1", noon, noon.Add(time.Hour)); outcome != push.Sent || err != nil {
			t.Fatalf("%s, %v", outcome, err)
		}
		asked := <-service.Asked
		if asked.Path == "/token" {
			asked = <-service.Asked
		}
		return asked
	}
	asked := take(apns, push.Given{Type: push.TypeAPNs, Token: appleDevice, BundleID: "com.example.chat"})
	for name, want := range map[string]string{"apns-push-type": "background", "apns-priority": "5", "apns-collapse-id": topic, "apns-topic": "com.example.chat"} {
		if got := asked.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	same(t, asked.Body, `{"aps":{"content-available":1},"type":"close","tag":"dm:1","data":{"type":"read","conversationId":"dm:1","seq":3},
		"notificationId":"pb_1","timestamp":"2026-12-01T12:00:00.000Z"}`)
	asked = take(fcm, push.Given{Type: push.TypeFCM, Token: googleDevice})
	same(t, asked.Body, `{"message":{"token":"`+googleDevice+`",
		"data":{"type":"close","tag":"dm:1","data":"{\"type\":\"read\",\"conversationId\":\"dm:1\",\"seq\":3}","notificationId":"pb_1","timestamp":"2026-12-01T12:00:00.000Z"},
		"android":{"collapse_key":"`+topic+`","ttl":"3600s","priority":"normal"},
		"apns":{"headers":{"apns-collapse-id":"`+topic+`","apns-priority":"5","apns-expiration":"`+strconv.FormatInt(noon.Add(time.Hour).Unix(), 10)+`","apns-push-type":"background"},
			"payload":{"aps":{"content-available":1}}}}}`)
}
