package httpapi

import (
	"context"
	"net/http"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func (a *API) serverUsers() []operation {
	return []operation{
		operate(operation{
			method: http.MethodPut, path: "/server/users/{userId}", id: "putUser", tag: tagServer, needs: backend(account.ScopeUsers),
			summary: "Create or change a user", details: "What is left out stays as it is; a new user without a name is called by the id. Local accounts, whose ids begin with `u_`, can be changed but not created. `issuer` says whose tokens speak for the user (the server's own, unless said); another one signs the user out. The last administrator stays one. `admin` and `issuer` need the scope `*`.",
			example: `{"username": "Ada Lovelace"}`,
		}, a.putUser),
		operate(operation{
			method: http.MethodGet, path: "/server/users/{userId}", id: "getServerUser", tag: tagServer, needs: backend(account.ScopeUsers), cached: true,
			summary: "Get a user",
		}, a.getServerUser),
		operate(operation{
			method: http.MethodPost, path: "/server/users/{userId}/disconnect", id: "disconnectUser", tag: tagServer, needs: backend(account.ScopeSessions),
			summary: "Close a user's connections", details: "The tokens stay good: clients may come back.",
		}, a.disconnect),
		operate(operation{
			method: http.MethodPost, path: "/server/users/{userId}/revoke", id: "revokeUser", tag: tagServer, needs: backend(account.ScopeSessions),
			summary: "Revoke a user's tokens", details: "All that were issued until now, of whatever issuer, and closes the user's connections. The answer comes when a token that is signed upon it is good, which takes up to a second.",
		}, a.revokeUser),
	}
}

type putUserPayload struct {
	UserID   account.UserID `json:"userId" doc:"The id of the user, as in the application's tokens."`
	Username *string        `json:"username" min:"1" max:"100"`
	Admin    *bool          `json:"admin"`
	Issuer   *string        `json:"issuer"`
}

// putUserAnswer is 201 for a new user.
type putUserAnswer struct {
	accountAnswer
	created bool
}

func (p putUserAnswer) status() int {
	if p.created {
		return http.StatusCreated
	}
	return http.StatusOK
}

// putUser leaves it to keys that may do everything to say who administers the server, and whose tokens speak for whom:
// an administrator can do more than a key for users.
func (a *API) putUser(ctx context.Context, c *caller, p putUserPayload) (putUserAnswer, error) {
	if p.Admin != nil || p.Issuer != nil {
		if err := c.requires(account.ScopeAll); err != nil {
			return putUserAnswer{}, err
		}
	}
	user, created, err := a.deps.Accounts.PutUser(ctx, account.PutUser{ID: p.UserID, Name: p.Username, Admin: p.Admin, Issuer: p.Issuer})
	return putUserAnswer{accountAnswer{accountOf(&user)}, created}, inField(err, "id", "userId")
}

type userPayload struct {
	UserID account.UserID `json:"userId"`
}

func (a *API) getServerUser(ctx context.Context, _ *caller, p userPayload) (accountAnswer, error) {
	user, err := a.deps.Accounts.User(ctx, p.UserID)
	return accountAnswer{accountOf(&user)}, err
}

type disconnectAnswer struct {
	Connections int `json:"connections"`
}

func (a *API) disconnect(ctx context.Context, _ *caller, p userPayload) (disconnectAnswer, error) {
	ended := a.deps.Overview.EndUser(p.UserID)
	if ended == 0 {
		return disconnectAnswer{}, nil
	}
	return disconnectAnswer{ended}, a.deps.Accounts.Note(ctx, "connections_closed", string(p.UserID), "")
}

func (a *API) revokeUser(ctx context.Context, _ *caller, p userPayload) (nothing, error) {
	if err := a.deps.Accounts.RevokeUser(ctx, p.UserID); err != nil {
		return nothing{}, err
	}
	return nothing{}, a.deps.Accounts.AwaitNewTokens(ctx, p.UserID)
}

// inField is a refusal about a field that is called differently here.
func inField(err error, field, here string) error {
	if e := refusal.Of(err); e != nil && e.Field == field {
		return e.In(here)
	}
	return err
}
