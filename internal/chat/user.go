package chat

import "time"

const (
	// MaxUserID is the longest user id, in bytes.
	MaxUserID = 128
	// MaxUserName is the longest display name, in characters.
	MaxUserName = 256
)

// UserID names a user. It is opaque, 1 to 128 bytes of printable UTF-8, and
// comes from whoever issued the user's token.
type UserID string

// SystemUser is the sender of the server's own messages. Nobody can sign in as it.
const SystemUser UserID = "system"

// Actor is the signed-in user on whose behalf a command runs, as who let the user
// in knows it.
type Actor struct {
	ID   UserID
	Name string
	// Origin names the connection that the command came by. Events carry it, so
	// that a gateway can leave that connection out. It may be empty.
	Origin string
}

// User is what is kept of a user.
type User struct {
	ID        UserID
	Name      string
	CreatedAt time.Time
}
