package client

import (
	"context"
	"time"
)

// Relation is what a user is to oneself: none, sent, received, friends or blocked.
type Relation string

type userQuery struct {
	UserID string `json:"userId"`
}

func relate(ctx context.Context, c *Client, command, userID string) (Relation, error) {
	a, err := ask[struct {
		Relation Relation `json:"relation"`
	}](ctx, c, command, userQuery{userID})
	return a.Relation, err
}

// RequestFriend asks for friendship, or accepts it when the other one has asked.
func (c *Client) RequestFriend(ctx context.Context, userID string) (Relation, error) {
	return relate(ctx, c, "friend:request", userID)
}

// AcceptFriend accepts a request.
func (c *Client) AcceptFriend(ctx context.Context, userID string) (Relation, error) {
	return relate(ctx, c, "friend:accept", userID)
}

// DeclineFriend refuses a request.
func (c *Client) DeclineFriend(ctx context.Context, userID string) (Relation, error) {
	return relate(ctx, c, "friend:decline", userID)
}

// RemoveFriend ends a friendship, or takes one's own request back.
func (c *Client) RemoveFriend(ctx context.Context, userID string) (Relation, error) {
	return relate(ctx, c, "friend:remove", userID)
}

// BlockUser stops all that a user could do to one.
func (c *Client) BlockUser(ctx context.Context, userID string) (Relation, error) {
	return relate(ctx, c, "user:block", userID)
}

// UnblockUser is the opposite.
func (c *Client) UnblockUser(ctx context.Context, userID string) (Relation, error) {
	return relate(ctx, c, "user:unblock", userID)
}

// FriendQuery says which lists: all of them, or a page of one.
type FriendQuery struct {
	List  string `json:"list,omitempty"`  // friends, sent, received or blocked
	After string `json:"after,omitempty"` // a user id; with List only
	Limit int    `json:"limit,omitempty"` // at most 500; 0 is 500
}

// Contact is a user in a list.
type Contact struct {
	UserID   string    `json:"userId"`
	Username string    `json:"username"`
	Login    string    `json:"login,omitempty"` // of an account on the server
	Since    time.Time `json:"since"`
	Online   *bool     `json:"online,omitempty"` // of friends
}

// Friends are the lists that were asked for, the newest first, and how long all are.
type Friends struct {
	Friends  []Contact `json:"friends,omitzero"`
	Sent     []Contact `json:"sent,omitzero"`
	Received []Contact `json:"received,omitzero"`
	Blocked  []Contact `json:"blocked,omitzero"`
	Counts   struct {
		Friends  int `json:"friends"`
		Sent     int `json:"sent"`
		Received int `json:"received"`
		Blocked  int `json:"blocked"`
	} `json:"counts"`
}

// Friends lists friends, requests and blocks.
func (c *Client) Friends(ctx context.Context, q FriendQuery) (Friends, error) {
	return ask[Friends](ctx, c, "friend:list", q)
}

// User is a user.
type User struct {
	UserID    string    `json:"userId"`
	Username  string    `json:"username"`        // for display
	Login     string    `json:"login,omitempty"` // of a local account
	CreatedAt time.Time `json:"createdAt"`
}

// Profile is a user and what the user is to oneself; empty of oneself.
type Profile struct {
	User     User     `json:"user"`
	Relation Relation `json:"relation,omitempty"`
}

// User returns a user.
func (c *Client) User(ctx context.Context, userID string) (Profile, error) {
	return ask[Profile](ctx, c, "user:get", userQuery{userID})
}

// SearchUsers finds users whose name, a word of it, or login begins with the query. A
// limit of 0 is 20.
func (c *Client) SearchUsers(ctx context.Context, query string, limit int) ([]User, error) {
	a, err := ask[struct {
		Users []User `json:"users"`
	}](ctx, c, "user:search", searchQuery{query, limit})
	return a.Users, err
}

// Presence is whether a user is here.
type Presence struct {
	UserID   string     `json:"userId"`
	Online   bool       `json:"online"`
	LastSeen *time.Time `json:"lastSeen,omitempty"` // of who is not
}

// Presence looks up oneself and friends, at most 100; of others there is no answer.
func (c *Client) Presence(ctx context.Context, userIDs ...string) ([]Presence, error) {
	a, err := ask[struct {
		Presence []Presence `json:"presence"`
	}](ctx, c, "presence:get", struct {
		UserIDs []string `json:"userIds"`
	}{userIDs})
	return a.Presence, err
}

// Typing says to whom, or in which room.
type Typing struct {
	RecipientID string `json:"recipientId,omitempty"`
	RoomID      string `json:"roomId,omitempty"`
}

// StartTyping tells that one types. It ends by itself after 6 s: who goes on says so
// again.
func (c *Client) StartTyping(ctx context.Context, at Typing) error {
	return tell(ctx, c, "typing:start", at)
}

// StopTyping tells that one types no longer.
func (c *Client) StopTyping(ctx context.Context, at Typing) error {
	return tell(ctx, c, "typing:stop", at)
}

// Look tells the server whether somebody looks at this device: a device that says that nobody does has its user told by push
// notifications, after some seconds. conversationID is the one that is open, if one is. It holds for the connection: say it again
// after [Connected].
func (c *Client) Look(ctx context.Context, visible bool, conversationID string) error {
	return tell(ctx, c, "client:visible", looks{visible, conversationID})
}

type looks struct {
	Visible        bool   `json:"visible"`
	ConversationID string `json:"conversationId,omitempty"`
}

type topics struct {
	Topics []string `json:"topics"`
}

// Subscribe asks for the notifications of topics, at most 100, and returns all that
// the client is subscribed to. It stays so over lost connections.
func (c *Client) Subscribe(ctx context.Context, names ...string) ([]string, error) {
	a, err := ask[topics](ctx, c, commandSubscribe, topics{names})
	return a.Topics, err
}

// Unsubscribe is the opposite.
func (c *Client) Unsubscribe(ctx context.Context, names ...string) ([]string, error) {
	a, err := ask[topics](ctx, c, commandUnsubscribe, topics{names})
	return a.Topics, err
}

// RefreshToken gives the connection a new token of the same user and returns when it
// expires; zero is never. The client does so by itself with what Config.Token gives.
func (c *Client) RefreshToken(ctx context.Context, token string) (expires time.Time, err error) {
	a, err := ask[refreshAnswer](ctx, c, commandRefresh, refreshQuery{token})
	if a.ExpiresAt != nil {
		expires = *a.ExpiresAt
	}
	return expires, err
}

type refreshQuery struct {
	Token string `json:"token"`
}

type refreshAnswer struct {
	ExpiresAt *time.Time `json:"expiresAt,omitempty"` // nil: never
}
