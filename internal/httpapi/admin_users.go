package httpapi

import (
	"context"
	"net/http"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func (a *API) adminUserOperations() []operation {
	return []operation{
		operate(operation{
			method: http.MethodGet, path: "/admin/users", id: "listUsersAsAdmin", tag: tagAdmin, needs: anAdmin, pages: afterNext,
			summary: "List users", details: "By their ids, or with `query` those of whom the login name, the name or a word of the name begins with it; of these there is one page.",
		}, a.listUsers),
		operate(operation{
			method: http.MethodGet, path: "/admin/users/{userId}", id: "getUserAsAdmin", tag: tagAdmin, needs: anAdmin,
			summary: "Get a user as an administrator",
		}, a.getUserAsAdmin),
		operate(operation{
			method: http.MethodPost, path: "/admin/users/{userId}/disable", id: "disableUser", tag: tagAdmin, needs: anAdmin,
			summary: "Disable a user",
			details: "The user's connections end on all nodes, tokens of before are revoked, and signing in is refused with `account_disabled`, by whatever issuer's token, until the user is enabled. Messages stay. Nobody disables the own account, or the last administrator.",
		}, a.disableUser),
		operate(operation{
			method: http.MethodPost, path: "/admin/users/{userId}/enable", id: "enableUser", tag: tagAdmin, needs: anAdmin,
			summary: "Enable a user", details: "Who was disabled may sign in again. Tokens of before stay revoked.",
		}, a.enableUser),
	}
}

type listUsersPayload struct {
	Query string `json:"query" need:"optional" min:"0" max:"100" doc:"What the login name, the name or a word of the name begins with."`
	After string `json:"after" need:"optional"`
	Limit int    `json:"limit" default:"20" max:"100"`
}

type usersAnswer struct {
	Users []accountBody `json:"users"`
	Next  string        `json:"next,omitempty"`
}

func (a *API) listUsers(ctx context.Context, _ *caller, p listUsersPayload) (usersAnswer, error) {
	users, err := a.findUsers(ctx, &p)
	if err != nil {
		return usersAnswer{}, err
	}
	answer := usersAnswer{Users: make([]accountBody, len(users))}
	for i := range users {
		answer.Users[i] = accountOf(&users[i])
	}
	if p.Query == "" && len(users) == p.Limit {
		answer.Next = string(users[len(users)-1].ID)
	}
	return answer, nil
}

// findUsers returns a page of all users, or those who are looked for.
func (a *API) findUsers(ctx context.Context, p *listUsersPayload) ([]account.User, error) {
	if p.Limit == 0 {
		p.Limit = account.DefaultUserFound
	}
	switch {
	case p.Query == "":
		return a.deps.Accounts.Users(ctx, account.UserID(p.After), p.Limit)
	case p.After != "":
		return nil, refusal.Invalid("after", "must not be given together with query")
	}
	return a.deps.Accounts.SearchUsers(ctx, p.Query, p.Limit)
}

func (a *API) getUserAsAdmin(ctx context.Context, _ *caller, p userPayload) (accountAnswer, error) {
	user, err := a.deps.Accounts.User(ctx, p.UserID)
	return accountAnswer{accountOf(&user)}, err
}

func (a *API) disableUser(ctx context.Context, c *caller, p userPayload) (accountAnswer, error) {
	user, changed, err := a.deps.Accounts.Disable(ctx, p.UserID, c.user.ID)
	if err == nil && changed {
		a.audit(c, "disable", "user", user.ID)
	}
	return accountAnswer{accountOf(&user)}, err
}

func (a *API) enableUser(ctx context.Context, c *caller, p userPayload) (accountAnswer, error) {
	user, changed, err := a.deps.Accounts.Enable(ctx, p.UserID)
	if err == nil && changed {
		a.audit(c, "enable", "user", user.ID)
	}
	return accountAnswer{accountOf(&user)}, err
}
