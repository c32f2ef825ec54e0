package account

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// IssuerConfig describes an issuer whose tokens are accepted beside the server's own. Exactly one of Secret, KeyFile
// and JWKSURL is given.
type IssuerConfig struct {
	Issuer     string   `yaml:"issuer"`     // compared with the token's "iss", byte by byte
	Audience   string   `yaml:"audience"`   // when set, the token's "aud" must contain it
	Secret     Secret   `yaml:"secret"`     // shared secret, used as it stands
	KeyFile    string   `yaml:"key-file"`   // PEM: public keys or certificates; several allow for a change of keys
	JWKSURL    string   `yaml:"jwks-url"`   // https, or http to a loopback address
	Algorithms []string `yaml:"algorithms"` // empty: HS256 for a secret, all that suit the keys otherwise
	// AdminClaims has its tokens make administrators of the server, see [Identity].
	AdminClaims bool `yaml:"admin-claims"`
	// UsersOf is the issuer whose users its tokens speak for: [OwnIssuer], or another one that has users of its own.
	// Empty: it has users of its own, whom no other issuer can name.
	UsersOf string `yaml:"users-of"`
}

// Owner is the issuer to whom the users belong that the issuer's tokens name.
func (c IssuerConfig) Owner() string {
	if c.UsersOf == "" {
		return c.Issuer
	}
	return c.UsersOf
}

// ValidateUsersOf checks UsersOf against all issuers of a configuration. Its error names the field.
func (c IssuerConfig) ValidateUsersOf(all []IssuerConfig) error {
	if c.UsersOf == "" || slices.Contains(Owners(all), c.UsersOf) {
		return nil
	}
	return fmt.Errorf("issuer %q: users-of: %q is neither %q nor another issuer with users of its own", c.Issuer, c.UsersOf, OwnIssuer)
}

// Owners are the issuers to whom users can belong: the server's own, and those that have users of their own.
func Owners(external []IssuerConfig) []string {
	owners := []string{OwnIssuer}
	for _, one := range external {
		if one.UsersOf == "" {
			owners = append(owners, one.Issuer)
		}
	}
	return owners
}

var (
	sharedAlgorithms = []string{"HS256", "HS384", "HS512"}
	rsaAlgorithms    = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	publicAlgorithms = slices.Concat(rsaAlgorithms, []string{"ES256", "ES384", "ES512", "EdDSA"})
)

// Validate checks everything that can be told without reading a file or asking a server. Its errors name the field.
func (c IssuerConfig) Validate() error {
	switch c.Issuer {
	case "":
		return errors.New("issuer is missing")
	case OwnIssuer:
		return fmt.Errorf("issuer %q is the server's own", OwnIssuer)
	}
	given := 0
	for _, set := range []bool{c.Secret != "", c.KeyFile != "", c.JWKSURL != ""} {
		if set {
			given++
		}
	}
	if given != 1 {
		return fmt.Errorf("issuer %q: needs exactly one of secret, key-file and jwks-url, has %d", c.Issuer, given)
	}
	if c.Secret != "" {
		if err := c.Secret.Validate(); err != nil {
			return fmt.Errorf("issuer %q: secret: %w", c.Issuer, err)
		}
	}
	if c.JWKSURL != "" {
		if err := checkJWKSURL(c.JWKSURL); err != nil {
			return fmt.Errorf("issuer %q: jwks-url: %w", c.Issuer, err)
		}
	}
	possible := publicAlgorithms
	if c.Secret != "" {
		possible = sharedAlgorithms
	}
	for _, alg := range c.Algorithms {
		if !slices.Contains(possible, alg) {
			return fmt.Errorf("issuer %q: algorithms: %q is none of %v", c.Issuer, alg, possible)
		}
	}
	return nil
}

// checkJWKSURL keeps keys from being fetched in a way that anyone on the path could change.
func checkJWKSURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return errors.New("is not an absolute URL")
	}
	loopback := slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return errors.New("must begin with https:// (http:// is for loopback addresses only)")
	}
	return nil
}

// Keys finds the keys that may have signed a token. Key may be called concurrently; it returns what golang-jwt takes: a
// key or a jwt.VerificationKeySet. Only the token's header has been read when Key is called, nothing of it is proven.
type Keys interface {
	Key(ctx context.Context, token *jwt.Token) (any, error)
	// Stop ends background work and waits for it.
	Stop()
}

// fixedKey is a key, or a set of keys, that never changes.
type fixedKey struct{ key any }

func (k fixedKey) Key(context.Context, *jwt.Token) (any, error) { return k.key, nil }
func (fixedKey) Stop()                                          {}

// openKeys returns the keys of a valid configuration and the algorithms that they may be used with.
func openKeys(ctx context.Context, c IssuerConfig, openJWKS func(context.Context, string) (Keys, error)) (Keys, []string, error) {
	switch {
	case c.Secret != "":
		return fixedKey{[]byte(c.Secret)}, orDefault(c.Algorithms, []string{"HS256"}), nil

	case c.KeyFile != "":
		raw, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return nil, nil, fmt.Errorf("key-file: %w", err)
		}
		set, suited, err := parsePEM(raw)
		if err != nil {
			return nil, nil, fmt.Errorf("key-file %s: %w", c.KeyFile, err)
		}
		for _, alg := range c.Algorithms {
			if !slices.Contains(suited, alg) {
				return nil, nil, fmt.Errorf("algorithms: %q does not suit the keys of %s, which are for %v", alg, c.KeyFile, suited)
			}
		}
		return fixedKey{set}, orDefault(c.Algorithms, suited), nil

	case openJWKS == nil:
		return nil, nil, errors.New("jwks-url: this program cannot fetch keys")

	default:
		keys, err := openJWKS(ctx, c.JWKSURL)
		if err != nil {
			return nil, nil, fmt.Errorf("jwks-url: %w", err)
		}
		return keys, orDefault(c.Algorithms, publicAlgorithms), nil
	}
}

func orDefault(given, otherwise []string) []string {
	if len(given) > 0 {
		return given
	}
	return otherwise
}
