package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TrustConfig says whose tokens are accepted.
type TrustConfig struct {
	Secret   Secret         // the server's own, for tokens of OwnIssuer and those that name no issuer
	External []IssuerConfig // other issuers
	// AdminClaims has tokens of the server's own secret make administrators, see [Identity]. Of the others'
	// [IssuerConfig.AdminClaims] decides.
	AdminClaims bool
	Leeway      time.Duration // how far "exp" and "nbf" may be off, for clocks that differ; 0 or more

	Now      func() time.Time                                    // the clock, time.Now outside tests
	OpenJWKS func(ctx context.Context, url string) (Keys, error) // fetches keys; needed only for issuers with a JWKSURL
}

// Verifiers verifies tokens of every trusted issuer. Safe for concurrent use; Stop it when done.
type Verifiers struct {
	byIssuer map[string]*verifier
	parser   *jwt.Parser
}

// verifier holds what counts for the tokens of one issuer.
type verifier struct {
	issuer     string
	usersOf    string // whose users its tokens speak for
	keys       Keys
	algorithms []string
	claims     *jwt.Validator
	now        func() time.Time
	// adminClaims: its tokens may make administrators.
	adminClaims bool
}

// NewVerifiers reads key files and fetches key sets; ctx bounds only that. An error names the issuer and the field.
func NewVerifiers(ctx context.Context, c TrustConfig) (*Verifiers, error) {
	if err := c.Secret.Validate(); err != nil {
		return nil, err
	}
	if c.Leeway < 0 {
		return nil, fmt.Errorf("leeway is %s, it cannot be negative", c.Leeway)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	set := &Verifiers{
		byIssuer: map[string]*verifier{},
		// Claims are checked by the verifier that the issuer chooses. Numbers stay as they were written, so that a long
		// numeric user id loses no digit.
		parser: jwt.NewParser(jwt.WithJSONNumber(), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation()),
	}
	set.byIssuer[OwnIssuer] = &verifier{
		issuer:     OwnIssuer,
		usersOf:    OwnIssuer,
		keys:       fixedKey{[]byte(c.Secret)},
		algorithms: []string{"HS256"},
		claims:     newValidator(c, ""),
		now:        c.Now,

		adminClaims: c.AdminClaims,
	}
	for _, ic := range c.External {
		if err := set.add(ctx, c, ic); err != nil {
			set.Stop()
			return nil, err
		}
	}
	return set, nil
}

func (v *Verifiers) add(ctx context.Context, c TrustConfig, ic IssuerConfig) error {
	if err := errors.Join(ic.Validate(), ic.ValidateUsersOf(c.External)); err != nil {
		return err
	}
	if v.byIssuer[ic.Issuer] != nil {
		return fmt.Errorf("issuer %q is given twice", ic.Issuer)
	}
	keys, algorithms, err := openKeys(ctx, ic, c.OpenJWKS)
	if err != nil {
		return fmt.Errorf("issuer %q: %w", ic.Issuer, err)
	}
	v.byIssuer[ic.Issuer] = &verifier{ic.Issuer, ic.Owner(), keys, algorithms, newValidator(c, ic.Audience), c.Now, ic.AdminClaims}
	return nil
}

func newValidator(c TrustConfig, audience string) *jwt.Validator {
	options := []jwt.ParserOption{jwt.WithLeeway(c.Leeway), jwt.WithTimeFunc(c.Now)}
	if audience != "" {
		options = append(options, jwt.WithAudience(audience))
	}
	return jwt.NewValidator(options...)
}

// Stop ends the background refresh of key sets and waits for it. The verifiers answer no more after it.
func (v *Verifiers) Stop() {
	for _, one := range v.byIssuer {
		one.keys.Stop()
	}
}

// Verify returns who the token speaks for. It may wait for an issuer's key server when the token names a key that is
// not known yet; ctx bounds that. Every error is a [*Refusal] and matches [ErrUnauthenticated].
func (v *Verifiers) Verify(ctx context.Context, token string) (Identity, error) {
	if len(token) > MaxTokenBytes {
		return Identity{}, refuse("token has %d bytes, the limit is %d", len(token), MaxTokenBytes)
	}
	claims := jwt.MapClaims{}
	var by *verifier
	_, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (key any, err error) {
		if by, err = v.choose(claims); err != nil {
			return nil, err
		}
		return by.key(ctx, t)
	})
	if err != nil {
		return Identity{}, refuse("%w", err)
	}
	if err := checkDates(claims); err != nil {
		return Identity{}, refuse("issuer %q: %w", by.issuer, err)
	}
	if err := by.claims.Validate(claims); err != nil {
		return Identity{}, refuse("issuer %q: %w", by.issuer, err)
	}
	identity, err := by.identity(claims)
	if err != nil {
		return Identity{}, refuse("issuer %q: %w", by.issuer, err)
	}
	return identity, nil
}

// choose goes by the issuer alone. The claims are not proven yet, which does no harm: a false issuer only leads to keys
// that do not fit.
func (v *Verifiers) choose(claims jwt.MapClaims) (*verifier, error) {
	raw, named := claims["iss"]
	if !named {
		return v.byIssuer[OwnIssuer], nil
	}
	issuer, isText := raw.(string)
	if !isText {
		return nil, errors.New(`"iss" is not a string`)
	}
	if one := v.byIssuer[issuer]; one != nil {
		return one, nil
	}
	return nil, fmt.Errorf("issuer %.200q is not trusted", issuer)
}

// key refuses what the verifier does not allow before any key is touched.
func (v *verifier) key(ctx context.Context, t *jwt.Token) (any, error) {
	if alg := t.Method.Alg(); !slices.Contains(v.algorithms, alg) {
		return nil, fmt.Errorf("issuer %q: algorithm %q is not allowed", v.issuer, alg)
	}
	// RFC 7515 4.1.11: whoever does not know a critical extension must refuse the token, and none is known here.
	if _, ok := t.Header["crit"]; ok {
		return nil, errors.New(`header "crit" is not supported`)
	}
	return v.keys.Key(ctx, t)
}
