package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
)

var sessionRows = []row{
	declare("auth:refresh", "Failed to refresh", authRefresh),
}

// errNoConnection refuses what concerns a connection to who asks without one.
var errNoConnection = &chat.Error{Code: chat.CodeInvalidField, Message: "There is no connection that this could concern"}

type refreshPayload struct {
	Token string `json:"token"`
}

type refreshAck struct {
	accepted
	ExpiresAt *hub.Time `json:"expiresAt,omitempty"` // absent: never
}

func authRefresh(ctx context.Context, c *call, p refreshPayload) (refreshAck, error) {
	if p.Token == "" {
		return refreshAck{}, &chat.Error{Code: chat.CodeMissingFields, Message: "Missing required fields", Field: "token"}
	}
	if c.Device == nil {
		return refreshAck{}, errNoConnection
	}
	expires, err := c.Device.Refresh(ctx, p.Token)
	if err != nil {
		return refreshAck{}, err
	}
	answer := refreshAck{accepted: done}
	if !expires.IsZero() {
		at := hub.Time(expires)
		answer.ExpiresAt = &at
	}
	return answer, nil
}
