package command

import (
	"context"
	"fmt"
	"slices"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/presence"
)

var presenceRows = []row{
	declare("presence:get", "Failed to look up presence", getPresence),
	declare("typing:start", "Failed to tell who types", startTyping),
	declare("typing:stop", "Failed to tell who types", stopTyping),
}

// MaxAskedPresence is about how many users presence:get can ask at once.
const MaxAskedPresence = 100

// presencePayload asks about one user or some.
type presencePayload struct {
	UserID  string   `json:"userId"`
	UserIDs []string `json:"userIds"`
}

type presenceAck struct {
	accepted
	Presence []hub.Presence `json:"presence"`
}

// getPresence answers about the caller and the caller's friends; of others there
// is nothing in the answer, whether they exist or not.
func getPresence(ctx context.Context, c *call, p presencePayload) (presenceAck, error) {
	asked := slices.Clone(p.UserIDs)
	if p.UserID != "" {
		asked = append(asked, p.UserID)
	}
	switch {
	case len(asked) == 0:
		return presenceAck{}, &chat.Error{Code: chat.CodeMissingFields, Message: "Missing required fields", Field: "userId"}
	case len(asked) > MaxAskedPresence:
		return presenceAck{}, &chat.Error{
			Code: chat.CodeLimitExceeded, Message: fmt.Sprintf("userIds must have at most %d ids", MaxAskedPresence),
			Field: "userIds", Limit: MaxAskedPresence,
		}
	}
	friends, err := c.table.Accounts.FriendIDs(ctx, string(c.Actor.ID))
	if err != nil {
		return presenceAck{}, err
	}
	slices.Sort(asked)
	asked = slices.DeleteFunc(slices.Compact(asked), func(id string) bool {
		_, friend := slices.BinarySearch(friends, id)
		return !friend && id != string(c.Actor.ID)
	})
	return c.presenceOf(ctx, asked)
}

func (c *call) presenceOf(ctx context.Context, ids []string) (presenceAck, error) {
	online := c.table.Presence.Online(ids)
	answer := presenceAck{done, make([]hub.Presence, 0, len(ids))}
	for _, id := range ids {
		of := hub.Presence{UserID: id, Online: slices.Contains(online, id)}
		if !of.Online {
			user, err := c.table.Accounts.User(ctx, id)
			if err != nil {
				return presenceAck{}, err
			}
			of.LastSeen = hub.TimeOrNone(user.LastSeen)
		}
		answer.Presence = append(answer.Presence, of)
	}
	return answer, nil
}

// typingPayload names a user or a room.
type typingPayload struct {
	RecipientID string `json:"recipientId"`
	RoomID      string `json:"roomId"`
}

func (p *typingPayload) place() (presence.Place, error) {
	switch {
	case p.RecipientID == "" && p.RoomID == "":
		return presence.Place{}, &chat.Error{Code: chat.CodeMissingFields, Message: "Missing required fields", Field: "recipientId"}
	case p.RecipientID != "" && p.RoomID != "":
		return presence.Place{}, &chat.Error{
			Code: chat.CodeInvalidField, Message: "roomId must not stand beside recipientId", Field: "roomId",
		}
	}
	return presence.Place{UserID: p.RecipientID, RoomID: p.RoomID}, nil
}

// startTyping tells nobody who may not know; that looks the same to the caller.
func startTyping(ctx context.Context, c *call, p typingPayload) (accepted, error) {
	at, err := p.place()
	if err != nil {
		return accepted{}, err
	}
	if at.RoomID != "" {
		if err := c.table.Chat.RequireMember(ctx, c.Actor, at.RoomID); err != nil {
			return accepted{}, err
		}
	}
	return done, c.table.Typing.Start(ctx, account.Person{ID: string(c.Actor.ID), Name: c.Actor.Name}, at)
}

func stopTyping(_ context.Context, c *call, p typingPayload) (accepted, error) {
	at, err := p.place()
	if err != nil {
		return accepted{}, err
	}
	c.table.Typing.End(string(c.Actor.ID), at)
	return done, nil
}
