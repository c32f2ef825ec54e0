package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/command"
)

// challenge is what a 401 says of how to sign in.
const challenge = `Bearer realm="sockeye"`

// access is what an operation needs. The zero value is nothing.
type access struct {
	user  bool          // a user's token
	admin bool          // of a user who may administer the server
	scope account.Scope // or an API key with it
}

// knownCaller reports whether it is known who asks, once that was permitted.
func (a access) knownCaller() bool { return a.user || a.scope != "" }

var (
	anybody = access{}
	aUser   = access{user: true}
	anAdmin = access{user: true, admin: true}
)

func backend(scope account.Scope) access { return access{scope: scope} }

// caller is who asks.
type caller struct {
	address  netip.Addr
	identity account.Identity
	user     account.User // as stored
	key      account.APIKey
}

// admin tells whether a user who asks may administer the server.
func (c *caller) admin() bool { return c.identity.Admin || c.user.Admin }

// doer is the caller for the audit log.
func (c *caller) doer() account.Doer {
	switch {
	case c.key.ID != "":
		return account.Doer{Kind: account.ByKey, ID: c.key.ID, From: c.address}
	case c.user.ID != "":
		return account.Doer{Kind: account.ByUser, ID: string(c.user.ID), From: c.address}
	}
	return account.Doer{Kind: account.ByStranger, From: c.address}
}

func (c *caller) actor() account.Actor { return account.Actor{ID: c.user.ID, Name: c.user.Name} }

// signIn tells who asks, as far as the operation needs to know. Credentials are in the header Authorization and nowhere
// else: addresses get into logs.
func (a *API) signIn(h http.Header, r *http.Request, needs access) (*caller, error) {
	c := &caller{address: a.deps.Clients.ClientIP(r.RemoteAddr, r.Header)}
	switch {
	case needs.user:
		if err := a.signInUser(r, c); err != nil {
			return nil, err
		}
		if needs.admin && !c.admin() {
			return nil, newProblem(http.StatusForbidden, codeAdminRequired, "", "This is for administrators of the server")
		}
		return c, nil
	case needs.scope != "":
		return c, a.signInKey(h, r, c, needs.scope)
	}
	return c, nil
}

func (a *API) signInUser(r *http.Request, c *caller) (err error) {
	token := bearer(r)
	switch {
	case token == "":
		return unauthenticated("A user's token is needed: Authorization: Bearer TOKEN")
	case strings.HasPrefix(token, account.APIKeyPrefix):
		return unauthenticated("A user's token is needed, an API key is for " + serverPrefix + " only")
	}
	if c.identity, err = a.deps.Accounts.Verify(r.Context(), token); err != nil {
		return err
	}
	c.user, err = a.deps.Accounts.SignIn(r.Context(), c.identity)
	return err
}

func (a *API) signInKey(h http.Header, r *http.Request, c *caller, scope account.Scope) error {
	key, err := a.verifyKey(r)
	if err != nil {
		if p := a.limits.requests.take(h, c.address); p != nil {
			return p
		}
		return err
	}
	if p := a.limits.keys.take(h, key.ID); p != nil {
		return p
	}
	c.key = key
	return c.requires(scope)
}

// requires refuses an API key that lacks a scope.
func (c *caller) requires(scope account.Scope) error {
	if !c.key.May(scope) {
		return newProblem(http.StatusForbidden, codeScopeMissing, "", fmt.Sprintf("The API key lacks the scope %q", scope))
	}
	return nil
}

func (a *API) verifyKey(r *http.Request) (account.APIKey, error) {
	secret := bearer(r)
	if secret == "" {
		return account.APIKey{}, unauthenticated("An API key is needed: Authorization: Bearer " + account.APIKeyPrefix + "…")
	}
	return a.deps.Accounts.VerifyAPIKey(r.Context(), secret)
}

func unauthenticated(detail string) *problem {
	return newProblem(http.StatusUnauthorized, command.CodeUnauthenticated, "", detail)
}

// bearer returns the credentials of a request, empty if there are none.
func bearer(r *http.Request) string {
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(credentials)
}
