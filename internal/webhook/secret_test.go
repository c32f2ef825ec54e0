package webhook_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// TestSign: the vector that the libraries of Standard Webhooks are tested by.
func TestSign(t *testing.T) {
	const vector = webhook.Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	id, at, body := "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	got, err := webhook.Sign(id, at, body, vector)
	if err != nil || got != want {
		t.Errorf("signed %s, error %v, want %s", got, err, want)
	}
	other := webhook.NewSecret()
	both, err := webhook.Sign(id, at, body, other, vector)
	if one, isTwo := strings.CutSuffix(both, " "+want); err != nil || !isTwo || one == want {
		t.Errorf("with two secrets: %s, error %v", both, err)
	}
	if text := fmt.Sprintf("%v %s", other, other); strings.Contains(text, string(other)) {
		t.Errorf("a secret is printed: %s", text)
	}
}

func TestBadSecrets(t *testing.T) {
	for _, secret := range []webhook.Secret{
		"", "secret", "whsec_", "whsec_short", "whsec_!!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", webhook.Secret("whsec_" + strings.Repeat("A", 200)),
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La\nLaSw",
	} {
		_, err := webhook.Sign("id", time.Now(), nil, secret)
		var refused *refusal.Error
		if !errors.As(err, &refused) || refused.Field != "secret" {
			t.Errorf("%q: %v", string(secret), err)
		}
	}
}

// FuzzSecret: whatever is given as a secret signs, or is refused by the field.
func FuzzSecret(f *testing.F) {
	f.Add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	f.Add("whsec_")
	f.Fuzz(func(t *testing.T, text string) {
		signature, err := webhook.Sign("id", time.Unix(1, 0), []byte("body"), webhook.Secret(text))
		if err != nil && refusal.Of(err) == nil || err == nil && !strings.HasPrefix(signature, "v1,") {
			t.Errorf("%q: %q, %v", text, signature, err)
		}
	})
}
