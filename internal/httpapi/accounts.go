package httpapi

import (
	"context"
	"net/http"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/hub"
)

func (a *API) accountOperations() []operation {
	const exampleLogin = `{"login": "ada", "password": "correct horse battery"}`
	return []operation{
		operate(operation{
			method: http.MethodPost, path: "/accounts", id: "register", tag: tagAccounts, status: http.StatusCreated,
			summary: "Register", details: "Makes a local account and logs in, if the server has such accounts and registration is open.",
			required: []string{"login", "password"},
			example:  `{"login": "ada", "username": "Ada Lovelace", "password": "correct horse battery"}`,
		}, a.register),
		operate(operation{
			method: http.MethodPost, path: "/login", id: "login", tag: tagAccounts,
			summary: "Log in", details: "To a local account. Users of other applications get their tokens there.",
			required: []string{"login", "password"}, example: exampleLogin,
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
			required: []string{"password", "newPassword"},
			example:  `{"password": "correct horse battery", "newPassword": "staple battery horse"}`,
		}, a.changePassword),
		operate(operation{
			method: http.MethodGet, path: "/me", id: "getMe", tag: tagAccounts, needs: aUser, cached: true,
			summary: "Get one's own account",
		}, a.me),
		operate(operation{
			method: http.MethodPatch, path: "/me", id: "updateMe", tag: tagAccounts, needs: aUser,
			summary: "Change one's own account", details: "The display name of a local account. Others keep theirs where they sign in.",
			required: []string{"username"}, example: `{"username": "Ada King"}`,
		}, a.rename),
	}
}

// nothing is a payload or an answer without fields.
type nothing struct{}

// accountBody is an account as its owner and the backend see it.
type accountBody struct {
	hub.User
	Admin    bool      `json:"admin"`
	LastSeen *hub.Time `json:"lastSeen,omitempty"`
}

func accountOf(u *account.User) accountBody {
	return accountBody{User: hub.UserOf(u), Admin: u.Admin, LastSeen: hub.TimeOrNone(u.LastSeen)}
}

type accountAnswer struct {
	User accountBody `json:"user"`
}

type sessionAnswer struct {
	Token     string      `json:"token"`
	ExpiresAt hub.Time    `json:"expiresAt"`
	User      accountBody `json:"user"`
}

func sessionOf(s account.Session, err error) (sessionAnswer, error) {
	if err != nil {
		return sessionAnswer{}, err
	}
	return sessionAnswer{Token: s.Token.Text, ExpiresAt: hub.Time(s.Token.ExpiresAt), User: accountOf(&s.User)}, nil
}

type registerPayload struct {
	Login    string `json:"login"`
	Username string `json:"username"`
	Password string `json:"password"`
}

func (a *API) register(ctx context.Context, c *caller, p registerPayload) (sessionAnswer, error) {
	if tooSoon := a.limits.login(c.address, p.Login); tooSoon != nil {
		return sessionAnswer{}, tooSoon
	}
	return sessionOf(a.Accounts.Register(ctx, account.Register{Username: p.Login, Name: p.Username, Password: p.Password}))
}

type loginPayload struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

func (a *API) login(ctx context.Context, c *caller, p loginPayload) (sessionAnswer, error) {
	if tooSoon := a.limits.login(c.address, p.Login); tooSoon != nil {
		return sessionAnswer{}, tooSoon
	}
	return sessionOf(a.Accounts.Login(ctx, account.Login{Username: p.Login, Password: p.Password}))
}

func (a *API) refresh(ctx context.Context, c *caller, _ nothing) (sessionAnswer, error) {
	return sessionOf(a.Accounts.Refresh(ctx, c.identity))
}

func (a *API) logout(ctx context.Context, c *caller, _ nothing) (nothing, error) {
	return nothing{}, a.Accounts.RevokeToken(ctx, c.identity)
}

type passwordPayload struct {
	Password    string `json:"password"`
	NewPassword string `json:"newPassword"`
}

// changePassword counts as a login: who has a token that was left lying about must not try passwords with it.
func (a *API) changePassword(ctx context.Context, c *caller, p passwordPayload) (sessionAnswer, error) {
	name := c.user.Username
	if name == "" {
		name = c.user.ID
	}
	if tooSoon := a.limits.login(c.address, name); tooSoon != nil {
		return sessionAnswer{}, tooSoon
	}
	return sessionOf(a.Accounts.ChangePassword(ctx, c.user.ID, account.ChangePassword(p)))
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
	Username string `json:"username"`
}

func (a *API) rename(ctx context.Context, c *caller, p renamePayload) (accountAnswer, error) {
	user, err := a.Accounts.Rename(ctx, account.Actor{ID: c.user.ID}, p.Username)
	if err != nil {
		return accountAnswer{}, err
	}
	c.user = user
	return accountAnswer{ownAccount(c)}, nil
}
