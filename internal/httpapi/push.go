package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
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
			summary: "Subscribe a device", details: "Takes the JSON of a browser's PushSubscription as it is, or of an app {type, token}, with the bundleId for Apple's. From then on the device gets notifications while its user is not connected. A user has 16 devices at most; the same endpoint or token again is the same device, of whoever has subscribed it last.",
			example: `{"endpoint": "https://push.example/d/abc", "keys": {"p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "auth": "BTBZMqHH6r4Tts7J_aSIgg"}}`,
		}, a.subscribePush),
		operate(operation{
			method: http.MethodPost, path: "/push/unsubscribe", also: pushPrefix + "/push/unsubscribe", id: "unsubscribePush", tag: tagPush, needs: aUser,
			summary: "Unsubscribe a device", details: "That of an endpoint or a token, or all of the caller's if both are left out.",
			example: `{"endpoint": "https://push.example/d/abc"}`,
		}, a.unsubscribePush),
		operate(operation{
			method: http.MethodGet, path: "/push/settings", id: "getPushSettings", tag: tagPush, needs: aUser,
			summary: "Get what one wants to be told",
		}, a.pushSettings),
		operate(operation{
			method: http.MethodPut, path: "/push/settings", id: "setPushSettings", tag: tagPush, needs: aUser,
			summary: "Set what one wants to be told", details: "Of all conversations, and of what the application tells. What is left out is as if it had never been set.",
			example: `{"level": "mentions", "content": false, "quiet": {"from": "22:00", "to": "07:00", "timeZone": "Europe/Berlin"}}`,
		}, a.setPushSettings),
		operate(operation{
			method: http.MethodPut, path: "/push/settings/{conversationId}", id: "setConversationPush", tag: tagPush, needs: aUser,
			summary: "Set what one wants to be told of a conversation", details: "One of the caller's. With `all` of a room one is told of all of its messages. Without anything it is as one wants of all conversations.",
			example: `{"level": "nothing"}`,
		}, a.setConversationPush),
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
	Type     push.Type `json:"type" default:"webpush" doc:"How the device is reached: webpush, apns or fcm."`
	Endpoint string    `json:"endpoint" need:"optional" max:"2048" doc:"Of a browser the address of the push service: https, at port 443, and public."`
	Keys     *pushKeys `json:"keys" need:"optional" doc:"Of a browser what notifications are encrypted by."`
	Token    string    `json:"token" need:"optional" max:"1024" doc:"Of an app the device token of Apple's, in hexadecimal, or the registration token of Firebase's."`
	BundleID string    `json:"bundleId" need:"optional" max:"155" doc:"The id of the app that has Apple's token, such as com.example.chat."`
}

type subscribedAnswer struct {
	ID   string    `json:"id" doc:"The id of the device, the same each time."`
	Type push.Type `json:"type" doc:"How it is reached."`
}

func (a *API) subscribePush(ctx context.Context, c *caller, p subscribePushPayload) (subscribedAnswer, error) {
	given := push.Given{Type: p.Type, Endpoint: p.Endpoint, Token: p.Token, BundleID: p.BundleID}
	if p.Keys != nil {
		given.P256dh, given.Auth = p.Keys.P256dh, p.Keys.Auth
	}
	s, err := a.deps.Push.Subscribe(ctx, c.user.ID, given)
	return subscribedAnswer{s.ID, s.Type}, err
}

type unsubscribePushPayload struct {
	Endpoint string `json:"endpoint" need:"optional" max:"2048" doc:"That of a browser."`
	Token    string `json:"token" need:"optional" max:"1024" doc:"That of an app."`
}

type unsubscribedAnswer struct {
	Removed int `json:"removed" doc:"How many devices were subscribed."`
}

func (a *API) unsubscribePush(ctx context.Context, c *caller, p unsubscribePushPayload) (unsubscribedAnswer, error) {
	n, err := a.deps.Push.Unsubscribe(ctx, c.user.ID, push.Which{Endpoint: p.Endpoint, Token: p.Token})
	return unsubscribedAnswer{n}, err
}

// quietBody has both times as they are said.
type quietBody struct {
	From     string `json:"from" doc:"When it begins, such as 22:00."`
	To       string `json:"to" doc:"When it ends, such as 07:00."`
	TimeZone string `json:"timeZone" doc:"By whose clock, such as Europe/Berlin."`
}

type pushSettingsBody struct {
	Level      push.Level `json:"level" doc:"all (direct messages, mentions and replies), mentions (and replies alone) or nothing."`
	Content    bool       `json:"content" doc:"Whether notifications of messages say what was said, and by whom."`
	MutedUntil *wire.Time `json:"mutedUntil,omitempty" doc:"Until then nothing is told."`
	Quiet      *quietBody `json:"quiet,omitempty" doc:"Hours of the day in which nothing is told."`
}

