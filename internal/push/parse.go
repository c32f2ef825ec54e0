package push

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/hex"
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
	maxToken    = 1024
	maxBundleID = 155
	// Apple's tokens have no fixed length: these are the bounds of what is believed to be one, in hexadecimal digits.
	minAppleToken = 64
	maxAppleToken = 200
)

// Given is a subscription as a device gives it: of a browser the JSON of its PushSubscription, of an app its token.
type Given struct {
	Type Type // Web Push where it is empty

	Endpoint string
	P256dh   string // base64, a point of P-256
	Auth     string // base64, 16 bytes

	Token    string
	BundleID string // whose token it is, for Apple's
}

// parse makes a subscription of what a client has sent, or names the field that is wrong. With private addresses of every kind may
// be reached.
func (g *Given) parse(private bool) (Subscription, error) {
	switch { // whatever the type
	case len(g.Token) > maxToken:
		return Subscription{}, refusal.TooMuch("token", maxToken, "bytes")
	case len(g.BundleID) > maxBundleID:
		return Subscription{}, refusal.TooMuch("bundleId", maxBundleID, "bytes")
	}
	switch g.Type {
	case "", TypeWebPush:
		return g.browser(private)
	case TypeAPNs, TypeFCM:
		return g.app()
	}
	return Subscription{}, refusal.Invalid("type", "must be webpush, apns or fcm")
}

// app makes a subscription of an app's token.
func (g *Given) app() (Subscription, error) {
	if g.Token == "" {
		return Subscription{}, refusal.Missing("token")
	}
	if g.Type == TypeFCM {
		if strings.ContainsFunc(g.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Subscription{}, refusal.Invalid("token", "must be the registration token that Firebase gives the app")
		}
		return Subscription{ID: subscriptionID(TypeFCM, g.Token), Type: TypeFCM, Address: g.Token, PublicKey: []byte{}, Auth: []byte{}}, nil
	}
	token := appleToken(g.Token)
	raw, err := hex.DecodeString(token)
	if n := 2 * len(raw); err != nil || n < minAppleToken || n > maxAppleToken {
		return Subscription{}, refusal.Invalid("token", fmt.Sprintf("must be the device token, of %d to %d hexadecimal digits", minAppleToken, maxAppleToken))
	}
	switch {
	case g.BundleID == "":
		return Subscription{}, refusal.Missing("bundleId")
	case strings.ContainsFunc(g.BundleID, notOfBundleID):
		return Subscription{}, refusal.Invalid("bundleId", "must be the id of the app, such as com.example.chat")
	}
	return Subscription{ID: subscriptionID(TypeAPNs, token), Type: TypeAPNs, Address: g.BundleID + "/" + token, PublicKey: []byte{}, Auth: []byte{}}, nil
}

// appleToken is a device token as it is kept: apps write its digits in either case.
func appleToken(text string) string { return strings.ToLower(text) }

func notOfBundleID(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-'
}

// browser makes a subscription of a browser's.
func (g *Given) browser(private bool) (Subscription, error) {
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
