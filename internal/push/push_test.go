package push_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/push/webpushtest"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func raw(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The example of RFC 8291, appendix A.
const (
	rfcPrivate   = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
	rfcPublic    = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	rfcAuth      = "BTBZMqHH6r4Tts7J_aSIgg"
	rfcSender    = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
	rfcSalt      = "DGv6ra1nlYgDCS1FRnbzlw"
	rfcPlain     = "When I grow up, I want to be a watermelon"
	rfcEncrypted = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)

// TestTheRFCsExample: with its keys and its salt the same bytes come out.
func TestTheRFCsExample(t *testing.T) {
	sender, err := push.PrivateKey(raw(t, rfcSender))
	if err != nil {
		t.Fatal(err)
	}
	s := &push.Subscription{PublicKey: raw(t, rfcPublic), Auth: raw(t, rfcAuth)}
	got, err := push.Seal([]byte(rfcPlain), 0, s, sender, raw(t, rfcSalt))
	if err != nil || base64.RawURLEncoding.EncodeToString(got) != rfcEncrypted {
		t.Errorf("got %x, %v", got, err)
	}
	plain, err := webpushtest.BrowserOf(t, "", raw(t, rfcPrivate), raw(t, rfcAuth)).Read(raw(t, rfcEncrypted))
	if err != nil || string(plain) != rfcPlain {
		t.Errorf("the browser of the tests reads %q, %v", plain, err)
	}
}

// TestEncrypt: a browser reads what was told, whatever its length, and nobody sees the length. No two are alike.
func TestEncrypt(t *testing.T) {
	b := webpushtest.NewBrowser(t, "")
	s := &push.Subscription{PublicKey: b.P256dh(), Auth: b.Auth()}
	lengths := map[int]bool{}
	for n := 0; n <= push.MaxPlain; n += 121 {
		plain := strings.Repeat("x", n)
		first, err := push.Encrypt([]byte(plain), s)
		if err != nil {
			t.Fatal(err)
		}
		second, err := push.Encrypt([]byte(plain), s)
		if err != nil || string(second[:86]) == string(first[:86]) {
			t.Fatalf("twice the same salt or key, %v", err)
		}
		if got, err := b.Read(first); err != nil || string(got) != plain {
			t.Fatalf("%d bytes: %q, %v", n, got, err)
		}
		lengths[len(first)] = true
	}
	if len(lengths) != 5 || !lengths[4096] {
		t.Errorf("there are the lengths %v", lengths)
	}
	if _, err := push.Encrypt(make([]byte, push.MaxPlain+1), s); err == nil {
		t.Error("more than there is room for is encrypted")
	}
	if _, err := webpushtest.NewBrowser(t, "").Read(make([]byte, 200)); err == nil {
		t.Error("the browser of the tests reads everything")
	}
}

// TestAuthorization: any library for JWT can tell that the token is the key's, for the origin alone, and for less than a day.
func TestAuthorization(t *testing.T) {
	made, err := push.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := push.ParseKey(made, "mailto:admin@example.com")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	read := func(origin string, now time.Time) jwt.MapClaims {
		t.Helper()
		header, err := key.Authorization(origin, now)
		if err != nil {
			t.Fatal(err)
		}
		text, public, ok := strings.Cut(strings.TrimPrefix(header, "vapid t="), ", k=")
		if !ok || public != key.Public() || !strings.HasPrefix(header, "vapid t=") {
			t.Fatalf("the header is %q", header)
		}
		claims := jwt.MapClaims{}
		_, err = jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return webpushtest.PublicKey(raw(t, public)) },
			jwt.WithValidMethods([]string{"ES256"}), jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithExpirationRequired())
		if err != nil {
			t.Fatal(err)
		}
		return claims
	}
	first := read("https://push.example", now)
	if first["aud"] != "https://push.example" || first["sub"] != "mailto:admin@example.com" {
		t.Errorf("it claims %v", first)
	}
	if exp := int64(first["exp"].(float64)); exp <= now.Unix() || exp > now.Add(24*time.Hour).Unix() {
		t.Errorf("it is good until %v", exp)
	}
	if again := read("https://push.example", now.Add(10*time.Hour)); again["exp"] != first["exp"] {
		t.Error("another token is made each time")
	}
	if again := read("https://push.example", now.Add(11*time.Hour+time.Minute)); again["exp"] == first["exp"] {
		t.Error("a token is used to its end")
	}
	if other := read("https://other.example", now); other["aud"] != "https://other.example" {
		t.Errorf("for another origin it claims %v", other)
	}
	if again, err := push.ParseKey(made, ""); err != nil || again.Public() != key.Public() {
		t.Errorf("the key read again is another: %v", err)
	}
	for _, wrong := range [][]byte{nil, make([]byte, 32), []byte("short")} {
		if _, err := push.ParseKey(wrong, ""); err == nil {
			t.Errorf("%x is a key", wrong)
		}
	}
}

