package chat

import (
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

const (
	// MaxUserID is the longest user id, in bytes.
	MaxUserID = account.MaxUserIDBytes
	// MaxUserName is the longest display name, in characters.
	MaxUserName = 256
)

type (
	// UserID is [account.UserID].
	UserID = account.UserID
	// Actor is [account.Actor]: whoever signs in there acts here.
	Actor = account.Actor
)

// SystemUser is the sender of the server's own messages, see [account.SystemUser].
const SystemUser = account.SystemUser

// User is what is kept of a user.
type User struct {
	ID   UserID
	Name string
	// Login is the login name of a local account, empty for others.
	Login     string
	CreatedAt time.Time
}
