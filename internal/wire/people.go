package wire

import "github.com/sockeye-im/sockeye/internal/account"

// User is a user as it travels.
type User struct {
	UserID    account.UserID `json:"userId"`
	Username  string         `json:"username"`        // for display
	Login     string         `json:"login,omitempty"` // the login name of a local account
	CreatedAt Time           `json:"createdAt"`
}

// UserOf is u as it travels.
func UserOf(u *account.User) User {
	return User{UserID: u.ID, Username: u.Name, Login: u.Username, CreatedAt: Time(u.CreatedAt)}
}

// UsersOf are users as they travel.
func UsersOf(users []account.User) []User {
	return allOf(users, UserOf)
}

// Contact is a user in a list of friends, requests or blocks, as it travels.
type Contact struct {
	UserID   account.UserID `json:"userId"`
	Username string         `json:"username"`
	Login    string         `json:"login,omitempty"` // of a local account
	Since    Time           `json:"since"`
	Online   *bool          `json:"online,omitempty"` // of friends
}

// ContactsOf are contacts as they travel.
func ContactsOf(contacts []account.Contact) []Contact {
	return allOf(contacts, func(c *account.Contact) Contact {
		return Contact{UserID: c.User.ID, Username: c.User.Name, Login: c.User.Username, Since: Time(c.Since)}
	})
}

// Presence is whether a user is here, as it travels.
type Presence struct {
	UserID   account.UserID `json:"userId"`
	Online   bool           `json:"online"`
	LastSeen *Time          `json:"lastSeen,omitempty"` // of who is not online
}

// Passing is a user who comes or goes, or who starts or stops typing.
type Passing struct {
	UserID   account.UserID `json:"userId"`
	Username string         `json:"username,omitempty"`
	RoomID   string         `json:"roomId,omitempty"`
}

// PresentFriends is presence: the friends who are online.
type PresentFriends struct {
	Online []account.UserID `json:"online"`
}

// RelationChange is what happened between two users, for one of them: who the other
// one is, and whose doing it is.
type RelationChange struct {
	UserID    account.UserID `json:"userId"`
	Username  string         `json:"username"`
	By        account.UserID `json:"by"`
	Timestamp Time           `json:"timestamp"`
}