// TestParse: what is wrong is named.
func TestParse(t *testing.T) {
	good := push.Given{Endpoint: "https://push.example/abc", P256dh: rfcPublic, Auth: rfcAuth}
	s, err := good.Parse(false)
	if err != nil || s.Address != good.Endpoint || string(s.PublicKey) != string(raw(t, rfcPublic)) || string(s.Auth) != string(raw(t, rfcAuth)) || s.ID == "" {
		t.Errorf("%+v, %v", s, err)
	}
	padded := push.Given{Endpoint: good.Endpoint, P256dh: base64.StdEncoding.EncodeToString(raw(t, rfcPublic)), Auth: base64.URLEncoding.EncodeToString(raw(t, rfcAuth))}
	if again, err := padded.Parse(false); err != nil || again.ID != s.ID || string(again.PublicKey) != string(s.PublicKey) {
		t.Errorf("in another alphabet: %+v, %v", again, err)
	}
	for _, test := range []struct {
		given   push.Given
		code    refusal.Code
		field   string
		private bool
	}{
		{push.Given{P256dh: rfcPublic, Auth: rfcAuth}, refusal.MissingFields, "endpoint", false},
		{push.Given{Endpoint: "http://push.example/abc"}, refusal.InvalidField, "endpoint", false},
		{push.Given{Endpoint: "ftp://push.example/abc"}, refusal.InvalidField, "endpoint", true},
		{push.Given{Endpoint: "push.example"}, refusal.InvalidField, "endpoint", false},
		{push.Given{Endpoint: "https:///abc"}, refusal.InvalidField, "endpoint", true},
		{push.Given{Endpoint: "https://a\x00b/abc"}, refusal.InvalidField, "endpoint", true},
		{push.Given{Endpoint: "https://push.example:8443/abc"}, refusal.InvalidField, "endpoint", false},
		{push.Given{Endpoint: "https://u:p@push.example/abc"}, refusal.InvalidField, "endpoint", true},
		{push.Given{Endpoint: "https://127.0.0.1/abc"}, refusal.InvalidField, "endpoint", false},
		{push.Given{Endpoint: "https://[::ffff:10.0.0.1]/abc"}, refusal.InvalidField, "endpoint", false},
		{push.Given{Endpoint: "https://169.254.169.254/"}, refusal.InvalidField, "endpoint", false},
		{push.Given{Endpoint: "https://push.example/" + strings.Repeat("x", 2048)}, refusal.LimitExceeded, "endpoint", false},
		{push.Given{Endpoint: good.Endpoint, Auth: rfcAuth}, refusal.MissingFields, "keys", false},
		{push.Given{Endpoint: good.Endpoint, P256dh: rfcPublic}, refusal.MissingFields, "keys", false},
		{push.Given{Endpoint: good.Endpoint, P256dh: "!", Auth: rfcAuth}, refusal.InvalidField, "keys", false},
		{push.Given{Endpoint: good.Endpoint, P256dh: strings.Repeat("A", 129), Auth: rfcAuth}, refusal.LimitExceeded, "keys", false},
		{push.Given{Endpoint: good.Endpoint, P256dh: "B" + strings.Repeat("A", 86), Auth: rfcAuth}, refusal.InvalidField, "keys", false},
		{push.Given{Endpoint: good.Endpoint, P256dh: rfcAuth, Auth: rfcAuth}, refusal.InvalidField, "keys", false},
		{push.Given{Endpoint: good.Endpoint, P256dh: rfcPublic, Auth: "AAAA"}, refusal.InvalidField, "keys", false},
	} {
		_, err := test.given.Parse(test.private)
		if e := refusal.Of(err); e == nil || e.Code != test.code || e.Field != test.field {
			t.Errorf("%+v: %v, want %s about %s", test.given, err, test.code, test.field)
		}
	}
	for _, endpoint := range []string{"http://127.0.0.1:8080/abc", "https://[::1]:8443/abc"} {
		if _, err := (push.Given{Endpoint: endpoint, P256dh: rfcPublic, Auth: rfcAuth}).Parse(true); err != nil {
			t.Errorf("where private ones are permitted, %s: %v", endpoint, err)
		}
	}
}

