package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/wire"
)

var changeRows = []row{
	declare("message:edit", "Failed to edit message", editMessage),
	declare("message:delete", "Failed to delete message", deleteMessage),
	declare("message:pin", "Failed to pin message", pinMessage(true)),
	declare("message:unpin", "Failed to unpin message", pinMessage(false)),
	declare("message:pins", "Failed to load pinned messages", pinnedMessages),
	declare("reaction:add", "Failed to add reaction", react(true)),
	declare("reaction:remove", "Failed to remove reaction", react(false)),
}

type messagePayload struct {
	MessageID string `json:"messageId"`
}

type messageAck struct {
	accepted
	Message wire.Message `json:"message"`
}

func messageAckOf(m chat.Message, err error) (messageAck, error) {
	return messageAck{done, wire.MessageOf(&m)}, err
}

type editPayload struct {
	MessageID string `json:"messageId"`
	Content   string `json:"content"`
}

func editMessage(ctx context.Context, c *call, p editPayload) (messageAck, error) {
	return messageAckOf(c.table.deps.Chat.EditMessage(ctx, c.Actor, p.MessageID, p.Content))
}

func deleteMessage(ctx context.Context, c *call, p messagePayload) (messageAck, error) {
	return messageAckOf(c.table.deps.Chat.DeleteMessage(ctx, c.Actor, p.MessageID))
}

func pinMessage(pinned bool) func(context.Context, *call, messagePayload) (messageAck, error) {
	return func(ctx context.Context, c *call, p messagePayload) (messageAck, error) {
		return messageAckOf(c.table.deps.Chat.PinMessage(ctx, c.Actor, p.MessageID, pinned))
	}
}

// conversationPayload names a conversation by one of its ids.
type conversationPayload struct {
	ConversationID string      `json:"conversationId" need:"one"`
	RoomID         string      `json:"roomId" need:"one"`
	UserID         chat.UserID `json:"userId" need:"one"`
}

type messagesAck struct {
	accepted
	Messages []wire.Message `json:"messages"`
}

func pinnedMessages(ctx context.Context, c *call, p conversationPayload) (messagesAck, error) {
	messages, err := c.table.deps.Chat.Pinned(ctx, c.Actor, chat.HistoryQuery{
		ConversationID: p.ConversationID, RoomID: p.RoomID, UserID: p.UserID,
	})
	return messagesAck{done, wire.MessagesOf(messages)}, err
}

type reactionPayload struct {
	MessageID string `json:"messageId"`
	Emoji     string `json:"emoji"`
}

func react(added bool) func(context.Context, *call, reactionPayload) (accepted, error) {
	return func(ctx context.Context, c *call, p reactionPayload) (accepted, error) {
		return done, c.table.deps.Chat.React(ctx, c.Actor, p.MessageID, p.Emoji, added)
	}
}
