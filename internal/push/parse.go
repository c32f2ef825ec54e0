package push

import (
	"crypto/ecdh"
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/outbound"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The bounds of a subscription, in bytes.
const (
	maxEndpoint = 2048
	maxKey      = 128 // in base64
	authBytes   = 16  // RFC 8291, section 3.2
)

// Given is a subscription as a browser gives it: the JSON of its PushSubscription.
type Given struct {
	Endpoint string
	P256dh   string // base64, a point of P-256
	Auth     string // base64, 16 bytes
}

// parse makes a subscription of what a client has sent, or names the field that is wrong. With private addresses of every kind may
// be reached.
func (g *Given) parse(private bool) (Subscription, error) {
	if err := checkEndpoint(g.Endpoint, private); err != nil {
		return Subscription{}, err
	}
	s := Subscription{ID: subscriptionID(TypeWebPush, g.Endpoint), Type: TypeWebPush, Address: g.Endpoint}
	var err error
	if s.PublicKey, err = keyOf("keys.p256dh", g.P256dh); err != nil {
		return Subscription{}, err
	}
	if _, err := ecdh.P256().NewPublicKey(s.PublicKey); err != nil {
		return Subscription{}, refusal.Invalid("keys.p256dh", "must be an uncompressed point of the curve P-256").In("keys")
	}
	if s.Auth, err = keyOf("keys.auth", g.Auth); err != nil {
		return Subscription{}, err
	}
	if len(s.Auth) != authBytes {
		return Subscription{}, refusal.Invalid("keys.auth", fmt.Sprintf("must have %d bytes, not %d", authBytes, len(s.Auth))).In("keys")
	}
	return s, nil
}

// keyOf reads base64 of any alphabet, with or without padding: browsers and libraries write all of them.
func keyOf(field, text string) ([]byte, error) {
	switch {
	case text == "":
		return nil, refusal.Missing("keys")
	case len(text) > maxKey:
		return nil, refusal.TooMuch(field, maxKey, "bytes").In("keys")
	}
	plain := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	key, err := base64.RawURLEncoding.DecodeString(plain)
	if err != nil {
		return nil, refusal.Invalid(field, "must be base64").In("keys")
	}
	return key, nil
}

// checkEndpoint refuses what is never dialled. Where a name leads is seen when it is dialled.
func checkEndpoint(text string, private bool) error {
	if text == "" {
		return refusal.Missing("endpoint")
	}
	if len(text) > maxEndpoint {
		return refusal.TooMuch("endpoint", maxEndpoint, "bytes")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return refusal.Invalid("endpoint", "must be an address such as https://push.example/abc")
	case u.User != nil:
		return refusal.Invalid("endpoint", "must not have a user or a password")
	case private && u.Scheme == "http":
		return nil
	case u.Scheme != "https":
		return refusal.Invalid("endpoint", "must begin with https://")
	case private:
		return nil
	case u.Port() != "" && u.Port() != "443":
		return refusal.Invalid("endpoint", "must be at port 443")
	}
	address, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil // a name
	}
	if why, is := outbound.WhyNot(outbound.Allowed(nil).Check(address)); is {
		return refusal.Invalid("endpoint", fmt.Sprintf("must not lead to %s, which is %s", why.Address, why.Why))
	}
	return nil
}
