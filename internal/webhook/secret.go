package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Secret is a key for signatures as Standard Webhooks writes it: whsec_ and 24 to 64 bytes in base64.
type Secret string

const (
	secretPrefix   = "whsec_"
	secretBytes    = 32
	minSecretBytes = 24
	maxSecretBytes = 64
)

// NewSecret returns a new one.
func NewSecret() Secret {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // it never fails
	return Secret(secretPrefix + base64.StdEncoding.EncodeToString(key))
}

// String keeps secrets out of logs.
func (s Secret) String() string { return secretPrefix + "…" }

func (s Secret) key() ([]byte, error) {
	text, is := strings.CutPrefix(string(s), secretPrefix)
	if !is || len(text) > 2*maxSecretBytes || strings.ContainsAny(text, "\r\n") { // which the decoder passes over
		return nil, errSecret
	}
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(key) < minSecretBytes || len(key) > maxSecretBytes {
		return nil, errSecret
	}
	return key, nil
}

var errSecret = refusal.Invalid("secret", "must be whsec_ followed by 24 to 64 bytes in base64")

func (s Secret) check() error {
	_, err := s.key()
	return err
}

// Sign returns the header webhook-signature: a signature by each of the secrets, of the headers webhook-id and webhook-timestamp and
// of the body.
func Sign(id string, at time.Time, body []byte, secrets ...Secret) (string, error) {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		key, err := secret.key()
		if err != nil {
			return "", err
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " "), nil
}
