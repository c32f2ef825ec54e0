package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// OwnIssuer is the "iss" of the tokens that the server signs itself.
const OwnIssuer = "sockeye"

// Issuer signs the server's own tokens (HS256). Safe for concurrent use.
type Issuer struct {
	secret Secret
	now    func() time.Time
}

// NewIssuer returns an issuer that signs with secret; now is the clock, time.Now outside tests.
func NewIssuer(secret Secret, now func() time.Time) (*Issuer, error) {
	if err := secret.Validate(); err != nil {
		return nil, err
	}
	return &Issuer{secret: secret, now: now}, nil
}

// Grant is what a token shall say. An empty Name becomes the id.
type Grant struct {
	UserID     UserID
	Name       string
	TTL        time.Duration // at least a second
	IssuedAt   time.Time     // zero: now
	SignedInAt time.Time     // zero: not said, see [Identity]
	Admin      bool          // the claim "admin", which counts where the configuration says so
}

// Token is a signed token and what is in it.
type Token struct {
	Text      string
	ID        string
	ExpiresAt time.Time // a whole second
}

// Sign returns a token for the user that ends after ttl, which has a grain of one second. The user id and the name are
// held to the same limits as in verification; an empty name becomes the id.
func (i *Issuer) Sign(userID UserID, name string, ttl time.Duration) (string, error) {
	token, err := i.Issue(Grant{UserID: userID, Name: name, TTL: ttl})
	return token.Text, err
}

// Issue is Sign with everything that a token can say.
func (i *Issuer) Issue(g Grant) (Token, error) {
	if g.Name == "" {
		g.Name = string(g.UserID)
	}
	if g.IssuedAt.IsZero() {
		g.IssuedAt = i.now()
	}
	if err := errors.Join(checkUserID(g.UserID), checkName(g.Name)); err != nil {
		return Token{}, err
	}
	if g.TTL < time.Second {
		return Token{}, fmt.Errorf("ttl is %s, at least 1s is needed", g.TTL)
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return Token{}, fmt.Errorf("token id: %w", err)
	}
	token := Token{ID: id.String(), ExpiresAt: time.Unix(g.IssuedAt.Add(g.TTL).Unix(), 0).UTC()}
	claims := jwt.MapClaims{
		"iss":      OwnIssuer,
		"sub":      g.UserID,
		"username": g.Name,
		"iat":      numericDate(g.IssuedAt),
		"exp":      token.ExpiresAt.Unix(),
		"jti":      token.ID,
	}
	if !g.SignedInAt.IsZero() {
		claims["auth_time"] = g.SignedInAt.Unix()
	}
	if g.Admin {
		claims["admin"] = true
	}
	token.Text, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(i.secret))
	if err != nil {
		return Token{}, fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}

// numericDate keeps milliseconds: tokens issued before and after a revocation may be that close.
func numericDate(t time.Time) json.Number {
	return json.Number(fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/int(time.Millisecond)))
}
