package httpapi

import (
	"context"
	"net/http"
	"net/url"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/webhook"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// incomingOperations are the same for the backend and for administrators, and one for who has the address.
func (a *API) incomingOperations() []operation {
	all := append(a.incomingFor("/server", "", tagServer, backend(account.ScopeBots)), a.incomingFor("/admin", "AsAdmin", tagAdmin, anAdmin)...)
	return append(all, operate(operation{
		method: http.MethodPost, path: "/hooks/{id}", id: "postByHook", tag: tagServer, needs: anybody, renamed: map[string]string{"id": "key"},
		status:  http.StatusCreated,
		summary: "Post into a room by an incoming webhook", details: "Who knows the address needs nothing else.",
		example: `{"text": "It will rain at noon.", "username": "Weather"}`,
	}, a.postByHook))
}

func (a *API) incomingFor(under, suffix, tag string, needs access) []operation {
	op := func(method, path, id, summary, details string) operation {
		return operation{method: method, path: under + "/hooks" + path, id: id + suffix, tag: tag, needs: needs, summary: summary, details: details}
	}
	create := op(http.MethodPost, "", "createHook", "Create an incoming webhook", "With a bot of its own, which becomes a member of the room. Its address is in this answer only: keep it as a secret.")
	create.status, create.example = http.StatusCreated, `{"roomId": "lunch", "username": "Weather"}`
	return []operation{
		operate(op(http.MethodGet, "", "listHooks", "List incoming webhooks", "All, the oldest first, without their addresses."), a.listHooks),
		operate(create, a.createHook),
		operate(op(http.MethodDelete, "/{hookId}", "deleteHook", "Delete an incoming webhook", "Its bot leaves the room."), a.deleteHook),
	}
}

type hookBody struct {
	ID        string         `json:"id" doc:"For listing and deleting; the address has another one."`
	RoomID    string         `json:"roomId"`
	UserID    account.UserID `json:"userId" doc:"The id of the bot."`
	Username  string         `json:"username"`
	CreatedAt wire.Time      `json:"createdAt"`
	CreatedBy string         `json:"createdBy" doc:"The id of the API key or of the administrator."`
	Path      string         `json:"path,omitempty" doc:"The address below the server's; only where it is new."`
}

func hookOf(h *webhook.Incoming) hookBody {
	return hookBody{ID: h.ID, RoomID: h.RoomID, UserID: h.BotID, Username: h.Name, CreatedAt: wire.Time(h.CreatedAt), CreatedBy: h.CreatedBy}
}

type hooksAnswer struct {
	Hooks []hookBody `json:"hooks"`
}

func (a *API) listHooks(ctx context.Context, _ *caller, _ nothing) (hooksAnswer, error) {
	all, err := a.deps.Incoming.All(ctx)
	answer := hooksAnswer{Hooks: make([]hookBody, len(all))}
	for i := range all {
		answer.Hooks[i] = hookOf(&all[i])
	}
	return answer, err
}

type createHookPayload struct {
	RoomID   string `json:"roomId"`
	Username string `json:"username" max:"100" doc:"The name of the bot."`
}

type hookAnswer struct {
	Hook hookBody `json:"hook"`
}

func (a *API) createHook(ctx context.Context, c *caller, p createHookPayload) (hookAnswer, error) {
	h, key, err := a.deps.Incoming.Open(a.deps.Accounts.Audit(ctx, "hook_created", p.RoomID, p.Username), p.RoomID, p.Username, c.creator())
	if err != nil {
		return hookAnswer{}, inField(err, "userIds", "roomId")
	}
	a.auditAny(c, "create hook", "hook", h.ID, "room", h.RoomID)
	answer := hookAnswer{hookOf(&h)}
	answer.Hook.Path = version1 + "/hooks/" + url.PathEscape(key)
	return answer, nil
}

type hookPayload struct {
	HookID string `json:"hookId" doc:"The id of an incoming webhook."`
}

func (a *API) deleteHook(ctx context.Context, c *caller, p hookPayload) (nothing, error) {
	err := a.deps.Incoming.Close(a.deps.Accounts.Audit(ctx, "hook_deleted", p.HookID, ""), p.HookID)
	if err == nil {
		a.auditAny(c, "delete hook", "hook", p.HookID)
	}
	return nothing{}, inField(err, "webhookId", "hookId")
}

type postByHookPayload struct {
	Key      string `json:"key" doc:"The last part of the address that creating the webhook has answered."`
	Text     string `json:"text"`
	Username string `json:"username" need:"optional" max:"100" doc:"The name to say it under; the bot's if there is none."`
}

type postedAnswer struct {
	ID        string    `json:"id" doc:"The id of the message."`
	Timestamp wire.Time `json:"timestamp"`
}

func (a *API) postByHook(ctx context.Context, _ *caller, p postByHookPayload) (postedAnswer, error) {
	m, err := a.deps.Incoming.Post(ctx, p.Key, p.Text, p.Username)
	if err != nil {
		return postedAnswer{}, inField(err, "webhookId", "key")
	}
	return postedAnswer{m.ID, wire.Time(m.Timestamp)}, nil
}
