package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/wire"
)

var messageRows = []row{
	declareStarted("message:send", "Failed to send message", sendDirect, tellDirect),
	declareStarted("room:message", "Failed to send room message", sendToRoom, tellToRoom),
}

// outgoing is what both kinds of messages share.
type outgoing struct {
	Content     string           `json:"content" need:"optional" doc:"The text. It may be left out where there are attachments."`
	Type        chat.MessageType `json:"type" default:"text" doc:"What it is; system is the server's own."`
	ClientMsgID string           `json:"clientMsgId" need:"optional"`
	ReplyTo     string           `json:"replyTo" need:"optional"`
	Attachments []string         `json:"attachments" need:"optional" max:"10"`
}

func (o outgoing) clientMsgID() string { return o.ClientMsgID }

// sent is what the answers to both share.
type sent struct {
	Timestamp      wire.Time `json:"timestamp"`
	ConversationID string    `json:"conversationId"`
	Seq            int64     `json:"seq"`
	ClientMsgID    string    `json:"clientMsgId,omitempty"`
}

func sentOf(m *chat.Message) sent {
	return sent{Timestamp: wire.Time(m.Timestamp), ConversationID: m.ConversationID, Seq: m.Seq, ClientMsgID: m.ClientMsgID}
}

type sendDirectPayload struct {
	RecipientID chat.UserID `json:"recipientId"`
	outgoing
}

func sendDirect(ctx context.Context, c *call, p sendDirectPayload, done func(chat.Message, error)) {
	c.table.deps.Chat.StartDirect(ctx, c.Actor, chat.SendDirect{
		RecipientID: p.RecipientID, Content: p.Content, Type: p.Type,
		ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo, Attachments: p.Attachments,
	}, done)
}

// sentDirect is message:sent.
type sentDirect struct {
	ID          string      `json:"id"`
	RecipientID chat.UserID `json:"recipientId"`
	sent
}

type sentDirectAck struct {
	accepted
	sentDirect
}

func tellDirect(c *call, m *chat.Message) sentDirectAck {
	answer := sentDirect{m.ID, m.RecipientID, sentOf(m)}
	c.emit(wire.Event{Name: "message:sent", Payload: answer})
	return sentDirectAck{done, answer}
}

type sendToRoomPayload struct {
	RoomID string `json:"roomId"`
	outgoing
}

func sendToRoom(ctx context.Context, c *call, p sendToRoomPayload, done func(chat.Message, error)) {
	c.table.deps.Chat.StartToRoom(ctx, c.Actor, chat.SendToRoom{
		RoomID: p.RoomID, Content: p.Content, Type: p.Type,
		ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo, Attachments: p.Attachments,
	}, done)
}

type sentToRoomAck struct {
	accepted
	ID     string `json:"id"`
	RoomID string `json:"roomId"`
	sent
}

func tellToRoom(_ *call, m *chat.Message) sentToRoomAck {
	return sentToRoomAck{done, m.ID, m.RoomID, sentOf(m)}
}
