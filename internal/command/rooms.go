package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
)

var roomRows = []row{
	declare("room:create", "Failed to create room", createRoom),
	declare("room:join", "Failed to join room", joinRoom),
	declare("room:leave", "Failed to leave room", leaveRoom),
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

func createRoom(ctx context.Context, c *call, p createRoomPayload) (roomAck, error) {
	room, err := c.table.Chat.CreateRoom(ctx, c.Actor, chat.CreateRoom{
		ID: p.ID, Name: p.Name, Description: p.Description, Type: p.Type, MaxMembers: p.MaxMembers,
	})
	if err != nil {
		return roomAck{}, err
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

func joinRoom(ctx context.Context, c *call, p roomPayload) (joinAck, error) {
	joined, err := c.table.Chat.JoinRoom(ctx, c.Actor, p.RoomID)
	if err != nil {
		return joinAck{}, err
	}
	messages := hub.MessagesOf(joined.Messages)
	c.emit("room:messages", messages)
	return joinAck{roomAck{done, hub.RoomOf(&joined.Room)}, messages}, nil
}

func leaveRoom(ctx context.Context, c *call, p roomPayload) (accepted, error) {
	_, err := c.table.Chat.LeaveRoom(ctx, c.Actor, p.RoomID)
	return done, err
}
