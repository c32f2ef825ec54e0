package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
)

const howItIsBrought = " It is done a hundred recipients at a time, whatever server dies meanwhile. The same `key` again is the same, and nothing is done twice; it is known for 7 days behind the end."

// broadcastOperations are what the backend says to many at a time.
func (a *API) broadcastOperations() []operation {
	notifications := func(op operation) operation {
		op.tag, op.needs, op.renamed = tagServer, backend(account.ScopeNotifications), map[string]string{"notificationId": "id"}
		return op
	}
	broadcasts := func(op operation) operation {
		op.tag, op.needs, op.renamed = tagServer, backend(account.ScopeBroadcasts), map[string]string{"broadcastId": "id"}
		return op
	}
	return []operation{
		operate(notifications(operation{
			method: http.MethodPost, path: "/server/notifications", id: "notify", status: http.StatusAccepted,
			summary: "Publish a notification", details: "To who is subscribed to some topics, and to users, the members of rooms, or all users, as the event `notification` with the fields given, a `timestamp` and the `notificationId`; now or later. It reaches devices that are connected by then, and of users who do not look those that have subscribed to push. A user or a room that is not known is one of the `results`, and the others get it." + howItIsBrought,
			example: `{"topics": ["menu"], "userIds": ["ada"], "notification": {"title": "Lunch", "body": "Noodles today"}}`,
		}), a.notify),
		operate(notifications(operation{
			method: http.MethodGet, path: "/server/notifications/{notificationId}", id: "getNotification",
			summary: "Ask what has become of a notification",
		}), broadcastOf(broadcast.Notification, a.deps.Broadcasts.Get)),
		operate(notifications(operation{
			method: http.MethodDelete, path: "/server/notifications/{notificationId}", id: "cancelNotification",
			summary: "Cancel a notification", details: "Of one that waits nothing is told; one that is under way ends behind the present hundred.",
		}), broadcastOf(broadcast.Notification, a.deps.Broadcasts.Cancel)),
		operate(broadcasts(operation{
			method: http.MethodPost, path: "/server/broadcasts", id: "createBroadcast", status: http.StatusAccepted,
			summary: "Say something to many", details: "A message to rooms, users or all of them, or a notification to topics, users, the members of rooms or all of them, as by `notify`; now or later. Each gets a message once, by the rules for its sender: who may not be written to is one of the `results`." + howItIsBrought,
			example: `{"roomIds": ["lunch"], "content": "The server rests at midnight.", "key": "maintenance-2026-12"}`,
		}), a.createBroadcast),
		operate(broadcasts(operation{
			method: http.MethodGet, path: "/server/broadcasts/{broadcastId}", id: "getBroadcast",
			summary: "Ask what has become of a broadcast",
		}), broadcastOf(broadcast.Broadcasting, a.deps.Broadcasts.Get)),
		operate(broadcasts(operation{
			method: http.MethodDelete, path: "/server/broadcasts/{broadcastId}", id: "cancelBroadcast",
			summary: "Cancel a broadcast", details: "Of one that waits nothing is said; one that is under way ends behind the present hundred.",
		}), broadcastOf(broadcast.Broadcasting, a.deps.Broadcasts.Cancel)),
	}
}

// whenPayload is when something is to be said, and how it stands among others.
type whenPayload struct {
	SendAt   string `json:"sendAt" need:"optional" doc:"When: RFC 3339, not in the past, at most 366 days from now; now if it is left out."`
	Delay    int    `json:"delay" need:"optional" min:"0" max:"31622400" doc:"In how many seconds, instead of sendAt."`
	Priority string `json:"priority" default:"normal" doc:"Which of those that wait comes first: high, normal or low."`
	Key      string `json:"key" need:"optional" max:"128" doc:"The application's own, for who asks again."`
}

// create takes what the payload says when it is to be said.
func (a *API) create(ctx context.Context, kind broadcast.Kind, spec *broadcast.Spec, when *whenPayload) (createdAnswer, error) {
	at, err := command.TimeOf("sendAt", when.SendAt)
	if err != nil {
		return createdAnswer{}, err
	}
	priority, known := job.Normal, when.Priority == ""
	for p, name := range priorityNames {
		if name == when.Priority {
			priority, known = p, true
		}
	}
	switch {
	case !known:
		return createdAnswer{}, refusal.Invalid("priority", "must be high, normal or low")
	case when.Delay > int(broadcast.MaxAhead/time.Second): // it might not be one of time.Duration
		return createdAnswer{}, refusal.Beyond("delay", int(broadcast.MaxAhead/time.Second), "must be at most 31622400 seconds")
	case when.Delay < 0:
		return createdAnswer{}, refusal.Invalid("delay", "must not be negative")
	}
	b, err := a.deps.Broadcasts.Create(ctx, broadcast.Create{
		Kind: kind, Spec: *spec, Priority: priority, Key: when.Key, SendAt: at, Delay: time.Duration(when.Delay) * time.Second,
	})
	return createdAnswer{b.ID}, err
}

type createdAnswer struct {
	ID string `json:"id" doc:"By which its state can be asked for, and it be cancelled."`
}

