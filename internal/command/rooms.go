package command

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/wire"
)

var roomRows = []row{
	declare("room:create", "Failed to create room", createRoom),
	declare("room:join", "Failed to join room", joinRoom),
	declare("room:leave", "Failed to leave room", leaveRoom),
}

type createRoomPayload struct {
	ID          string         `json:"id" need:"optional" doc:"The id; the server makes one if there is none."`
	Name        string         `json:"name"`
	Description string         `json:"description" need:"optional"`
	Type        chat.RoomType  `json:"type" default:"public" doc:"Who can find and join it: all; who is invited; or who is invited, unlisted."`
	MaxMembers  int            `json:"maxMembers" default:"100"`
	Settings    settingsChange `json:"settings" need:"optional"`
}

// settingsChange names the settings that are not to be the default, or are to change.
type settingsChange = struct {
	AllowFileUpload   *bool `json:"allowFileUpload"`
	AllowVoiceMessage *bool `json:"allowVoiceMessage"`
	MessageRetention  *int  `json:"messageRetention"` // days; 0 is for ever
}

func retentionIn(s settingsChange) *time.Duration {
	if s.MessageRetention == nil {
		return nil
	}
	return new(retentionOf(*s.MessageRetention))
}

type roomAck struct {
	accepted
	Room wire.Room `json:"room"`
}

func roomAckOf(room chat.Room, err error) (roomAck, error) {
	return roomAck{done, wire.RoomOf(&room)}, err
}

func createRoom(ctx context.Context, c *call, p createRoomPayload) (roomAck, error) {
	return roomAckOf(c.table.deps.Chat.CreateRoom(ctx, c.Actor, chat.CreateRoom{
		ID: p.ID, Name: p.Name, Description: p.Description, Type: p.Type, MaxMembers: p.MaxMembers,
		AllowFileUpload: p.Settings.AllowFileUpload, AllowVoiceMessage: p.Settings.AllowVoiceMessage,
		MessageRetention: retentionIn(p.Settings),
	}))
}

type roomPayload struct {
	RoomID string `json:"roomId"`
}

type joinAck struct {
	roomAck
	Messages []wire.Message `json:"messages"`
}

func joinRoom(ctx context.Context, c *call, p roomPayload) (joinAck, error) {
	joined, err := c.table.deps.Chat.JoinRoom(ctx, c.Actor, p.RoomID)
	if err != nil {
		return joinAck{}, err
	}
	messages := wire.MessagesOf(joined.Messages)
	c.emit(wire.RoomMessages.Of(messages))
	return joinAck{roomAck{done, wire.RoomOf(&joined.Room)}, messages}, nil
}

func leaveRoom(ctx context.Context, c *call, p roomPayload) (accepted, error) {
	_, err := c.table.deps.Chat.LeaveRoom(ctx, c.Actor, p.RoomID)
	return done, err
}
