package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
)

var messageRows = []row{
	declareStarted("message:send", "Failed to send message", sendDirect, tellDirect),
	declareStarted("room:message", "Failed to send room message", sendToRoom, tellToRoom),
}

// outgoing is what both kinds of messages share.
type outgoing struct {
	Content     string           `json:"content"`
	Type        chat.MessageType `json:"type"`
	ClientMsgID string           `json:"clientMsgId"`
	ReplyTo     string           `json:"replyTo"`
	Attachments []string         `json:"attachments"`
}

func (o outgoing) clientMsgID() string { return o.ClientMsgID }

// sent answers the sender of a message.
type sent struct {
	ID             string      `json:"id"`
	RecipientID    chat.UserID `json:"recipientId,omitempty"`
	RoomID         string      `json:"roomId,omitempty"`
	Timestamp      hub.Time    `json:"timestamp"`
	ConversationID string      `json:"conversationId"`
	Seq            int64       `json:"seq"`
	ClientMsgID    string      `json:"clientMsgId,omitempty"`
}

type sentAck struct {
	accepted
	sent
}

func sentOf(m *chat.Message) sent {
	return sent{
		ID: m.ID, RecipientID: m.RecipientID, RoomID: m.RoomID, Timestamp: hub.Time(m.Timestamp),
		ConversationID: m.ConversationID, Seq: m.Seq, ClientMsgID: m.ClientMsgID,
	}
}

type sendDirectPayload struct {
	RecipientID chat.UserID `json:"recipientId"`
	outgoing
}

func sendDirect(ctx context.Context, c *call, p sendDirectPayload, done func(chat.Message, error)) {
	c.table.Chat.StartDirect(ctx, c.Actor, chat.SendDirect{
		RecipientID: p.RecipientID, Content: p.Content, Type: p.Type,
		ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo, Attachments: p.Attachments,
	}, done)
}

func tellDirect(c *call, m *chat.Message) sentAck {
	answer := sentOf(m)
	c.emit("message:sent", answer)
	return sentAck{done, answer}
}

type sendToRoomPayload struct {
	RoomID string `json:"roomId"`
	outgoing
}

func sendToRoom(ctx context.Context, c *call, p sendToRoomPayload, done func(chat.Message, error)) {
	c.table.Chat.StartToRoom(ctx, c.Actor, chat.SendToRoom{
		RoomID: p.RoomID, Content: p.Content, Type: p.Type,
		ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo, Attachments: p.Attachments,
	}, done)
}

func tellToRoom(_ *call, m *chat.Message) sentAck { return sentAck{done, sentOf(m)} }
