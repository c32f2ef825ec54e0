package command

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/wire"
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
	return roomAckOf(c.table.deps.Chat.Room(ctx, c.Actor, p.RoomID))
}

type listRoomsPayload struct {
	Mine    bool   `json:"mine" default:"false"`
	Invited bool   `json:"invited" default:"false"`
	After   string `json:"after" need:"optional"`
	Limit   int    `json:"limit" default:"50" max:"100"`
}

type roomsAck struct {
	accepted
	Rooms []wire.Room `json:"rooms"`
	Next  string      `json:"next,omitempty"` // absent on the last page
}

func listRooms(ctx context.Context, c *call, p listRoomsPayload) (roomsAck, error) {
	filter := chat.RoomsPublic
	switch {
	case p.Mine:
		filter = chat.RoomsMine
	case p.Invited:
		filter = chat.RoomsInvited
	}
	page, err := c.table.deps.Chat.Rooms(ctx, c.Actor, chat.RoomQuery{Filter: filter, After: p.After, Limit: p.Limit})
	return roomsAck{done, wire.RoomsOf(page.Rooms), page.Next}, err
}

type searchRoomsPayload struct {
	Query string `json:"query"`
	Limit int    `json:"limit" default:"20" max:"100"`
}

type foundRoomsAck struct {
	accepted
	Rooms []wire.Room `json:"rooms"`
}

func searchRooms(ctx context.Context, c *call, p searchRoomsPayload) (foundRoomsAck, error) {
	rooms, err := c.table.deps.Chat.SearchRooms(ctx, p.Query, p.Limit)
	return foundRoomsAck{done, wire.RoomsOf(rooms)}, err
}

type membersPayload struct {
	RoomID string      `json:"roomId"`
	After  chat.UserID `json:"after" need:"optional"`
	Limit  int         `json:"limit" default:"50" max:"100"`
}

type member struct {
	UserID   chat.UserID `json:"userId"`
	Username string      `json:"username"`
	Login    string      `json:"login,omitempty"` // of a local account
	Role     chat.Role   `json:"role"`
	JoinedAt wire.Time   `json:"joinedAt"`
}

type membersAck struct {
	accepted
	Members []member    `json:"members"`
	Next    chat.UserID `json:"next,omitempty"` // absent on the last page
}

func listMembers(ctx context.Context, c *call, p membersPayload) (membersAck, error) {
	page, err := c.table.deps.Chat.Members(ctx, c.Actor, chat.MemberQuery(p))
	answer := membersAck{accepted: done, Members: make([]member, len(page.Members)), Next: page.Next}
	for i, m := range page.Members {
		answer.Members[i] = member{m.UserID, m.Name, m.Login, m.Role, wire.Time(m.JoinedAt)}
	}
	return answer, err
}

type bansPayload struct {
	RoomID string      `json:"roomId"`
	After  chat.UserID `json:"after" need:"optional"`
	Limit  int         `json:"limit" default:"50" max:"100"`
}

type bannedUser struct {
	UserID   chat.UserID `json:"userId"`
	Username string      `json:"username"`
	Login    string      `json:"login,omitempty"` // of a local account
	BannedBy chat.UserID `json:"bannedBy"`
	BannedAt wire.Time   `json:"bannedAt"`
	Names    wire.Names  `json:"names,omitempty"` // of bannedBy
}

type bansAck struct {
	accepted
	Users []bannedUser `json:"users"`
	Next  chat.UserID  `json:"next,omitempty"` // absent on the last page
}

func listBans(ctx context.Context, c *call, p bansPayload) (bansAck, error) {
	page, err := c.table.deps.Chat.Bans(ctx, c.Actor, chat.BanQuery(p))
	answer := bansAck{accepted: done, Users: make([]bannedUser, len(page.Bans)), Next: page.Next}
	for i, b := range page.Bans {
		answer.Users[i] = bannedUser{b.UserID, b.Name, b.Login, b.By, wire.Time(b.At), wire.NamesOf(b.Names)}
	}
	return answer, err
}

// updateRoomPayload changes what it names and leaves the rest.
type updateRoomPayload struct {
	RoomID      string         `json:"roomId"`
	Name        *string        `json:"name"`
	Description *string        `json:"description"`
	Type        *chat.RoomType `json:"type"`
	MaxMembers  *int           `json:"maxMembers"`
	Settings    settingsChange `json:"settings" need:"optional"`
}

func updateRoom(ctx context.Context, c *call, p updateRoomPayload) (roomAck, error) {
	return roomAckOf(c.table.deps.Chat.UpdateRoom(ctx, c.Actor, chat.UpdateRoom{
		RoomID: p.RoomID, Name: p.Name, Description: p.Description, Type: p.Type, MaxMembers: p.MaxMembers,
		AllowFileUpload: p.Settings.AllowFileUpload, AllowVoiceMessage: p.Settings.AllowVoiceMessage,
		MessageRetention: retentionIn(p.Settings),
	}))
}

// retentionOf converts days. What would overflow is as wrong as what is just
// over the limit.
func retentionOf(days int) time.Duration {
	const day = 24 * time.Hour
	most := int(chat.MaxRetention/day) + 1
	return time.Duration(min(max(days, -1), most)) * day
}

func deleteRoom(ctx context.Context, c *call, p roomPayload) (accepted, error) {
	return done, c.table.deps.Chat.DeleteRoom(ctx, c.Actor, p.RoomID)
}
