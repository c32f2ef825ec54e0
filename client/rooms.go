package client

import (
	"context"
	"time"
)

// Room is a room. Above 100 members, in lists and for who is no member, MemberCount
// stands for the lists.
type Room struct {
	ID             string       `json:"id"`
	ConversationID string       `json:"conversationId"`
	Name           string       `json:"name"`
	Description    string       `json:"description"`
	Type           string       `json:"type"` // public, private, direct
	MaxMembers     int          `json:"maxMembers"`
	CreatedBy      string       `json:"createdBy"`
	CreatedAt      time.Time    `json:"createdAt"`
	MemberCount    int          `json:"memberCount"`
	Members        []string     `json:"members,omitzero"`
	Admins         []string     `json:"admins,omitzero"`
	Banned         []string     `json:"banned,omitzero"`
	Settings       RoomSettings `json:"settings"`
	Names          Names        `json:"names,omitempty"` // of CreatedBy and who is in the lists
}

// RoomSettings are a room's settings.
type RoomSettings struct {
	AllowFileUpload   bool `json:"allowFileUpload"`
	AllowVoiceMessage bool `json:"allowVoiceMessage"`
	MessageRetention  int  `json:"messageRetention"` // days; 0 is for ever
}

// NewRoom says what room to make.
type NewRoom struct {
	ID          string `json:"id,omitempty"` // made by the server if empty
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Type        string `json:"type,omitempty"`       // public if empty
	MaxMembers  int    `json:"maxMembers,omitempty"` // 0 is 100
	// Settings that are nil are the server's default ones.
	Settings *RoomSettingsUpdate `json:"settings,omitempty"`
}

type roomQuery struct {
	RoomID string `json:"roomId"`
}

type roomAnswer struct {
	Room Room `json:"room"`
}

// CreateRoom makes a room, whose first admin one is.
func (c *Client) CreateRoom(ctx context.Context, r NewRoom) (Room, error) {
	a, err := ask[roomAnswer](ctx, c, commandCreate, r)
	return a.Room, err
}

// Joined is a room as who joined it finds it: with the last messages, oldest first.
type Joined struct {
	Room     Room      `json:"room"`
	Messages []Message `json:"messages"`
}

// JoinRoom makes one a member. To be one already is no error.
func (c *Client) JoinRoom(ctx context.Context, roomID string) (Joined, error) {
	return ask[Joined](ctx, c, commandJoin, roomQuery{roomID})
}

// LeaveRoom ends one's membership.
func (c *Client) LeaveRoom(ctx context.Context, roomID string) error {
	return tell(ctx, c, commandLeave, roomQuery{roomID})
}

// Room returns a room.
func (c *Client) Room(ctx context.Context, roomID string) (Room, error) {
	a, err := ask[roomAnswer](ctx, c, "room:get", roomQuery{roomID})
	return a.Room, err
}

// RoomQuery says which rooms: the public ones, unless Mine or Invited.
type RoomQuery struct {
	Mine    bool   `json:"mine,omitempty"`
	Invited bool   `json:"invited,omitempty"`
	After   string `json:"after,omitempty"` // RoomPage.Next
	Limit   int    `json:"limit,omitempty"` // at most 100; 0 is 50
}

// RoomPage is some rooms, by id. Next is empty on the last page.
type RoomPage struct {
	Rooms []Room `json:"rooms"`
	Next  string `json:"next,omitempty"`
}

// Rooms lists rooms.
func (c *Client) Rooms(ctx context.Context, q RoomQuery) (RoomPage, error) {
	return ask[RoomPage](ctx, c, "room:list", q)
}

// MemberQuery says which members.
type MemberQuery struct {
	RoomID string `json:"roomId"`
	After  string `json:"after,omitempty"` // MemberPage.Next
	Limit  int    `json:"limit,omitempty"` // at most 100; 0 is 50
}

// Member is a member of a room.
type Member struct {
	UserID   string    `json:"userId"`
	Username string    `json:"username"`
	Login    string    `json:"login,omitempty"` // of an account on the server
	Role     string    `json:"role"`            // admin, member
	JoinedAt time.Time `json:"joinedAt"`
}

