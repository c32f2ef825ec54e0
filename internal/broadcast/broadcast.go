// Package broadcast brings what the application's backend has to say to many at a time: a message to rooms and users, or a
// notification to topics, to users, to who is in rooms, or to all. Jobs do it, a hundred recipients at a time, now or later, whatever dies
// meanwhile.
//
//	broadcast.go  what a broadcast is, and what may be one
//	service.go    Service: takes broadcasts, says how they do, cancels them
//	worker.go     Service.Kinds: the jobs that bring them to who is to get them
//	store.go      what is needed of a store
package broadcast

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The bounds of a broadcast.
const (
	MaxUsers        = 10_000
	MaxRooms        = 1000
	MaxTopics       = 100
	MaxNotification = 32 << 10 // bytes, of names and values; to users it is that of package push
	MaxKey          = 128      // bytes
	MaxAhead        = job.MaxAhead
	// MaxFailures is how many of the recipients are listed whom it has not reached. The others are only counted.
	MaxFailures = 1000
	// Portion is how many recipients it comes to between two looks at whether it is cancelled: what is done twice where a
	// server dies.
	Portion = 100
	// Kept is how long one is known that has ended, and its key with it.
	Kept = 7 * 24 * time.Hour
)

// Kind is what a broadcast brings, and the kind of its jobs.
type Kind string

// The kinds. Both may bring notifications; only a Broadcast brings messages.
const (
	Notification Kind = "notification"
	Broadcasting Kind = "broadcast"
)

// State is where a broadcast is in its life.
type State string

// The states. The latter three are the ends.
const (
	Waiting   State = "waiting" // for its time, or for a worker
	Running   State = "running"
	Done      State = "done"
	Cancelled State = "cancelled"
	Failed    State = "failed" // nothing more of it is tried; Error says why
)

// Ended tells whether nothing more happens.
func (s State) Ended() bool { return s == Done || s == Cancelled || s == Failed }

// Spec is what is to be said, and to whom: a Message to rooms, users or all, or a Notification to topics, users, the members of rooms,
// or all.
type Spec struct {
	Topics []string         `json:"topics,omitempty"`
	Users  []account.UserID `json:"users,omitempty"`
	Rooms  []string         `json:"rooms,omitempty"`
	All    bool             `json:"all,omitempty"` // users who are known when it comes to them

	Message *Message `json:"message,omitempty"`
	// Notification has fields of the application's own.
	Notification push.Fields `json:"notification,omitempty"`
}

// Message is one that a user sends, by the rules for that user. Without a sender the system says it, in rooms.
type Message struct {
	SenderID account.UserID   `json:"senderId,omitempty"`
	Content  string           `json:"content"`
	Type     chat.MessageType `json:"type,omitempty"`
}

// Broadcast is one that is stored.
type Broadcast struct {
	ID        string // of its first job too
	Kind      Kind
	Key       string // the application's own; empty is none
	Priority  job.Priority
	Spec      Spec
	CreatedAt time.Time
	SendAt    time.Time // not before
	Progress
}

// Progress is how far a broadcast has come.
type Progress struct {
	State     State
	Step      int64 // counts portions
	Place     Place
	Reached   int64 // recipients
	Missed    int64 // recipients who could not be reached
	Failures  []Failure
	Error     string // why it has failed
	StartedAt time.Time
	EndedAt   time.Time
}

// Place is where the next portion begins: at one of the lists of a Spec, behind so many of it, or behind a user. A notification to rooms
// goes through the members of all of them at once, so that each gets it once.
type Place struct {
	List  List           `json:"list"`
	N     int            `json:"n,omitempty"`
	After account.UserID `json:"after,omitempty"`
}

// List is one of the lists of a Spec, in the order in which it goes through them.
type List int

// The lists.
const (
	Topics List = iota
	Users
	Rooms
	All
	End
)

// Failure is a recipient who was not reached, a user or a room, and why.
type Failure struct {
	User    account.UserID `json:"user,omitempty"`
	Room    string         `json:"room,omitempty"`
	Code    refusal.Code   `json:"code"`
	Message string         `json:"message"`
}

// The codes of refusals.
const (
	CodeNotFound  refusal.Code = "broadcast_not_found"
	CodeEnded     refusal.Code = "broadcast_ended"
	CodeKeyReused refusal.Code = "broadcast_key_reused"
)

// Codes are all of this package.
var Codes = []refusal.Code{CodeNotFound, CodeEnded, CodeKeyReused}

