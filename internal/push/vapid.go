package push

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Key is the one by which push services know the server (VAPID, RFC 8292). A browser binds its subscription to it: with another key
// nothing reaches those who have subscribed. Its methods may be called concurrently.
type Key struct {
	private *ecdsa.PrivateKey
	public  string // base64url of the point
	subject string // whom a push service may turn to

	mu     sync.Mutex
	tokens map[string]token // by origin: a signature costs as much as the encryption
}

type token struct {
	text    string
	expires time.Time
}

// How long a token is good, at most a day (RFC 8292, section 2); how long before its end it is not used any more, as clocks differ; of
// how many origins tokens are kept.
const (
	tokenFor   = 12 * time.Hour
	tokenSpare = time.Hour
	maxTokens  = 1000
)

// newKey returns 32 bytes that ParseKey reads.
func newKey() ([]byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("push: make a key: %w", err)
	}
	return private.Bytes()
}

// parseKey reads the key that signs.
func parseKey(raw []byte, subject string) (*Key, error) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return nil, fmt.Errorf("push: the key for push services: %w", err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("push: the key for push services: %w", err)
	}
	return &Key{private: private, public: base64.RawURLEncoding.EncodeToString(point), subject: subject, tokens: make(map[string]token)}, nil
}

// Public is what a browser wants as applicationServerKey: an uncompressed point in base64url.
func (k *Key) Public() string { return k.public }

// authorization is the header of that name for a push service, by its origin.
func (k *Key) authorization(origin string, now time.Time) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, known := k.tokens[origin]
	if !known || now.Add(tokenSpare).After(t.expires) || t.expires.Sub(now) > tokenFor {
		t.expires = now.Add(tokenFor)
		var err error
		if t.text, err = k.sign(origin, t.expires); err != nil {
			return "", err
		}
		if len(k.tokens) >= maxTokens { // somebody subscribes to whatever there is
			clear(k.tokens)
		}
		k.tokens[origin] = t
	}
	return "vapid t=" + t.text + ", k=" + k.public, nil
}

// sign makes a token: a JWT by ES256, whose signature is both numbers one behind the other (RFC 7518, section 3.4).
func (k *Key) sign(origin string, expires time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
		Subject  string `json:"sub"`
	}{origin, expires.Unix(), k.subject})
	if err != nil {
		return "", fmt.Errorf("push: encode a token: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, digest[:])
	if err != nil {
		return "", fmt.Errorf("push: sign a token: %w", err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
