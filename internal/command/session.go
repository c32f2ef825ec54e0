package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
)

var sessionRows = []row{
	declare("auth:refresh", "Failed to refresh", authRefresh),
}

// errNoConnection refuses what concerns a connection to who asks without one.
var errNoConnection = &refusal.Error{Code: refusal.InvalidField, Message: "There is no connection that this could concern"}

type refreshPayload struct {
	Token string `json:"token"`
}

type refreshAck struct {
	accepted
	ExpiresAt *wire.Time `json:"expiresAt,omitempty"` // absent: never
}

func authRefresh(ctx context.Context, c *call, p refreshPayload) (refreshAck, error) {
	if p.Token == "" {
		return refreshAck{}, refusal.Missing("token")
	}
	if c.Device == nil {
		return refreshAck{}, errNoConnection
	}
	expires, err := c.Device.Refresh(ctx, p.Token)
	return refreshAck{done, wire.TimeOrNone(expires)}, err
}
