package account

import (
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

// Sign returns a token for the user that ends after ttl, which has a grain of one second. The user id and the name are
// held to the same limits as in verification; an empty name becomes the id.
func (i *Issuer) Sign(userID, name string, ttl time.Duration) (string, error) {
	if name == "" {
		name = userID
	}
	if err := errors.Join(checkUserID(userID), checkName(name)); err != nil {
		return "", err
	}
	if ttl < time.Second {
		return "", fmt.Errorf("ttl is %s, at least 1s is needed", ttl)
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("token id: %w", err)
	}
	now := i.now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss":      OwnIssuer,
		"sub":      userID,
		"username": name,
		"iat":      now.Unix(),
		"exp":      now.Add(ttl).Unix(),
		"jti":      id.String(),
	})
	signed, err := token.SignedString([]byte(i.secret))
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed, nil
}
