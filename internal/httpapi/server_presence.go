package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// How many ids the backend gets at once.
const (
	defaultOnline = 100
	maxOnline     = 1000
)

func (a *API) serverPresence() []operation {
	return []operation{
		operate(operation{
			method: http.MethodGet, path: "/server/presence", id: "listOnline", tag: tagServer, needs: backend(account.ScopePresence), pages: afterNext,
			summary: "List who is online", details: "Ids of users, sorted. Who comes or goes meanwhile may be missed.",
		}, a.listOnline),
		operate(operation{
			method: http.MethodGet, path: "/server/users/{userId}/presence", id: "getServerPresence", tag: tagServer, needs: backend(account.ScopePresence),
			summary: "Ask whether a user is online", details: "And on how many devices, or since when not.",
		}, a.getServerPresence),
	}
}

type listOnlinePayload struct {
	After account.UserID `json:"after" need:"optional"`
	Limit int            `json:"limit" default:"100" max:"1000"`
}

type onlineAnswer struct {
	Online []account.UserID `json:"online" doc:"Ids of users."`
	Count  int              `json:"count" doc:"How many users are online in all."`
	Next   account.UserID   `json:"next,omitempty"`
}

func (a *API) listOnline(_ context.Context, _ *caller, p listOnlinePayload) (onlineAnswer, error) {
	p.Limit = cmp.Or(p.Limit, defaultOnline)
	if p.Limit < 1 || p.Limit > maxOnline {
		wrong := refusal.Invalid("limit", fmt.Sprintf("must be from 1 to %d", maxOnline))
		wrong.Limit = maxOnline
		return onlineAnswer{}, wrong
	}
	found := a.deps.Presence.List(p.After, p.Limit+1)
	answer := onlineAnswer{Online: found, Count: a.deps.Presence.Count()}
	if len(found) > p.Limit {
		answer.Online, answer.Next = found[:p.Limit], found[p.Limit-1]
	}
	return answer, nil
}

type presenceAnswer struct {
	UserID   account.UserID `json:"userId"`
	Online   bool           `json:"online"`
	Devices  int            `json:"devices"`
	LastSeen *wire.Time     `json:"lastSeen,omitempty"` // of who is not online and was
}

func (a *API) getServerPresence(ctx context.Context, _ *caller, p userPayload) (presenceAnswer, error) {
	user, err := a.deps.Accounts.User(ctx, p.UserID)
	if err != nil {
		return presenceAnswer{}, err
	}
	answer := presenceAnswer{
		UserID: user.ID, Online: len(a.deps.Presence.Online([]account.UserID{user.ID})) > 0, Devices: a.deps.Presence.Devices(user.ID),
	}
	if !answer.Online {
		answer.LastSeen = accountOf(&user).LastSeen
	}
	return answer, nil
}
