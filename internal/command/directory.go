package command

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
)

var directoryRows = []row{
	declare("room:get", "Failed to load room", getRoom),
	declare("room:list", "Failed to list rooms", listRooms),
	declare("room:members", "Failed to list members", listMembers),
	declare("room:bans", "Failed to list bans", listBans),
	declare("room:search", "Failed to search rooms", searchRooms),
	declare("room:update", "Failed to update room", updateRoom),
	declare("room:delete", "Failed to delete room", deleteRoom),
}

func getRoom(ctx context.Context, c *call, p roomPayload) (roomAck, error) {
	room, err := c.table.Chat.Room(ctx, c.Actor, p.RoomID)
	if err != nil {
		return roomAck{}, err
	}
	return roomAck{done, hub.RoomOf(&room)}, nil
}

type listRoomsPayload struct {
	Mine    bool   `json:"mine"`
	Invited bool   `json:"invited"`
	After   string `json:"after"`
	Limit   int    `json:"limit"`
}

type roomsAck struct {
	accepted
	Rooms []hub.Room `json:"rooms"`
	Next  string     `json:"next,omitempty"` // absent on the last page
}

func listRooms(ctx context.Context, c *call, p listRoomsPayload) (roomsAck, error) {
	filter := chat.RoomsPublic
	switch {
	case p.Mine:
		filter = chat.RoomsMine
	case p.Invited:
		filter = chat.RoomsInvited
	}
	page, err := c.table.Chat.Rooms(ctx, c.Actor, chat.RoomQuery{Filter: filter, After: p.After, Limit: p.Limit})
	if err != nil {
		return roomsAck{}, err
	}
	return roomsAck{done, hub.RoomsOf(page.Rooms), page.Next}, nil
}

type searchRoomsPayload struct {
	Query string `json:"query"`
	Limit int    `json:"limit"`
}

func searchRooms(ctx context.Context, c *call, p searchRoomsPayload) (roomsAck, error) {
	rooms, err := c.table.Chat.SearchRooms(ctx, p.Query, p.Limit)
	if err != nil {
		return roomsAck{}, err
	}
	return roomsAck{accepted: done, Rooms: hub.RoomsOf(rooms)}, nil
}

type membersPayload struct {
	RoomID string      `json:"roomId"`
	After  chat.UserID `json:"after"`
	Limit  int         `json:"limit"`
}

type member struct {
	UserID   chat.UserID `json:"userId"`
	Username string      `json:"username"`
	Role     chat.Role   `json:"role"`
	JoinedAt hub.Time    `json:"joinedAt"`
}

type membersAck struct {
	accepted
	Members []member    `json:"members"`
	Next    chat.UserID `json:"next,omitempty"` // absent on the last page
}

func listMembers(ctx context.Context, c *call, p membersPayload) (membersAck, error) {
	page, err := c.table.Chat.Members(ctx, c.Actor, chat.MemberQuery(p))
	if err != nil {
		return membersAck{}, err
	}
	answer := membersAck{accepted: done, Members: make([]member, len(page.Members)), Next: page.Next}
	for i, m := range page.Members {
		answer.Members[i] = member{m.UserID, m.Name, m.Role, hub.Time(m.JoinedAt)}
	}
	return answer, nil
}

type bansPayload struct {
	RoomID string      `json:"roomId"`
	After  chat.UserID `json:"after"`
	Limit  int         `json:"limit"`
}

type bannedUser struct {
	UserID   chat.UserID `json:"userId"`
	Username string      `json:"username"`
	BannedBy chat.UserID `json:"bannedBy"`
	BannedAt hub.Time    `json:"bannedAt"`
}

type bansAck struct {
	accepted
	Users []bannedUser `json:"users"`
	Next  chat.UserID  `json:"next,omitempty"` // absent on the last page
}

func listBans(ctx context.Context, c *call, p bansPayload) (bansAck, error) {
	page, err := c.table.Chat.Bans(ctx, c.Actor, chat.BanQuery(p))
	if err != nil {
		return bansAck{}, err
	}
	answer := bansAck{accepted: done, Users: make([]bannedUser, len(page.Bans)), Next: page.Next}
	for i, b := range page.Bans {
		answer.Users[i] = bannedUser{b.UserID, b.Name, b.By, hub.Time(b.At)}
	}
	return answer, nil
}

// updateRoomPayload changes what it names and leaves the rest.
type updateRoomPayload struct {
	RoomID      string         `json:"roomId"`
	Name        *string        `json:"name"`
	Description *string        `json:"description"`
	Type        *chat.RoomType `json:"type"`
	MaxMembers  *int           `json:"maxMembers"`
	Settings    struct {
		AllowFileUpload   *bool `json:"allowFileUpload"`
		AllowVoiceMessage *bool `json:"allowVoiceMessage"`
		MessageRetention  *int  `json:"messageRetention"` // days
	} `json:"settings"`
}

func updateRoom(ctx context.Context, c *call, p updateRoomPayload) (roomAck, error) {
	cmd := chat.UpdateRoom{
		RoomID: p.RoomID, Name: p.Name, Description: p.Description, Type: p.Type, MaxMembers: p.MaxMembers,
		AllowFileUpload: p.Settings.AllowFileUpload, AllowVoiceMessage: p.Settings.AllowVoiceMessage,
	}
	if days := p.Settings.MessageRetention; days != nil {
		retention := retentionOf(*days)
		cmd.MessageRetention = &retention
	}
	room, err := c.table.Chat.UpdateRoom(ctx, c.Actor, cmd)
	if err != nil {
		return roomAck{}, err
	}
	return roomAck{done, hub.RoomOf(&room)}, nil
}

// retentionOf converts days. What would overflow is as wrong as what is just
// over the limit.
func retentionOf(days int) time.Duration {
	const day = 24 * time.Hour
	most := int(chat.MaxRetention/day) + 1
	return time.Duration(min(max(days, -1), most)) * day
}

func deleteRoom(ctx context.Context, c *call, p roomPayload) (accepted, error) {
	return done, c.table.Chat.DeleteRoom(ctx, c.Actor, p.RoomID)
}
