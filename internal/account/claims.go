package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// lastSecond is the end of the year 9999, past which a time cannot be written as RFC 3339.
const lastSecond = 253402300799

// checkDates refuses what the JWT library would bend: a number too large for a time.
func checkDates(claims jwt.MapClaims) error {
	for _, claim := range []string{"exp", "nbf", "iat"} {
		raw, ok := claims[claim]
		if !ok {
			continue
		}
		number, isNumber := raw.(json.Number)
		if !isNumber {
			return fmt.Errorf("%q is not a number", claim)
		}
		seconds, err := number.Float64()
		if err != nil || seconds < 0 || seconds > lastSecond {
			return fmt.Errorf("%q is no time between 1970 and 9999", claim)
		}
	}
	return nil
}

// identity reads the proven claims of a token of v's issuer.
func (v *verifier) identity(claims jwt.MapClaims) (Identity, error) {
	id, err := userID(claims)
	if err != nil {
		return Identity{}, err
	}
	if strings.HasPrefix(id, LocalPrefix) && v.issuer != OwnIssuer {
		return Identity{}, fmt.Errorf("user id begins with %q, which is for local accounts", LocalPrefix)
	}
	name, err := displayName(claims, id)
	if err != nil {
		return Identity{}, err
	}
	tokenID, err := text(claims, "jti")
	if err != nil {
		return Identity{}, err
	}
	expires, err := expiry(claims)
	if err != nil {
		return Identity{}, err
	}
	return Identity{UserID: id, Name: name, ExpiresAt: expires, Issuer: v.issuer, TokenID: tokenID}, nil
}

// userID is "sub", else "id". Both may be whole numbers.
func userID(claims jwt.MapClaims) (string, error) {
	for _, claim := range []string{"sub", "id"} {
		id, err := textOrNumber(claims, claim)
		if err != nil {
			return "", err
		}
		if id != "" {
			return id, checkUserID(id)
		}
	}
	return "", errors.New(`neither "sub" nor "id" names a user`)
}

// displayName is "username", else "name", else the user id.
func displayName(claims jwt.MapClaims, id string) (string, error) {
	for _, claim := range []string{"username", "name"} {
		name, err := text(claims, claim)
		if err != nil {
			return "", err
		}
		if name = strings.TrimSpace(name); name != "" {
			return name, checkName(name)
		}
	}
	// An id may be longer than a name; it has no control characters and is cut between characters.
	if runes := []rune(id); len(runes) > MaxNameRunes {
		id = string(runes[:MaxNameRunes])
	}
	return id, nil
}

// text returns a claim that must be a string; "" when it is missing or null.
func text(claims jwt.MapClaims, claim string) (string, error) {
	switch value := claims[claim].(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	}
	return "", fmt.Errorf("%q is not a string", claim)
}

// textOrNumber is text that also takes a whole number, digit for digit. Fractions and exponents are refused: other
// programs print the same number in several ways, and an id has but one.
func textOrNumber(claims jwt.MapClaims, claim string) (string, error) {
	number, isNumber := claims[claim].(json.Number)
	if !isNumber {
		return text(claims, claim)
	}
	if len(number) > MaxUserIDBytes {
		return "", fmt.Errorf("%q has %d digits, the limit is %d", claim, len(number), MaxUserIDBytes)
	}
	whole, ok := new(big.Int).SetString(number.String(), 10)
	if !ok {
		return "", fmt.Errorf("%q is not a whole number", claim)
	}
	return whole.String(), nil
}

func expiry(claims jwt.MapClaims) (time.Time, error) {
	date, err := claims.GetExpirationTime()
	if err != nil || date == nil {
		return time.Time{}, err
	}
	return date.Time, nil
}
