package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
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
	Message hub.Message `json:"message"`
}

type editPayload struct {
	MessageID string `json:"messageId"`
	Content   string `json:"content"`
}

func editMessage(ctx context.Context, c *call, p editPayload) (messageAck, error) {
	m, err := c.table.Chat.EditMessage(ctx, c.Actor, p.MessageID, p.Content)
	if err != nil {
		return messageAck{}, err
	}
	return messageAck{done, hub.MessageOf(&m)}, nil
}

func deleteMessage(ctx context.Context, c *call, p messagePayload) (messageAck, error) {
	m, err := c.table.Chat.DeleteMessage(ctx, c.Actor, p.MessageID)
	if err != nil {
		return messageAck{}, err
	}
	return messageAck{done, hub.MessageOf(&m)}, nil
}

func pinMessage(pinned bool) func(context.Context, *call, messagePayload) (messageAck, error) {
	return func(ctx context.Context, c *call, p messagePayload) (messageAck, error) {
		m, err := c.table.Chat.PinMessage(ctx, c.Actor, p.MessageID, pinned)
		if err != nil {
			return messageAck{}, err
		}
		return messageAck{done, hub.MessageOf(&m)}, nil
	}
}

// conversationPayload names a conversation by one of its ids.
type conversationPayload struct {
	ConversationID string      `json:"conversationId"`
	RoomID         string      `json:"roomId"`
	UserID         chat.UserID `json:"userId"`
}

type messagesAck struct {
	accepted
	Messages []hub.Message `json:"messages"`
}

func pinnedMessages(ctx context.Context, c *call, p conversationPayload) (messagesAck, error) {
	messages, err := c.table.Chat.Pinned(ctx, c.Actor, chat.HistoryQuery{
		ConversationID: p.ConversationID, RoomID: p.RoomID, UserID: p.UserID,
	})
	if err != nil {
		return messagesAck{}, err
	}
	return messagesAck{done, hub.MessagesOf(messages)}, nil
}

type reactionPayload struct {
	MessageID string `json:"messageId"`
	Emoji     string `json:"emoji"`
}

func react(added bool) func(context.Context, *call, reactionPayload) (accepted, error) {
	return func(ctx context.Context, c *call, p reactionPayload) (accepted, error) {
		return done, c.table.Chat.React(ctx, c.Actor, p.MessageID, p.Emoji, added)
	}
}