type conversationPushBody struct {
	ConversationID string     `json:"conversationId"`
	Level          push.Level `json:"level,omitempty" doc:"all, mentions or nothing; absent where it is that of all conversations."`
	MutedUntil     *wire.Time `json:"mutedUntil,omitempty" doc:"Until then nothing is told."`
}

type pushSettingsAnswer struct {
	Settings      pushSettingsBody       `json:"settings" doc:"Of all conversations."`
	Conversations []conversationPushBody `json:"conversations" doc:"Of those that have settings of their own, by their ids."`
}

func (a *API) pushSettings(ctx context.Context, c *caller, _ nothing) (pushSettingsAnswer, error) {
	own, conversations, err := a.deps.Push.Settings(ctx, c.user.ID)
	answer := pushSettingsAnswer{
		Settings:      pushSettingsBody{Level: own.Level, Content: !own.WithoutContent, MutedUntil: wire.TimeOrNone(own.MutedUntil)},
		Conversations: make([]conversationPushBody, len(conversations)),
	}
	if q := own.Quiet; q.Zone != "" {
		answer.Settings.Quiet = &quietBody{clock(q.From), clock(q.To), q.Zone}
	}
	for i, s := range conversations {
		answer.Conversations[i] = conversationPushBody{s.Conversation, s.Level, wire.TimeOrNone(s.MutedUntil)}
	}
	return answer, err
}

// clock is a minute of the day as it is said, and minuteOf the opposite.
func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

func minuteOf(field, said string) (int, error) {
	at, err := time.Parse("15:04", said)
	if err != nil || len(said) != len("15:04") {
		return 0, refusal.Invalid(field, "must be a time of the day, such as 22:00").In("quiet")
	}
	return at.Hour()*60 + at.Minute(), nil
}

type setPushSettingsPayload struct {
	Level      push.Level `json:"level" default:"all" doc:"all (direct messages, mentions and replies), mentions (and replies alone) or nothing."`
	Content    *bool      `json:"content" default:"true" doc:"Whether notifications of messages say what was said, and by whom."`
	MutedUntil string     `json:"mutedUntil" need:"optional" doc:"Until then nothing is told: RFC 3339."`
	Quiet      *quietBody `json:"quiet" doc:"Hours of the day in which nothing is told."`
}

func (a *API) setPushSettings(ctx context.Context, c *caller, p setPushSettingsPayload) (nothing, error) {
	muted, err := command.TimeOf("mutedUntil", p.MutedUntil)
	if err != nil {
		return nothing{}, err
	}
	settings := push.Settings{UserID: c.user.ID, Level: p.Level, MutedUntil: muted, WithoutContent: p.Content != nil && !*p.Content}
	if q := p.Quiet; q != nil {
		settings.Quiet.Zone = q.TimeZone
		if settings.Quiet.From, err = minuteOf("quiet.from", q.From); err != nil {
			return nothing{}, err
		}
		if settings.Quiet.To, err = minuteOf("quiet.to", q.To); err != nil {
			return nothing{}, err
		}
	}
	return nothing{}, a.deps.Push.Set(ctx, settings)
}

type setConversationPushPayload struct {
	ConversationID string     `json:"conversationId"`
	Level          push.Level `json:"level" need:"optional" doc:"all, mentions or nothing."`
	MutedUntil     string     `json:"mutedUntil" need:"optional" doc:"Until then nothing is told: RFC 3339."`
}

func (a *API) setConversationPush(ctx context.Context, c *caller, p setConversationPushPayload) (nothing, error) {
	muted, err := command.TimeOf("mutedUntil", p.MutedUntil)
	if err != nil {
		return nothing{}, err
	}
	return nothing{}, a.deps.Push.Set(ctx, push.Settings{UserID: c.user.ID, Conversation: p.ConversationID, Level: p.Level, MutedUntil: muted})
}

type pushFiguresAnswer struct {
	Total   int `json:"total"`
	WebPush int `json:"webPush" doc:"Browsers."`
	APNs    int `json:"apns" doc:"Apps for Apple's systems."`
	FCM     int `json:"fcm" doc:"Apps by Firebase Cloud Messaging."`
}

func (a *API) pushFigures(ctx context.Context, _ *caller, _ nothing) (pushFiguresAnswer, error) {
	counts, err := a.deps.Push.Stats(ctx)
	answer := pushFiguresAnswer{WebPush: counts[push.TypeWebPush], APNs: counts[push.TypeAPNs], FCM: counts[push.TypeFCM]}
	for _, n := range counts {
		answer.Total += n
	}
	return answer, err
}
