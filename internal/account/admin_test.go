package account_test

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Only tokens of an issuer of which the configuration says so make administrators. Of others the claims are not even
// looked at: an application has roles of its own.
func TestAdminClaims(t *testing.T) {
	h := open(t, cheap())
	claims := map[string]struct {
		jwt.MapClaims
		want bool
	}{
		"admin":           {jwt.MapClaims{"admin": true}, true},
		"no admin":        {jwt.MapClaims{"admin": false}, false},
		"role":            {jwt.MapClaims{"role": "admin"}, true},
		"other role":      {jwt.MapClaims{"role": "administrator"}, false},
		"role list":       {jwt.MapClaims{"role": []string{"admin"}}, false},
		"roles":           {jwt.MapClaims{"roles": []string{"user", "admin"}}, true},
		"other roles":     {jwt.MapClaims{"roles": []string{"user", "Admin"}}, false},
		"roles text":      {jwt.MapClaims{"roles": "admin"}, false},
		"roles of others": {jwt.MapClaims{"roles": []any{map[string]any{"name": "admin"}, 1, nil}}, false},
		"nothing":         {jwt.MapClaims{}, false},
	}
	for name, tc := range claims {
		for issuer, heeded := range map[string]bool{partner: true, "https://plain.example": false, account.OwnIssuer: false} {
			key := otherSecret
			if issuer == account.OwnIssuer {
				key = ownSecret
			}
			tc.MapClaims["iss"], tc.MapClaims["sub"] = issuer, "ada"
			identity, err := h.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(key), tc.MapClaims))
			h.must(err)
			same(t, name+" of "+issuer, identity.Admin, tc.want && heeded)
		}
	}
	// What is no flag is not refused where it is not looked at.
	_, err := h.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(otherSecret), jwt.MapClaims{
		"iss": "https://plain.example", "sub": "ada", "admin": "of the forum",
	}))
	h.must(err)
}

func TestGrantAndRevokeAdmin(t *testing.T) {
	h, ctx := open(t, cheap()), t.Context()
	session, err := h.Register(ctx, account.Register{Username: "Grace", Password: "correct horse battery"})
	h.must(err)
	identity, err := h.Verify(ctx, session.Token.Text)
	h.must(err)
	administers := func() bool {
		t.Helper()
		may, err := h.Administers(ctx, identity)
		h.must(err)
		return may
	}
	same(t, "at first", administers(), false)
	for _, name := range []string{"grace", string(session.User.ID)} {
		u, changed, err := h.GrantAdmin(ctx, name)
		h.must(err)
		same(t, "changed", changed, true)
		_, changed, err = h.GrantAdmin(ctx, name)
		h.must(err)
		same(t, "changed again", changed, false)
		same(t, "granted", u.ID, session.User.ID)
		same(t, "by "+name, administers(), true)
		admins, err := h.Admins(ctx)
		h.must(err)
		same(t, "listed", len(admins), 1)
		_, changed, err = h.RevokeAdmin(ctx, name)
		h.must(err)
		same(t, "changed", changed, true)
		_, changed, err = h.RevokeAdmin(ctx, name)
		h.must(err)
		same(t, "changed again", changed, false)
		same(t, "taken back by "+name, administers(), false)
	}
	_, _, err = h.GrantAdmin(ctx, "nobody")
	h.refused(err, account.ErrUserNotFound)
	_, _, err = h.GrantAdmin(ctx, "")
	h.refused(err, &refusal.Error{Code: refusal.MissingFields})
}

// A token permits nothing any more once it is revoked or over, whatever it says.
func TestAdministersHeedsTheToken(t *testing.T) {
	h, ctx := open(t, cheap()), t.Context()
	identity, err := h.Verify(ctx, sign(t, jwt.SigningMethodHS256, []byte(otherSecret), jwt.MapClaims{
		"iss": partner, "sub": "ada", "admin": true, "jti": "1", "exp": noon.Add(time.Hour).Unix(), "iat": noon.Unix(),
	}))
	h.must(err)
	may, err := h.Administers(ctx, identity)
	h.must(err)
	same(t, "by the claim", may, true)
	over := identity
	over.ExpiresAt = noon
	may, err = h.Administers(ctx, over)
	h.must(err)
	same(t, "when over", may, false)
	h.must(h.RevokeToken(ctx, identity))
	may, err = h.Administers(ctx, identity)
	h.must(err)
	same(t, "when revoked", may, false)
}
