package httpapi

import (
	"cmp"
	"context"
	"net/http"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/wire"
)

func (a *API) accountOperations() []operation {
	const exampleLogin = `{"login": "ada", "password": "correct horse battery"}`
	return []operation{
		operate(operation{
			method: http.MethodPost, path: "/accounts", id: "register", tag: tagAccounts, status: http.StatusCreated,
			summary: "Register", details: "Makes a local account and logs in, if the server has such accounts and registration is open.",
			example: `{"login": "ada", "username": "Ada Lovelace", "password": "correct horse battery"}`,
		}, a.register),
		operate(operation{
			method: http.MethodPost, path: "/login", id: "login", tag: tagAccounts,
			summary: "Log in", details: "To a local account. Users of other applications get their tokens there.",
			example: exampleLogin,
		}, a.login),
		operate(operation{
			method: http.MethodPost, path: "/token/refresh", id: "refreshToken", tag: tagAccounts, needs: aUser,
			summary: "Get a new token", details: "For one of a local account that is still good. The old one stays good until its time is over.",
		}, a.refresh),
		operate(operation{
			method: http.MethodPost, path: "/logout", id: "logout", tag: tagAccounts, needs: aUser,
			summary: "Log out", details: "The token is good no longer, and connections made with it are closed.",
		}, a.logout),
		operate(operation{
			method: http.MethodPost, path: "/password", id: "changePassword", tag: tagAccounts, needs: aUser,
			summary: "Change the password", details: "All tokens of the account are good no longer; the answer has a new one.",
			example: `{"password": "correct horse battery", "newPassword": "staple battery horse"}`,
		}, a.changePassword),
		operate(operation{
			method: http.MethodGet, path: "/me", id: "getMe", tag: tagAccounts, needs: aUser, cached: true,
			summary: "Get one's own account",
		}, a.me),
		operate(operation{
			method: http.MethodPatch, path: "/me", id: "updateMe", tag: tagAccounts, needs: aUser,
			summary: "Change one's own account", details: "The display name of a local account. Others keep theirs where they sign in.",
			example: `{"username": "Ada King"}`,
		}, a.rename),
	}
}

// nothing is a payload or an answer without fields.
type nothing struct{}

// accountBody is an account as its owner and the backend see it.
type accountBody struct {
	wire.User
	Admin      bool       `json:"admin"`
	Issuer     string     `json:"issuer"` // to which the user belongs
	LastSeen   *wire.Time `json:"lastSeen,omitempty"`
	DisabledAt *wire.Time `json:"disabledAt,omitempty" doc:"Since when the user is not let in."`
}

func accountOf(u *account.User) accountBody {
	return accountBody{User: wire.UserOf(u), Admin: u.Admin, Issuer: u.Owner(), LastSeen: wire.TimeOrNone(u.LastSeen), DisabledAt: wire.TimeOrNone(u.DisabledAt)}
}

type accountAnswer struct {
	User accountBody `json:"user"`
}

type sessionAnswer struct {
	Token     string      `json:"token"`
	ExpiresAt wire.Time   `json:"expiresAt"`
	User      accountBody `json:"user"`
}

func sessionOf(s account.Session, err error) (sessionAnswer, error) {
	return sessionAnswer{Token: s.Token.Text, ExpiresAt: wire.Time(s.Token.ExpiresAt), User: accountOf(&s.User)}, err
}

type registerPayload struct {
	Login    string `json:"login" min:"2" max:"64" doc:"The login name: 2 to 64 letters a to z, digits and _ . - + @, beginning with a letter or a digit. Others who differ in case only are the same."`
	Username string `json:"username" need:"optional" max:"100" doc:"The name for display. Default: the login name."`
	Password string `json:"password" min:"8" max:"256" doc:"8 to 256 bytes."`
}

func (a *API) register(ctx context.Context, c *caller, p registerPayload) (sessionAnswer, error) {
	if tooSoon := a.limits.login(attempt{from: c.address, name: p.Login}); tooSoon != nil {
		return sessionAnswer{}, tooSoon
	}
	return sessionOf(a.deps.Accounts.Register(ctx, account.Register{Username: p.Login, Name: p.Username, Password: p.Password, From: c.address}))
}

type loginPayload struct {
	Login    string `json:"login" doc:"The login name."`
	Password string `json:"password"`
}

func (a *API) login(ctx context.Context, c *caller, p loginPayload) (sessionAnswer, error) {
	if err := a.takeAttempt(ctx, c, p.Login); err != nil {
		return sessionAnswer{}, err
	}
	return sessionOf(a.deps.Accounts.Login(ctx, account.Login{Username: p.Login, Password: p.Password, From: c.address}))
}

// takeAttempt refuses who tries passwords of an account too often.
func (a *API) takeAttempt(ctx context.Context, c *caller, name string) error {
	known, err := a.deps.Accounts.KnownFrom(ctx, name, c.address)
	if err != nil {
		return err
	}
	return a.limits.login(attempt{from: c.address, name: name, known: known})
}

func (a *API) refresh(ctx context.Context, c *caller, _ nothing) (sessionAnswer, error) {
	return sessionOf(a.deps.Accounts.Refresh(ctx, c.identity))
}

func (a *API) logout(ctx context.Context, c *caller, _ nothing) (nothing, error) {
	return nothing{}, a.deps.Accounts.RevokeToken(ctx, c.identity)
}

type passwordPayload struct {
	Password    string `json:"password"`
	NewPassword string `json:"newPassword"`
}

// changePassword counts as a login: who has a token that was left lying about must not try passwords with it.
func (a *API) changePassword(ctx context.Context, c *caller, p passwordPayload) (sessionAnswer, error) {
	if err := a.takeAttempt(ctx, c, cmp.Or(c.user.Username, string(c.user.ID))); err != nil {
		return sessionAnswer{}, err
	}
	return sessionOf(a.deps.Accounts.ChangePassword(ctx, c.user.ID, account.ChangePassword{
		Password: p.Password, NewPassword: p.NewPassword, From: c.address,
	}))
}

func (a *API) me(_ context.Context, c *caller, _ nothing) (accountAnswer, error) {
	return accountAnswer{ownAccount(c)}, nil
}

// ownAccount is the caller's, who may be an administrator by the token alone.
func ownAccount(c *caller) accountBody {
	body := accountOf(&c.user)
	body.Admin = c.admin()
	return body
}

type renamePayload struct {
	Username string `json:"username" min:"1" max:"100"`
}

func (a *API) rename(ctx context.Context, c *caller, p renamePayload) (accountAnswer, error) {
	user, err := a.deps.Accounts.Rename(ctx, c.actor(), p.Username)
	if err != nil {
		return accountAnswer{}, err
	}
	c.user = user
	return accountAnswer{ownAccount(c)}, nil
}
