package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
)

var moderationRows = []row{
	declare("room:invite", "Failed to invite user", moderate((*chat.Service).Invite)),
	declare("room:kick", "Failed to remove user", moderate((*chat.Service).Kick)),
	declare("room:ban", "Failed to ban user", moderate((*chat.Service).Ban)),
	declare("room:unban", "Failed to unban user", moderate((*chat.Service).Unban)),
	declare("room:promote", "Failed to promote user", moderate((*chat.Service).Promote)),
	declare("room:demote", "Failed to demote user", moderate((*chat.Service).Demote)),
}

type memberPayload struct {
	RoomID string      `json:"roomId"`
	UserID chat.UserID `json:"userId"`
}

// moderate does to a user what an admin may.
func moderate(do func(*chat.Service, context.Context, chat.Actor, string, chat.UserID) error) func(context.Context, *call, memberPayload) (accepted, error) {
	return func(ctx context.Context, c *call, p memberPayload) (accepted, error) {
		return done, do(c.table.deps.Chat, ctx, c.Actor, p.RoomID, p.UserID)
	}
}
