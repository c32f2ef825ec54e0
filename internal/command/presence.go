package command

import (
	"context"
	"slices"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
)

var presenceRows = []row{
	declare("presence:get", "Failed to look up presence", getPresence),
	declare("client:visible", "Failed to note who looks", setVisible),
	declare("typing:start", "Failed to tell who types", startTyping),
	declare("typing:stop", "Failed to tell who types", stopTyping),
}

// MaxAskedPresence is about how many users presence:get can ask at once.
const MaxAskedPresence = 100

// visiblePayload is what a device says of the page, or the app, that it is.
type visiblePayload struct {
	Visible        *bool  `json:"visible" default:"true" doc:"Whether somebody can see it."`
	ConversationID string `json:"conversationId" need:"optional" doc:"The conversation that is open."`
}

// setVisible has push notifications come to who does not look.
func setVisible(_ context.Context, c *call, p visiblePayload) (accepted, error) {
	if c.Device == nil {
		return accepted{}, errNoConnection
	}
	c.Device.Look(p.Visible == nil || *p.Visible)
	return done, nil
}

// presencePayload asks about one user or some.
type presencePayload struct {
	UserID  account.UserID   `json:"userId" need:"any" min:"0"`
	UserIDs []account.UserID `json:"userIds" need:"any" max:"100"`
}

type presenceAck struct {
	accepted
	Presence []wire.Presence `json:"presence"`
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
		return presenceAck{}, refusal.Missing("userId")
	case len(asked) > MaxAskedPresence:
		return presenceAck{}, refusal.TooMuch("userIds", MaxAskedPresence, "ids")
	}
	friends, err := c.table.deps.Accounts.FriendIDs(ctx, c.Actor.ID)
	if err != nil {
		return presenceAck{}, err
	}
	slices.Sort(asked)
	asked = slices.DeleteFunc(slices.Compact(asked), func(id account.UserID) bool {
		_, friend := slices.BinarySearch(friends, id)
		return !friend && id != c.Actor.ID
	})
	return c.presenceOf(ctx, asked)
}

func (c *call) presenceOf(ctx context.Context, ids []account.UserID) (presenceAck, error) {
	online := c.table.deps.Presence.Online(ids)
	answer := presenceAck{done, make([]wire.Presence, 0, len(ids))}
	for _, id := range ids {
		of := wire.Presence{UserID: id, Online: slices.Contains(online, id)}
		if !of.Online {
			user, err := c.table.deps.Accounts.User(ctx, id)
			if err != nil {
				return presenceAck{}, err
			}
			of.LastSeen = wire.TimeOrNone(user.LastSeen)
		}
		answer.Presence = append(answer.Presence, of)
	}
	return answer, nil
}

// typingPayload names a user or a room.
type typingPayload struct {
	RecipientID account.UserID `json:"recipientId" need:"one"`
	RoomID      string         `json:"roomId" need:"one"`
}

func (p *typingPayload) place() (presence.Place, error) {
	switch {
	case p.RecipientID == "" && p.RoomID == "":
		return presence.Place{}, refusal.Missing("recipientId")
	case p.RecipientID != "" && p.RoomID != "":
		return presence.Place{}, refusal.Invalid("roomId", "must not stand beside recipientId")
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
		if err := c.table.deps.Chat.RequireMember(ctx, c.Actor, at.RoomID); err != nil {
			return accepted{}, err
		}
	}
	return done, c.table.deps.Typing.Start(ctx, account.Person{ID: c.Actor.ID, Name: c.Actor.Name}, at)
}

func stopTyping(_ context.Context, c *call, p typingPayload) (accepted, error) {
	at, err := p.place()
	if err != nil {
		return accepted{}, err
	}
	c.table.deps.Typing.End(c.Actor.ID, at)
	return done, nil
}
