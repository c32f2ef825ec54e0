package gateway

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
)

// commands is everything a client can ask for.
var commands = []command{
	declare("message:send", "Failed to send message", sendDirect),
	declare("message:read", "Failed to mark messages as read", markRead),
	declare("room:create", "Failed to create room", createRoom),
	declare("room:join", "Failed to join room", joinRoom),
	declare("room:leave", "Failed to leave room", leaveRoom),
	declare("room:message", "Failed to send room message", sendToRoom),
	declare("history", "Failed to load history", history),
	declare("auth:refresh", "Failed to refresh", authRefresh),
}

// Commands are the names of all commands.
func Commands() []string {
	names := make([]string, len(commands))
	for i := range commands {
		names[i] = commands[i].name
	}
	return names
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

// accepted begins every acknowledgement of a command that was carried out.
type accepted struct {
	OK bool `json:"ok"`
}

var done = accepted{OK: true}

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

func sendDirect(ctx context.Context, c *call, p sendDirectPayload) (any, error) {
	m, err := c.gateway.chat.SendDirect(ctx, c.session.actor, chat.SendDirect{
		RecipientID: p.RecipientID, Content: p.Content, Type: p.Type,
		ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo, Attachments: p.Attachments,
	})
	if err != nil {
		return nil, err
	}
	answer := sentOf(&m)
	_ = c.socket.Emit("message:sent", answer) // a socket that is gone asks again
	return sentAck{done, answer}, nil
}

type sendToRoomPayload struct {
	RoomID string `json:"roomId"`
	outgoing
}

func sendToRoom(ctx context.Context, c *call, p sendToRoomPayload) (any, error) {
	m, err := c.gateway.chat.SendToRoom(ctx, c.session.actor, chat.SendToRoom{
		RoomID: p.RoomID, Content: p.Content, Type: p.Type,
		ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo, Attachments: p.Attachments,
	})
	if err != nil {
		return nil, err
	}
	return sentAck{done, sentOf(&m)}, nil
}

type markReadPayload struct {
	MessageIDs []string `json:"messageIds"`
}

func markRead(ctx context.Context, c *call, p markReadPayload) (any, error) {
	_, err := c.gateway.chat.MarkRead(ctx, c.session.actor, p.MessageIDs)
	return done, err
}

type createRoomPayload struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	Type        chat.RoomType `json:"type"`
	MaxMembers  int           `json:"maxMembers"`
}

type roomAck struct {
	accepted
	Room hub.Room `json:"room"`
}

func createRoom(ctx context.Context, c *call, p createRoomPayload) (any, error) {
	room, err := c.gateway.chat.CreateRoom(ctx, c.session.actor, chat.CreateRoom{
		ID: p.ID, Name: p.Name, Description: p.Description, Type: p.Type, MaxMembers: p.MaxMembers,
	})
	if err != nil {
		return nil, err
	}
	return roomAck{done, hub.RoomOf(&room)}, nil
}

type roomPayload struct {
	RoomID string `json:"roomId"`
}

type joinAck struct {
	roomAck
	Messages []hub.Message `json:"messages"`
}

func joinRoom(ctx context.Context, c *call, p roomPayload) (any, error) {
	joined, err := c.gateway.chat.JoinRoom(ctx, c.session.actor, p.RoomID)
	if err != nil {
		return nil, err
	}
	messages := hub.MessagesOf(joined.Messages)
	_ = c.socket.Emit("room:messages", messages) // a socket that is gone asks again
	return joinAck{roomAck{done, hub.RoomOf(&joined.Room)}, messages}, nil
}

func leaveRoom(ctx context.Context, c *call, p roomPayload) (any, error) {
	_, err := c.gateway.chat.LeaveRoom(ctx, c.session.actor, p.RoomID)
	return done, err
}

type historyPayload struct {
	ConversationID string      `json:"conversationId"`
	RoomID         string      `json:"roomId"`
	UserID         chat.UserID `json:"userId"`
	Before         string      `json:"before"`
	After          string      `json:"after"`
	Limit          int         `json:"limit"`
}

type pageAck struct {
	accepted
	Messages []hub.Message `json:"messages"`
	More     bool          `json:"more"`
}

func history(ctx context.Context, c *call, p historyPayload) (any, error) {
	page, err := c.gateway.chat.History(ctx, c.session.actor, chat.HistoryQuery(p))
	if err != nil {
		return nil, err
	}
	return pageAck{done, hub.MessagesOf(page.Messages), page.More}, nil
}

type refreshPayload struct {
	Token string `json:"token"`
}

type refreshAck struct {
	accepted
	ExpiresAt *hub.Time `json:"expiresAt,omitempty"` // absent: never
}

func authRefresh(ctx context.Context, c *call, p refreshPayload) (any, error) {
	if p.Token == "" {
		return nil, &chat.Error{Code: chat.CodeMissingFields, Message: "Missing required fields", Field: "token"}
	}
	expires, err := c.gateway.refresh(ctx, c.session, p.Token)
	if err != nil {
		return nil, err
	}
	answer := refreshAck{accepted: done}
	if !expires.IsZero() {
		at := hub.Time(expires)
		answer.ExpiresAt = &at
	}
	return answer, nil
}
