package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// pushPrefix is where devices subscribe too, as libraries know it.
const pushPrefix = "/api"

func (a *API) pushOperations() []operation {
	return []operation{
		operate(operation{
			method: http.MethodGet, path: "/push/key", also: pushPrefix + "/push/key", id: "getPushKey", tag: tagPush, needs: anybody,
			summary: "Get the key for subscriptions", details: "What a browser wants as `applicationServerKey`. It stays the same.",
		}, a.pushKey),
		operate(operation{
			method: http.MethodPost, path: "/push/subscribe", also: pushPrefix + "/push/subscribe", id: "subscribePush", tag: tagPush, needs: aUser,
			status:  http.StatusCreated,
			summary: "Subscribe a device", details: "Takes the JSON of a browser's PushSubscription as it is. From then on the device gets notifications while its user is not connected. A user has 16 devices at most; the same endpoint again is the same device, of whoever has subscribed it last.",
			example: `{"endpoint": "https://push.example/d/abc", "keys": {"p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "auth": "BTBZMqHH6r4Tts7J_aSIgg"}}`,
		}, a.subscribePush),
		operate(operation{
			method: http.MethodPost, path: "/push/unsubscribe", also: pushPrefix + "/push/unsubscribe", id: "unsubscribePush", tag: tagPush, needs: aUser,
			summary: "Unsubscribe a device", details: "That of an endpoint, or all of the caller's if it is left out.",
			example: `{"endpoint": "https://push.example/d/abc"}`,
		}, a.unsubscribePush),
		operate(operation{
			method: http.MethodGet, path: "/server/push", id: "getPushFigures", tag: tagServer, needs: backend(account.ScopeNotifications),
			summary: "Count devices that get notifications",
		}, a.pushFigures),
	}
}

type pushKeyAnswer struct {
	PublicKey string `json:"publicKey" doc:"A point of the curve P-256, uncompressed, in base64url."`
}

func (a *API) pushKey(context.Context, *caller, nothing) (pushKeyAnswer, error) {
	return pushKeyAnswer{a.deps.Push.PublicKey()}, nil
}

type pushKeys struct {
	P256dh string `json:"p256dh" doc:"The browser's public key, in base64."`
	Auth   string `json:"auth" doc:"Its secret of 16 bytes, in base64."`
}

type subscribePushPayload struct {
	Type     push.Type `json:"type" default:"webpush" doc:"How the device is reached: webpush."`
	Endpoint string    `json:"endpoint" max:"2048" doc:"The address of the push service: https, at port 443, and public."`
	Keys     pushKeys  `json:"keys" doc:"What notifications are encrypted by."`
}

type subscribedAnswer struct {
	ID   string    `json:"id" doc:"The id of the device, the same each time."`
	Type push.Type `json:"type" doc:"How it is reached."`
}

func (a *API) subscribePush(ctx context.Context, c *caller, p subscribePushPayload) (subscribedAnswer, error) {
	if p.Type != "" && !slices.Contains(push.Types, p.Type) {
		return subscribedAnswer{}, refusal.Invalid("type", "must be webpush")
	}
	s, err := a.deps.Push.Subscribe(ctx, c.user.ID, push.Given{Endpoint: p.Endpoint, P256dh: p.Keys.P256dh, Auth: p.Keys.Auth})
	return subscribedAnswer{s.ID, s.Type}, err
}

type unsubscribePushPayload struct {
	Endpoint string `json:"endpoint" need:"optional" max:"2048" doc:"That of the subscription."`
}

type unsubscribedAnswer struct {
	Removed int `json:"removed" doc:"How many devices were subscribed."`
}

func (a *API) unsubscribePush(ctx context.Context, c *caller, p unsubscribePushPayload) (unsubscribedAnswer, error) {
	n, err := a.deps.Push.Unsubscribe(ctx, c.user.ID, p.Endpoint)
	return unsubscribedAnswer{n}, err
}

type pushFiguresAnswer struct {
	Total   int `json:"total"`
	WebPush int `json:"webPush" doc:"Browsers."`
}

func (a *API) pushFigures(ctx context.Context, _ *caller, _ nothing) (pushFiguresAnswer, error) {
	counts, err := a.deps.Push.Stats(ctx)
	answer := pushFiguresAnswer{WebPush: counts[push.TypeWebPush]}
	for _, n := range counts {
		answer.Total += n
	}
	return answer, err
}
