package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// notificationOperations are about the notifications that users had.
func (a *API) notificationOperations() []operation {
	return []operation{
		operate(operation{
			method: http.MethodGet, path: "/notifications", id: "getNotifications", tag: tagPush, needs: aUser,
			summary: "Get the notifications that one had", details: "The last 100 of at most 90 days, the newest first: what the application has told, whether one was connected or not, and messages that a device was told of by push. A message is as it is by now; one that is deleted is missing.",
		}, a.getNotifications),
		operate(operation{
			method: http.MethodPost, path: "/notifications/read", id: "readNotifications", tag: tagPush, needs: aUser,
			summary: "Have read notifications", details: "Those with some ids, or all without. Devices that show them take them back. What is read of a conversation is, without this.",
			example: `{"ids": ["bc_0xyz"]}`,
		}, a.readNotifications),
		operate(operation{
			method: http.MethodGet, path: "/server/users/{userId}/notifications", id: "getUserNotifications", tag: tagServer,
			needs:   backend(account.ScopeNotifications),
			summary: "Get the notifications that a user had", details: "As `getNotifications` has them, with what came of telling the user's devices. Of messages there is no text.",
		}, a.getUserNotifications),
	}
}

type notificationsPayload struct {
	Limit int `json:"limit" default:"100" max:"100" doc:"How many."`
}

type notificationsAnswer struct {
	Notifications []notificationBody `json:"notifications" doc:"The newest first."`
}

type notificationBody struct {
	ID           string      `json:"id" doc:"Of the message, or of what the application has told."`
	Timestamp    wire.Time   `json:"timestamp"`
	ReadAt       *wire.Time  `json:"readAt,omitempty" doc:"Absent while it is unread."`
	Notification push.Fields `json:"notification" doc:"Its fields, as devices get them."`
}

func (a *API) getNotifications(ctx context.Context, c *caller, p notificationsPayload) (notificationsAnswer, error) {
	past, err := a.deps.Push.Notifications(ctx, c.user.ID, p.Limit)
	answer := notificationsAnswer{make([]notificationBody, len(past))}
	for i := range past {
		answer.Notifications[i] = notificationOf(&past[i])
	}
	return answer, err
}

func notificationOf(p *push.Past) notificationBody {
	return notificationBody{ID: p.ID, Timestamp: wire.Time(p.At), ReadAt: wire.TimeOrNone(p.ReadAt), Notification: p.Fields}
}

type readNotificationsPayload struct {
	IDs []string `json:"ids" need:"optional" max:"100" doc:"Those that are read; all if it is left out."`
}

type readNotificationsAnswer struct {
	Read int `json:"read" doc:"How many were unread until now."`
}

func (a *API) readNotifications(ctx context.Context, c *caller, p readNotificationsPayload) (readNotificationsAnswer, error) {
	n, err := a.deps.Push.ReadNotifications(ctx, c.user.ID, p.IDs)
	return readNotificationsAnswer{n}, err
}

type userNotificationsPayload struct {
	UserID account.UserID `json:"userId"`
	Limit  int            `json:"limit" default:"100" max:"100" doc:"How many."`
}

type userNotificationsAnswer struct {
	Notifications []toldBody `json:"notifications" doc:"The newest first."`
}

type toldBody struct {
	notificationBody
	Results []toldResult `json:"results" doc:"What came of telling devices; none where there are none, or none was told as the user looked."`
}

type toldResult struct {
	Type    push.Type `json:"type" doc:"How the device is reached."`
	Success bool      `json:"success" doc:"Whether its push service has taken it."`
	Error   string    `json:"error,omitempty" doc:"Why not, for people."`
}

func (a *API) getUserNotifications(ctx context.Context, _ *caller, p userNotificationsPayload) (userNotificationsAnswer, error) {
	if _, err := a.deps.Accounts.User(ctx, p.UserID); err != nil {
		return userNotificationsAnswer{}, err
	}
	past, err := a.deps.Push.Notifications(ctx, p.UserID, p.Limit)
	answer := userNotificationsAnswer{make([]toldBody, len(past))}
	for i := range past {
		told := toldBody{notificationOf(&past[i]), make([]toldResult, len(past[i].Results))}
		if past[i].Conversation != "" { // what people say to each other is not the backend's
			told.Notification = push.Fields{"tag": past[i].Fields["tag"], "data": json.RawMessage(`{"type":"message"}`)}
		}
		for n, r := range past[i].Results {
			told.Results[n] = toldResult{r.Type, r.Success, r.Error}
		}
		answer.Notifications[i] = told
	}
	return answer, err
}
