package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// Limits of what the backend asks for at once.
const (
	defaultOnline = 100
	maxOnline     = 1000

	maxTopics       = 100
	maxNotified     = 1000
	maxNotification = 32 << 10 // bytes
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
		operate(operation{
			method: http.MethodPost, path: "/server/notifications", id: "notify", tag: tagServer, needs: backend(account.ScopeNotifications),
			status:  http.StatusAccepted,
			summary: "Publish a notification", details: "To who is subscribed to some topics, and to users, as the event `notification` with the fields given and a `timestamp`. It reaches devices that are connected now, and is not stored.",
			example: `{"topics": ["menu"], "userIds": ["ada"], "notification": {"title": "Lunch", "body": "Noodles today"}}`,
		}, a.notify),
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

type notifyPayload struct {
	Topics       []string                   `json:"topics" need:"any" max:"100"`
	UserIDs      []account.UserID           `json:"userIds" need:"any" max:"1000"`
	Notification map[string]json.RawMessage `json:"notification"`
}

func (p *notifyPayload) check() error {
	size := 0
	for name, value := range p.Notification {
		size += len(name) + len(value)
	}
	switch {
	case len(p.Topics) == 0 && len(p.UserIDs) == 0:
		return &refusal.Error{Code: refusal.MissingFields, Message: "There must be topics or userIds", Field: "topics"}
	case len(p.Notification) == 0:
		return refusal.Missing("notification")
	case len(p.Topics) > maxTopics:
		return refusal.TooMuch("topics", maxTopics, "topics")
	case len(p.UserIDs) > maxNotified:
		return refusal.TooMuch("userIds", maxNotified, "ids")
	case size > maxNotification:
		return refusal.TooMuch("notification", maxNotification, "bytes")
	}
	for i, topic := range p.Topics {
		if topic == "" || len(topic) > account.MaxTopicBytes || !utf8.ValidString(topic) {
			return refusal.Invalid(fmt.Sprintf("topics[%d]", i), fmt.Sprintf("must have 1 to %d bytes", account.MaxTopicBytes)).In("topics")
		}
	}
	return nil
}

func (a *API) notify(_ context.Context, _ *caller, p notifyPayload) (nothing, error) {
	if err := p.check(); err != nil {
		return nothing{}, err
	}
	told := make(map[string]any, len(p.Notification)+1)
	for name, value := range p.Notification {
		told[name] = value
	}
	told["timestamp"] = wire.Time(a.deps.Now())
	a.deps.Notifier.Notify(p.Topics, p.UserIDs, told)
	return nothing{}, nil
}