type notifyPayload struct {
	Topics       []string                   `json:"topics" need:"any" max:"100"`
	UserIDs      []account.UserID           `json:"userIds" need:"any" max:"10000"`
	RoomIDs      []string                   `json:"roomIds" need:"any" max:"1000" doc:"Rooms whose members get it, each once."`
	All          bool                       `json:"all" need:"any" doc:"Every user gets it, instead of userIds and roomIds."`
	Notification map[string]json.RawMessage `json:"notification"`
	whenPayload
}

func (a *API) notify(ctx context.Context, _ *caller, p notifyPayload) (createdAnswer, error) {
	return a.create(ctx, broadcast.Notification, &broadcast.Spec{
		Topics: p.Topics, Users: p.UserIDs, Rooms: p.RoomIDs, All: p.All, Notification: p.Notification,
	}, &p.whenPayload)
}

type createBroadcastPayload struct {
	RoomIDs      []string                   `json:"roomIds" need:"optional" max:"1000" doc:"Rooms that get the message, or whose members get the notification, each once."`
	UserIDs      []account.UserID           `json:"userIds" need:"optional" max:"10000"`
	Topics       []string                   `json:"topics" need:"optional" max:"100" doc:"Topics that get the notification."`
	All          bool                       `json:"all" need:"optional" doc:"Every user gets it, instead of userIds."`
	Content      string                     `json:"content" need:"any" doc:"The text of a message."`
	Type         chat.MessageType           `json:"type" default:"text" doc:"What the message is."`
	SenderID     account.UserID             `json:"senderId" need:"optional" doc:"The id of who says it, by the rules for that user; in rooms without it the system does."`
	Notification map[string]json.RawMessage `json:"notification" need:"any"`
	whenPayload
}

func (a *API) createBroadcast(ctx context.Context, _ *caller, p createBroadcastPayload) (createdAnswer, error) {
	spec := broadcast.Spec{Topics: p.Topics, Users: p.UserIDs, Rooms: p.RoomIDs, All: p.All, Notification: p.Notification}
	switch {
	case p.Content != "":
		spec.Message = &broadcast.Message{SenderID: p.SenderID, Content: p.Content, Type: p.Type}
	case len(p.Notification) == 0:
		return createdAnswer{}, refusal.Missing("content")
	case p.SenderID != "":
		return createdAnswer{}, refusal.Invalid("senderId", "is for messages")
	}
	return a.create(ctx, broadcast.Broadcasting, &spec, &p.whenPayload)
}

type broadcastPayload struct {
	ID string `json:"id" doc:"The id that the answer had by which it was taken."`
}

type broadcastBody struct {
	ID        string          `json:"id"`
	State     broadcast.State `json:"state" doc:"waiting, running, done, cancelled or failed."`
	Key       string          `json:"key,omitempty"`
	Priority  string          `json:"priority" doc:"high, normal or low."`
	CreatedAt wire.Time       `json:"createdAt"`
	SendAt    wire.Time       `json:"sendAt"`
	StartedAt *wire.Time      `json:"startedAt,omitempty" doc:"Absent where it has not begun."`
	EndedAt   *wire.Time      `json:"endedAt,omitempty" doc:"Absent where it has not ended."`
	Sent      int64           `json:"sent" doc:"How many users, rooms and topics it has come to."`
	Failed    int64           `json:"failed" doc:"How many it could not be brought to."`
	Results   []resultBody    `json:"results" doc:"Those that it could not be brought to, the first 1,000."`
	Error     string          `json:"error,omitempty" doc:"Why the whole has failed."`
}

type resultBody struct {
	UserID  account.UserID `json:"userId,omitempty" doc:"A user, or:"`
	RoomID  string         `json:"roomId,omitempty" doc:"A room."`
	Success bool           `json:"success"`
	Error   resultError    `json:"error"`
}

type resultError struct {
	Code    refusal.Code `json:"code"`
	Message string       `json:"message" doc:"For people."`
}

type broadcastAnswer struct {
	Broadcast broadcastBody `json:"broadcast"`
}

// broadcastOf answers with the broadcast that find finds, or changes.
func broadcastOf(
	kind broadcast.Kind, find func(context.Context, broadcast.Kind, string) (broadcast.Broadcast, error),
) func(context.Context, *caller, broadcastPayload) (broadcastAnswer, error) {
	return func(ctx context.Context, _ *caller, p broadcastPayload) (broadcastAnswer, error) {
		b, err := find(ctx, kind, p.ID)
		body := broadcastBody{
			ID: b.ID, State: b.State, Key: b.Key, Priority: priorityNames[b.Priority], CreatedAt: wire.Time(b.CreatedAt), SendAt: wire.Time(b.SendAt),
			StartedAt: wire.TimeOrNone(b.StartedAt), EndedAt: wire.TimeOrNone(b.EndedAt), Sent: b.Reached, Failed: b.Missed,
			Results: make([]resultBody, len(b.Failures)), Error: b.Error,
		}
		for i, f := range b.Failures {
			body.Results[i] = resultBody{UserID: f.User, RoomID: f.Room, Error: resultError{f.Code, f.Message}}
		}
		return broadcastAnswer{body}, err
	}
}