func fields(t testing.TB, text string) push.Fields {
	t.Helper()
	var f push.Fields
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFields(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"anything":{"of":"its own"}}`, `{"title":null,"ttl":0,"urgency":"high","requireInteraction":true}`, `{"ttl":2419200}`,
		`{"actions":[{"action":"reply","title":"Reply","icon":"x"}]}`,
	} {
		if err := fields(t, text).Check(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		`{"title":1}`, `{"body":{}}`, `{"ttl":-1}`, `{"ttl":2419201}`, `{"ttl":1.5}`, `{"ttl":"1"}`, `{"urgency":"urgent"}`, `{"requireInteraction":"yes"}`,
		`{"actions":{}}`, `{"actions":[{"action":"reply"}]}`, `{"actions":[1]}`, `{"data":"` + strings.Repeat("x", push.MaxNotification) + `"}`,
		`{"actions":[` + strings.Repeat(`{"action":"a","title":"b"},`, push.MaxActions) + `{"action":"a","title":"b"}]}`,
	} {
		if e := refusal.Of(fields(t, text).Check()); e == nil || e.Field != "notification" {
			t.Errorf("%.60s: %v", text, e)
		}
	}
}

// TestPlain: the body is cut, and what does not fit is left out, the text last.
func TestPlain(t *testing.T) {
	at := time.Date(2026, 12, 1, 9, 30, 0, 5e6, time.UTC)
	read := func(f push.Fields, most int) map[string]any {
		t.Helper()
		text, err := f.Plain("n1", at, most)
		if err != nil || len(text) > most {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		var told map[string]any
		if err := json.Unmarshal(text, &told); err != nil {
			t.Fatal(err)
		}
		return told
	}
	short := read(fields(t, `{"title":"Lunch","body":"Noodles","ttl":60,"urgency":"low","bundleId":"b","data":{"a":1}}`), push.MaxPlain)
	if len(short) != 5 || short["body"] != "Noodles" || short["notificationId"] != "n1" || short["timestamp"] != "2026-12-01T09:30:00.005Z" {
		t.Errorf("told %v", short)
	}
	long := read(fields(t, `{"body":"`+strings.Repeat("麺", 101)+`"}`), push.MaxPlain)
	if body := long["body"].(string); utf8.RuneCountInString(body) != 100 || !strings.HasSuffix(body, "麺…") {
		t.Errorf("cut to %q", body)
	}
	full := read(fields(t, fmt.Sprintf(`{"title":"%s","body":"%s","image":"%s","own":"%s"}`, strings.Repeat("t", 300), strings.Repeat("b", 90), strings.Repeat("i", 300), strings.Repeat("o", 300))), 400)
	if full["image"] != nil || full["own"] != nil || full["body"] == nil || full["title"] == nil {
		t.Errorf("of too much is told %v", full)
	}
	if _, err := fields(t, `{"title":"x"}`).Plain("n1", at, 20); err == nil {
		t.Error("nothing is told, without an error")
	}
}

// TestTopic: notifications of a tag replace each other, and no others do.
func TestTopic(t *testing.T) {
	a, b := fields(t, `{"tag":"room 1"}`), fields(t, `{"tag":"房间"}`)
	bare := fields(t, `{}`)
	topics := map[string]bool{a.Topic("1"): true, b.Topic("1"): true, bare.Topic("1"): true, bare.Topic("2"): true}
	if len(topics) != 4 || a.Topic("1") != a.Topic("2") {
		t.Errorf("topics are %v", topics)
	}
	for topic := range topics {
		if len(topic) != 32 || strings.Trim(topic, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%q is no topic", topic)
		}
	}
}

// FuzzParse: whatever a client sends is a subscription that can be stored, or refused by a field.
func FuzzParse(f *testing.F) {
	f.Add("https://push.example/abc", rfcPublic, rfcAuth, false)
	f.Add("http://[::1%25eth0]:1/", "", "", true)
	f.Fuzz(func(t *testing.T, endpoint, p256dh, auth string, private bool) {
		s, err := push.Given{Endpoint: endpoint, P256dh: p256dh, Auth: auth}.Parse(private)
		if err != nil {
			if e := refusal.Of(err); e == nil || e.Field == "" {
				t.Errorf("refused by %v", err)
			}
			return
		}
		if !utf8.ValidString(s.Address) || len(s.Address) > 2048 || len(s.PublicKey) != 65 || len(s.Auth) != 16 {
			t.Errorf("it is %+v", s)
		}
		if _, err := push.Encrypt([]byte("x"), &s); err != nil {
			t.Errorf("nothing can be encrypted for it: %v", err)
		}
	})
}

// FuzzFields: whatever an application sends that is not refused fits into a notification.
func FuzzFields(f *testing.F) {
	f.Add([]byte(`{"title":"Lunch","body":"Noodles","actions":[{"action":"a","title":"b"}],"ttl":1,"own":[1]}`))
	f.Add([]byte(`{"":"\ud800","tag":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var fields push.Fields
		if json.Unmarshal(text, &fields) != nil || fields.Check() != nil {
			return
		}
		plain, err := fields.Plain("id", time.UnixMilli(1), push.MaxPlain)
		if err != nil || !json.Valid(plain) || len(plain) > push.MaxPlain {
			t.Errorf("%d bytes, %v", len(plain), err)
		}
	})
}
