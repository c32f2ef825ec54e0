package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// lastSecond is the end of the year 9999, past which a time cannot be written as RFC 3339.
const lastSecond = 253402300799

// checkDates refuses what the JWT library would bend: a number too large for a time.
func checkDates(claims jwt.MapClaims) error {
	for _, claim := range []string{"exp", "nbf", "iat", "auth_time"} {
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
	if id.Local() && v.issuer != OwnIssuer {
		return Identity{}, fmt.Errorf("user id begins with %q, which is for local accounts", LocalPrefix)
	}
	name := displayName(claims, id)
	tokenID, err := text(claims, "jti")
	if err != nil {
		return Identity{}, err
	}
	expires, err := expiry(claims)
	if err != nil {
		return Identity{}, err
	}
	admin, err := v.admin(claims)
	if err != nil {
		return Identity{}, err
	}
	topics, err := topics(claims)
	if err != nil {
		return Identity{}, err
	}
	identity := Identity{
		UserID: id, Name: name, ExpiresAt: expires, Issuer: v.issuer, UsersOf: v.usersOf, TokenID: tokenID,
		IssuedAt: date(claims, "iat"), Admin: admin, Topics: topics,
	}
	switch {
	case v.issuer == OwnIssuer:
		identity.SignedInAt = date(claims, "auth_time")
	case identity.IssuedAt.After(v.now().Add(maxAhead)):
		// It would outlive every revocation.
		identity.IssuedAt = time.Time{}
	}
	return identity, nil
}

// maxAhead is how far another issuer's clock may be ahead for its times of issue to be believed.
const maxAhead = 5 * time.Minute

// date returns a time that checkDates has looked at, with a grain of a millisecond; zero when it is missing.
func date(claims jwt.MapClaims, claim string) time.Time {
	number, ok := claims[claim].(json.Number)
	if !ok {
		return time.Time{}
	}
	seconds, err := number.Float64()
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
}

// adminRole is what the claims "role" and "roles" call who may administer the server.
const adminRole = "admin"

// admin tells whether the claims make the bearer an administrator of the server. Unless the configuration says so they
// are not looked at: an application's own roles, of whatever name and type, are not this server's.
func (v *verifier) admin(claims jwt.MapClaims) (bool, error) {
	if !v.adminClaims {
		return false, nil
	}
	roles, _ := claims["roles"].([]any)
	if claims["role"] == adminRole || slices.Contains(roles, any(adminRole)) {
		return true, nil
	}
	return flag(claims, "admin")
}

// flag returns a claim that must be true or false; false when it is missing or null.
func flag(claims jwt.MapClaims, claim string) (bool, error) {
	switch value := claims[claim].(type) {
	case nil:
		return false, nil
	case bool:
		return value, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", claim)
}

func topics(claims jwt.MapClaims) ([]string, error) {
	claim, ok := claims["topics"]
	if !ok {
		return nil, nil
	}
	list, ok := claim.([]any)
	if !ok {
		return nil, errors.New(`"topics" is not a list`)
	}
	if len(list) > MaxTopicPatterns {
		return nil, fmt.Errorf(`"topics" has %d patterns, the limit is %d`, len(list), MaxTopicPatterns)
	}
	patterns := make([]string, 0, len(list))
	for _, item := range list {
		pattern, ok := item.(string)
		if !ok || pattern == "" || len(pattern) > MaxTopicBytes || !printable(pattern) {
			return nil, fmt.Errorf(`"topics" must hold printable texts of 1 to %d bytes`, MaxTopicBytes)
		}
		patterns = append(patterns, pattern)
	}
	return patterns, nil
}

// userID is "sub", else "id". Both may be whole numbers.
func userID(claims jwt.MapClaims) (UserID, error) {
	for _, claim := range []string{"sub", "id"} {
		id, err := textOrNumber(claims, claim)
		if err != nil {
			return "", err
		}
		if id := UserID(id); id != "" {
			return id, checkUserID(id)
		}
	}
	return "", errors.New(`neither "sub" nor "id" names a user`)
}

// displayName is "username", else "name", else the user id. Names are cleaned and cut, never refused: nobody is to be kept
// out for what an application calls them. What is no text is no name.
func displayName(claims jwt.MapClaims, id UserID) string {
	for _, claim := range []string{"username", "name"} {
		name, _ := claims[claim].(string)
		if name = shortName(name); name != "" {
			return name
		}
	}
	return nameOfID(id)
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