// MemberPage is some members, by id. Next is empty on the last page.
type MemberPage struct {
	Members []Member `json:"members"`
	Next    string   `json:"next,omitempty"`
}

// Members lists the members of a room.
func (c *Client) Members(ctx context.Context, q MemberQuery) (MemberPage, error) {
	return ask[MemberPage](ctx, c, "room:members", q)
}

// BanQuery says which bans.
type BanQuery struct {
	RoomID string `json:"roomId"`
	After  string `json:"after,omitempty"` // BanPage.Next
	Limit  int    `json:"limit,omitempty"` // at most 100; 0 is 50
}

// BannedUser is a user who cannot join a room.
type BannedUser struct {
	UserID   string    `json:"userId"`
	Username string    `json:"username"`
	Login    string    `json:"login,omitempty"` // of an account on the server
	BannedBy string    `json:"bannedBy"`        // a user id
	BannedAt time.Time `json:"bannedAt"`
	Names    Names     `json:"names,omitempty"` // of BannedBy
}

// BanPage is some banned users, by id. Next is empty on the last page.
type BanPage struct {
	Users []BannedUser `json:"users"`
	Next  string       `json:"next,omitempty"`
}

// Bans lists who is banned from a room, for its admins.
func (c *Client) Bans(ctx context.Context, q BanQuery) (BanPage, error) {
	return ask[BanPage](ctx, c, "room:bans", q)
}

type searchQuery struct {
	Query string `json:"query"`
	Limit int    `json:"limit,omitempty"`
}

// SearchRooms finds public rooms by name and description. A limit of 0 is 20.
func (c *Client) SearchRooms(ctx context.Context, query string, limit int) ([]Room, error) {
	a, err := ask[RoomPage](ctx, c, "room:search", searchQuery{query, limit})
	return a.Rooms, err
}

// RoomUpdate changes what is not nil.
type RoomUpdate struct {
	RoomID      string              `json:"roomId"`
	Name        *string             `json:"name,omitempty"`
	Description *string             `json:"description,omitempty"`
	Type        *string             `json:"type,omitempty"`
	MaxMembers  *int                `json:"maxMembers,omitempty"`
	Settings    *RoomSettingsUpdate `json:"settings,omitempty"`
}

// RoomSettingsUpdate changes what is not nil.
type RoomSettingsUpdate struct {
	AllowFileUpload   *bool `json:"allowFileUpload,omitempty"`
	AllowVoiceMessage *bool `json:"allowVoiceMessage,omitempty"`
	MessageRetention  *int  `json:"messageRetention,omitempty"` // days
}

// UpdateRoom changes a room.
func (c *Client) UpdateRoom(ctx context.Context, u RoomUpdate) (Room, error) {
	a, err := ask[roomAnswer](ctx, c, "room:update", u)
	return a.Room, err
}

// DeleteRoom deletes a room with all that was said in it.
func (c *Client) DeleteRoom(ctx context.Context, roomID string) error {
	return tell(ctx, c, "room:delete", roomQuery{roomID})
}

type memberQuery struct {
	RoomID string `json:"roomId"`
	UserID string `json:"userId"`
}

// Invite lets a user join.
func (c *Client) Invite(ctx context.Context, roomID, userID string) error {
	return tell(ctx, c, "room:invite", memberQuery{roomID, userID})
}

// Kick ends a membership.
func (c *Client) Kick(ctx context.Context, roomID, userID string) error {
	return tell(ctx, c, "room:kick", memberQuery{roomID, userID})
}

// Ban ends a membership and keeps the user out.
func (c *Client) Ban(ctx context.Context, roomID, userID string) error {
	return tell(ctx, c, "room:ban", memberQuery{roomID, userID})
}

// Unban lets a user join again.
func (c *Client) Unban(ctx context.Context, roomID, userID string) error {
	return tell(ctx, c, "room:unban", memberQuery{roomID, userID})
}

// Promote makes a member an admin.
func (c *Client) Promote(ctx context.Context, roomID, userID string) error {
	return tell(ctx, c, "room:promote", memberQuery{roomID, userID})
}

// Demote makes an admin a member.
func (c *Client) Demote(ctx context.Context, roomID, userID string) error {
	return tell(ctx, c, "room:demote", memberQuery{roomID, userID})
}
