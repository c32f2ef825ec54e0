package account

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of what a token may claim.
const (
	MaxTokenBytes  = 8 << 10 // a longer token is refused before it is looked at
	MaxUserIDBytes = 128
	MaxNameRunes   = 100

	MaxTopicPatterns = 100
	MaxTopicBytes    = 256
)

// Identity is what a verified token says about its bearer.
type Identity struct {
	UserID    UserID    // opaque, 1 to MaxUserIDBytes bytes
	Name      string    // for display, never empty
	ExpiresAt time.Time // zero: the token does not expire
	Issuer    string    // the issuer whose keys proved the token; the server's own when the token named none
	UsersOf   string    // the issuer whose users the token speaks for, see [IssuerConfig.UsersOf]
	TokenID   string    // the claim "jti", empty when there is none
	IssuedAt  time.Time // the claim "iat"; zero when there is none that can be believed
	// SignedInAt is when the user gave a password (the claim "auth_time"), in the server's own tokens; else zero.
	SignedInAt time.Time
	// Admin is set by the claims "admin" (true), "role" ("admin") or "roles" (with "admin" in it), if the configuration
	// heeds them for the issuer: the bearer may administer the server.
	Admin bool
	// Topics limits the topics that the bearer may subscribe to (the claim "topics", patterns). nil: there is no limit;
	// empty: there are none. At most MaxTopicPatterns of at most MaxTopicBytes each.
	Topics []string
}

// MayHear tells whether the bearer may subscribe to a topic: one of Topics, in which * stands for any characters, is like
// it.
func (i *Identity) MayHear(topic string) bool {
	if i.Topics == nil {
		return true
	}
	return slices.ContainsFunc(i.Topics, func(pattern string) bool { return like(pattern, topic) })
}

// HeardBy reports whether another identity may hear whatever this one may. In doubt it may not.
func (i *Identity) HeardBy(other *Identity) bool {
	if i.Topics == nil {
		return other.Topics == nil
	}
	// What is like a pattern, stars and all, is like everything that is like it.
	return !slices.ContainsFunc(i.Topics, func(pattern string) bool { return !other.MayHear(pattern) })
}

// like matches a text with a pattern. It looks at each character of the text at most once for each part between stars.
func like(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}

// ErrUnauthenticated matches (errors.Is) every error of [Verifiers.Verify].
var ErrUnauthenticated = errors.New("authentication failed")

// Refusal is the error of [Verifiers.Verify]. Its text is the same for every cause, so it may be shown to the client;
// the cause is for the server's log and reaches it through [Refusal.LogValue] or [Refusal.Unwrap].
type Refusal struct{ cause error }

func refuse(format string, args ...any) error { return &Refusal{fmt.Errorf(format, args...)} }

// refuseDisabled refuses who is known and not let in.
func refuseDisabled(user UserID) error { return refuse("user %q: %w", user, ErrAccountDisabled) }

// Error tells nothing of the cause.
func (*Refusal) Error() string { return ErrUnauthenticated.Error() }

// Is makes every Refusal an ErrUnauthenticated.
func (*Refusal) Is(target error) bool { return target == ErrUnauthenticated }

// Unwrap gives the cause. Not for clients.
func (r *Refusal) Unwrap() error { return r.cause }

// LogValue writes the cause to a log. It never holds the token or a key.
func (r *Refusal) LogValue() slog.Value {
	return slog.StringValue(ErrUnauthenticated.Error() + ": " + r.cause.Error())
}

// checkUserID accepts any opaque id that can be shown in a log and kept as a key.
func checkUserID(id UserID) error {
	switch {
	case id == "":
		return errors.New("user id is empty")
	case len(id) > MaxUserIDBytes:
		return fmt.Errorf("user id has %d bytes, the limit is %d", len(id), MaxUserIDBytes)
	case !printable(string(id)):
		return errors.New("user id has control characters or is not UTF-8")
	case id == SystemUser:
		return fmt.Errorf("user id %q is the server's own", SystemUser)
	case strings.TrimSpace(string(id)) != string(id):
		return errors.New("user id begins or ends with a space")
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("name is empty")
	case utf8.RuneCountInString(name) > MaxNameRunes:
		return fmt.Errorf("name has %d characters, the limit is %d", utf8.RuneCountInString(name), MaxNameRunes)
	case !printable(name):
		return errors.New("name has control characters or is not UTF-8")
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}
