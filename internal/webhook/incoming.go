package webhook

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// MaxIncoming is how many incoming webhooks there can be, maxUsername how many characters a name has that a request gives.
const (
	MaxIncoming = 1000
	maxUsername = 100
)

// Incoming is a way into a room: who knows its address posts as its bot.
type Incoming struct {
	ID        string // for administrators; the address has a key of its own
	RoomID    string
	BotID     account.UserID // a member of the room
	Name      string         // the bot's
	CreatedAt time.Time
	CreatedBy string // an API key or an administrator, by id
}

// IncomingStore keeps incoming webhooks. All methods may be called concurrently, and each is one transaction.
type IncomingStore interface {
	// IncomingHooks are all, by the time of their creation.
	IncomingHooks(ctx context.Context) ([]Incoming, error)
	// IncomingHook returns the one whose key has a hash; else the error is an [ErrNotFound].
	IncomingHook(ctx context.Context, hash []byte) (Incoming, error)
	// CreateIncomingHook stores one, unless there are [MaxIncoming]: an [ErrTooManyIncoming].
	CreateIncomingHook(ctx context.Context, h Incoming, hash []byte) error
	// DeleteIncomingHook removes one and returns it, or is an [ErrNotFound].
	DeleteIncomingHook(ctx context.Context, id string) (Incoming, error)
}

// ErrTooManyIncoming is ErrTooMany of incoming ones.
var ErrTooManyIncoming = &refusal.Error{Code: CodeTooMany, Message: "There are as many incoming webhooks as there can be", Limit: MaxIncoming}

// Bots are users that programs are: an [account.Service].
type Bots interface {
	CreateBot(ctx context.Context, name string) (account.User, error)
	// Disabled reports whether a user is disabled. It does not block.
	Disabled(id account.UserID) bool
}

// Rooms are where bots post: a [chat.Service].
type Rooms interface {
	AddMembers(ctx context.Context, by chat.Actor, roomID string, users []chat.UserID) ([]chat.UserID, error)
	LeaveRoom(ctx context.Context, a chat.Actor, roomID string) (bool, error)
	SendToRoom(ctx context.Context, a chat.Actor, cmd chat.SendToRoom) (chat.Message, error)
}

// DoorsDeps are what doors are made of.
type DoorsDeps struct {
	Store IncomingStore
	Bots  Bots
	Rooms Rooms
	Now   func() time.Time
	NewID func() string
}

// Doors are the incoming webhooks. The methods may be called concurrently.
type Doors struct{ DoorsDeps }

// NewDoors returns the doors.
func NewDoors(d DoorsDeps) (*Doors, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	return &Doors{d}, nil
}

// Open makes an incoming webhook, with a bot of its own that becomes a member of the room. The key is in no other answer.
func (s *Doors) Open(ctx context.Context, roomID, name, by string) (h Incoming, key string, err error) {
	switch {
	case roomID == "":
		return Incoming{}, "", refusal.Missing("roomId")
	case !roomPattern.MatchString(roomID):
		return Incoming{}, "", refusal.Invalid("roomId", "is no id of a room")
	}
	bot, err := s.Bots.CreateBot(ctx, name)
	if err != nil {
		return Incoming{}, "", err
	}
	system := chat.Actor{ID: chat.SystemUser, Name: string(chat.SystemUser)}
	if _, err := s.Rooms.AddMembers(account.WithoutAudit(ctx), system, roomID, []chat.UserID{bot.ID}); err != nil {
		return Incoming{}, "", err
	}
	h = Incoming{
		ID: "in_" + s.NewID(), RoomID: roomID, BotID: bot.ID, Name: bot.Name, CreatedAt: s.Now().UTC().Truncate(time.Millisecond), CreatedBy: by,
	}
	key = rand.Text() + rand.Text()
	if err := s.Store.CreateIncomingHook(ctx, h, hashOf(key)); err != nil {
		_, left := s.Rooms.LeaveRoom(account.WithoutAudit(ctx), chat.Actor{ID: bot.ID, Name: bot.Name}, roomID)
		return Incoming{}, "", errors.Join(err, left)
	}
	return h, key, nil
}

// hashOf is what is stored of a key, which is long enough not to be guessed.
func hashOf(key string) []byte {
	hash := sha256.Sum256([]byte(key))
	return hash[:]
}

// All returns all incoming webhooks.
func (s *Doors) All(ctx context.Context) ([]Incoming, error) { return s.Store.IncomingHooks(ctx) }

// Close removes an incoming webhook, whose bot leaves the room.
func (s *Doors) Close(ctx context.Context, id string) error {
	h, err := s.Store.DeleteIncomingHook(ctx, id)
	if err != nil {
		return err
	}
	_, err = s.Rooms.LeaveRoom(ctx, chat.Actor{ID: h.BotID, Name: h.Name}, h.RoomID)
	if errors.Is(err, chat.ErrRoomNotFound) {
		return nil
	}
	return err
}

// Post says something in the room of the webhook with a key. username is the name that it says it under; empty is the bot's.
func (s *Doors) Post(ctx context.Context, key, text, username string) (chat.Message, error) {
	h, err := s.Store.IncomingHook(ctx, hashOf(key))
	if err != nil {
		return chat.Message{}, err
	}
	if s.Bots.Disabled(h.BotID) {
		return chat.Message{}, account.ErrAccountDisabled
	}
	name := h.Name
	if username != "" {
		if name = account.CleanName(username); name == "" {
			return chat.Message{}, refusal.Invalid("username", "must have something that can be seen")
		}
		if utf8.RuneCountInString(name) > maxUsername {
			return chat.Message{}, refusal.TooMuch("username", maxUsername, "characters")
		}
		if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return chat.Message{}, refusal.Invalid("username", "must be valid UTF-8 without the character U+0000")
		}
	}
	m, err := s.Rooms.SendToRoom(ctx, chat.Actor{ID: h.BotID, Name: name}, chat.SendToRoom{RoomID: h.RoomID, Content: text, Type: chat.TypeText})
	if wrong := refusal.Of(err); wrong != nil && wrong.Field == "content" {
		named := wrong.In("text")
		named.Message = strings.Replace(named.Message, "content", "text", 1)
		return chat.Message{}, named
	}
	if err != nil {
		return chat.Message{}, fmt.Errorf("post to a room: %w", err)
	}
	return m, nil
}