// Refusals. Compare by errors.Is; do not change them.
var (
	ErrNotFound  = &refusal.Error{Code: CodeNotFound, Message: "There is no such broadcast, or it ended long ago", Field: "id"}
	ErrEnded     = &refusal.Error{Code: CodeEnded, Message: "It has ended already", Field: "id"}
	ErrKeyReused = &refusal.Error{Code: CodeKeyReused, Message: "The key was used for something else", Field: "key"}
)

// roomPattern is what every id of a room is like.
var roomPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// check refuses what cannot be one, by the field as the API calls it.
func (s *Spec) check(maxText int) error {
	if err := s.checkLists(); err != nil {
		return err
	}
	switch {
	case s.Message == nil && len(s.Notification) == 0:
		return refusal.Missing("notification")
	case s.Message != nil && len(s.Notification) > 0:
		return refusal.Invalid("notification", "must not be given together with content")
	case s.All && len(s.Users) > 0:
		return refusal.Invalid("userIds", "must not be given together with all")
	case s.Message != nil:
		return s.checkMessage(maxText)
	}
	return s.checkNotification()
}

func (s *Spec) checkLists() error {
	switch {
	case len(s.Topics) > MaxTopics:
		return refusal.TooMuch("topics", MaxTopics, "topics")
	case len(s.Users) > MaxUsers:
		return refusal.TooMuch("userIds", MaxUsers, "ids")
	case len(s.Rooms) > MaxRooms:
		return refusal.TooMuch("roomIds", MaxRooms, "ids")
	}
	for i, topic := range s.Topics {
		if !text(topic, account.MaxTopicBytes) {
			return refusal.Invalid(fmt.Sprintf("topics[%d]", i), fmt.Sprintf("must have 1 to %d bytes", account.MaxTopicBytes)).In("topics")
		}
	}
	for i, user := range s.Users {
		if !text(string(user), account.MaxUserIDBytes) {
			return refusal.Invalid(fmt.Sprintf("userIds[%d]", i), fmt.Sprintf("must have 1 to %d bytes", account.MaxUserIDBytes)).In("userIds")
		}
	}
	for i, room := range s.Rooms {
		if !roomPattern.MatchString(room) {
			return refusal.Invalid(fmt.Sprintf("roomIds[%d]", i), "is no id of a room").In("roomIds")
		}
	}
	return nil
}

// text tells whether something is one of 1 to most bytes.
func text(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func (s *Spec) checkMessage(maxText int) error {
	m := s.Message
	switch {
	case len(s.Topics) > 0:
		return refusal.Invalid("topics", "are for notifications: who is subscribed is nobody whom one could send a message")
	case len(s.Rooms)+len(s.Users) == 0 && !s.All:
		return &refusal.Error{Code: refusal.MissingFields, Message: "There must be roomIds, userIds or all", Field: "roomIds"}
	case m.SenderID == "" && (s.All || len(s.Users) > 0):
		return refusal.Missing("senderId")
	case m.SenderID == "" && m.Type != "" && m.Type != chat.TypeText:
		return refusal.Invalid("type", "is for messages of a user: what the system says is text")
	case m.Content == "":
		return refusal.Missing("content")
	case !utf8.ValidString(m.Content) || strings.ContainsRune(m.Content, 0):
		return refusal.Invalid("content", "must be valid UTF-8 without the character U+0000")
	case utf8.RuneCountInString(m.Content) > maxText:
		return refusal.TooMuch("content", maxText, "characters")
	case m.SenderID != "" && !text(string(m.SenderID), account.MaxUserIDBytes):
		return refusal.Invalid("senderId", fmt.Sprintf("must have 1 to %d bytes", account.MaxUserIDBytes))
	}
	return nil
}

func (s *Spec) checkNotification() error {
	size := 0
	for name, value := range s.Notification {
		size += len(name) + len(value)
	}
	if s.All || len(s.Users)+len(s.Rooms) > 0 { // it comes to devices that are not connected too
		if err := s.Notification.Check(); err != nil {
			return err
		}
	}
	switch {
	case size > MaxNotification:
		return refusal.TooMuch("notification", MaxNotification, "bytes")
	case s.All && len(s.Rooms) > 0: // who is in them is among all
		return refusal.Invalid("roomIds", "must not be given together with all")
	case len(s.Topics)+len(s.Users)+len(s.Rooms) == 0 && !s.All:
		return &refusal.Error{Code: refusal.MissingFields, Message: "There must be topics, userIds, roomIds or all", Field: "topics"}
	}
	return nil
}

// count is how many recipients a list has, or rooms; 1 stands for those of All.
func (s *Spec) count(l List) int {
	switch l {
	case Topics:
		return len(s.Topics)
	case Users:
		return len(s.Users)
	case Rooms:
		return len(s.Rooms)
	case All:
		if s.All {
			return 1
		}
	case End:
	}
	return 0
}
