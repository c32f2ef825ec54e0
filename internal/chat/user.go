package chat

import (
	"context"
	"fmt"
	"time"
)

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

// Actor is the signed-in user on whose behalf a command runs. Its ID is one
// that [Service.EnsureUser] has accepted.
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

// EnsureUser records the user at sign-in: created when first seen, renamed when
// the name has changed. A user without a name is called by the id. Callers use
// the returned user's name from then on.
func (s *Service) EnsureUser(ctx context.Context, a Actor) (User, error) {
	if err := checkUserID("userId", a.ID); err != nil {
		return User{}, err
	}
	if a.ID == SystemUser {
		return User{}, invalid("userId", "is reserved")
	}
	name := a.Name
	if name == "" {
		name = string(a.ID)
	}
	if err := checkText("username", name, MaxUserName); err != nil {
		return User{}, err
	}
	user, err := s.store.EnsureUser(ctx, User{ID: a.ID, Name: name, CreatedAt: s.timestamp()})
	if err != nil {
		return User{}, fmt.Errorf("ensure user: %w", err)
	}
	return user, nil
}
