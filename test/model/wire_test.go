package model_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// stamp is a time as it travels, in milliseconds since 1970.
type stamp int64

const layout = "2006-01-02T15:04:05.000Z"

func (s *stamp) UnmarshalText(text []byte) error {
	t, err := time.Parse(layout, string(text))
	if err != nil || len(text) != len(layout) {
		return fmt.Errorf("%q is no time with milliseconds in UTC", text)
	}
	*s = stamp(t.UnixMilli())
	return nil
}

func (s stamp) String() string {
	if s == 0 {
		return "never"
	}
	return time.UnixMilli(int64(s)).UTC().Format(layout)
}

// message, room and conversation are those of docs/protocol.md. Lists that are always there are never nil.
type message struct {
	ID             string              `json:"id"`
	ConversationID string              `json:"conversationId"`
	RoomID         string              `json:"roomId"`
	RecipientID    string              `json:"recipientId"`
	SenderID       string              `json:"senderId"`
	SenderUsername string              `json:"senderUsername"`
	Content        string              `json:"content"`
	Type           string              `json:"type"`
	Timestamp      stamp               `json:"timestamp"`
	Seq            int64               `json:"seq"`
	Edited         bool                `json:"edited"`
	EditedAt       stamp               `json:"editedAt"`
	Deleted        bool                `json:"deleted"`
	Reactions      map[string][]string `json:"reactions"`
	ReplyTo        string              `json:"replyTo"`
	ThreadID       string              `json:"threadId"`
	Attachments    []any               `json:"attachments"`
	Mentions       []string            `json:"mentions"`
	PinnedAt       stamp               `json:"pinnedAt"`
	PinnedBy       string              `json:"pinnedBy"`
	ClientMsgID    string              `json:"clientMsgId"`
}

// wipe makes m a tombstone.
func (m *message) wipe() {
	m.Deleted, m.Content, m.Attachments, m.Mentions = true, "", []any{}, nil
	m.Reactions, m.PinnedAt, m.PinnedBy = map[string][]string{}, 0, ""
}

// react adds a user's reaction, or takes it away.
func (m *message) react(user, emoji string, added bool) {
	users := slices.DeleteFunc(slices.Clone(m.Reactions[emoji]), func(u string) bool { return u == user })
	if added {
		users = append(users, user)
		slices.Sort(users)
	}
	if len(users) == 0 {
		delete(m.Reactions, emoji)
		return
	}
	m.Reactions[emoji] = users
}

type settings struct {
	AllowFileUpload   bool `json:"allowFileUpload"`
	AllowVoiceMessage bool `json:"allowVoiceMessage"`
	MessageRetention  int  `json:"messageRetention"`
}

type room struct {
	ID             string   `json:"id"`
	ConversationID string   `json:"conversationId"`
	Name           string   `json:"name"`
	Description    string   `json:"description"`
	Type           string   `json:"type"`
	MaxMembers     int      `json:"maxMembers"`
	CreatedBy      string   `json:"createdBy"`
	CreatedAt      stamp    `json:"createdAt"`
	MemberCount    int      `json:"memberCount"`
	Members        []string `json:"members"`
	Admins         []string `json:"admins"`
	Banned         []string `json:"banned"`
	Settings       settings `json:"settings"`
}

// sorted makes rooms comparable: nothing is promised about the order of the lists.
func (r room) sorted() room {
	r.Members, r.Admins, r.Banned = sortedCopy(r.Members), sortedCopy(r.Admins), sortedCopy(r.Banned)
	return r
}

func sortedCopy(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

type peer struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
}

// summary is a conversation in a list.
type summary struct {
	ConversationID string   `json:"conversationId"`
	Room           *room    `json:"room"`
	Peer           *peer    `json:"peer"`
	FirstSeq       int64    `json:"firstSeq"`
	Seq            int64    `json:"seq"`
	ReadSeq        int64    `json:"readSeq"`
	LastAt         stamp    `json:"lastAt"`
	LastMessage    *message `json:"lastMessage"`
	Unread         int      `json:"unread"`
	Mentions       int      `json:"mentions"`
}

type memberEntry struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Role     string `json:"role"`
	JoinedAt stamp  `json:"joinedAt"`
}

type head struct {
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq"`
}

// sent is what a sender is answered.
type sent struct {
	ID             string `json:"id"`
	RecipientID    string `json:"recipientId"`
	RoomID         string `json:"roomId"`
	Timestamp      stamp  `json:"timestamp"`
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq"`
	ClientMsgID    string `json:"clientMsgId"`
}

// refusal is an error as it travels.
type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field"`
	Limit   int    `json:"limit"`
}

// event is what is told, with the fields of all kinds.
type event struct {
	Name           string   `json:"-"`
	ConversationID string   `json:"conversationId"`
	Seq            int64    `json:"seq"`
	Timestamp      stamp    `json:"timestamp"`
	Message        *message `json:"message"` // of room:message and message:received too
	MessageID      string   `json:"messageId"`
	DeletedBy      string   `json:"deletedBy"`
	By             string   `json:"by"`
	Room           *room    `json:"room"`
	RoomID         string   `json:"roomId"`
	UserID         string   `json:"userId"`
	Username       string   `json:"username"`
	Emoji          string   `json:"emoji"`
	Reason         string   `json:"reason"`
	Role           string   `json:"role"`
	Count          int      `json:"count"`
	UserIDs        []string `json:"userIds"`
	ReadBy         string   `json:"readBy"`
	ReadAt         stamp    `json:"readAt"`
	guessed        bool     // made by the device itself, see kept
}

// created tells whether the payload of that event is a message.
func created(name string) bool { return name == "room:message" || name == "message:received" }

func eventOf(name string, payload []byte) (event, error) {
	var e event
	if created(name) {
		var flat struct {
			message
			MessageType string `json:"messageType"` // beside a frame's own type
		}
		if err := json.Unmarshal(payload, &flat); err != nil {
			return e, fmt.Errorf("%s: %w", name, err)
		}
		if flat.MessageType != "" {
			flat.Type = flat.MessageType
		}
		m := &flat.message
		e.Message = m
		e.ConversationID, e.Seq, e.Timestamp, e.RoomID = m.ConversationID, m.Seq, m.Timestamp, m.RoomID
	} else if err := json.Unmarshal(payload, &e); err != nil {
		return e, fmt.Errorf("%s: %w", name, err)
	}
	e.Name = name
	return e, nil
}

// fact is what an event says but for the state of what it is about: enough to tell whether it is the right one.
type fact struct {
	Name, Conversation            string
	Seq                           int64
	At                            stamp
	Message, Room, User, Username string
	By, Reason, Emoji, Role       string
	Count                         int
	Users                         string // separated by spaces
}

// fact is of an event as it was received.
func (e *event) fact() fact {
	f := fact{
		Name: e.Name, Conversation: e.ConversationID, Seq: e.Seq, At: e.Timestamp,
		Message: e.MessageID, Room: e.RoomID, User: e.UserID, Username: e.Username,
		By: e.By + e.DeletedBy + e.ReadBy, Reason: e.Reason, Emoji: e.Emoji, Role: e.Role,
		Count: e.Count, Users: strings.Join(e.UserIDs, " "),
	}
	if e.Message != nil {
		f.Message = e.Message.ID
	}
	if e.Room != nil {
		f.Room = e.Room.ID
	}
	if e.ReadAt != 0 {
		f.At = e.ReadAt
	}
	return f
}

// catchup is one conversation in the answer to a sync.
type catchup struct {
	Gone     bool  `json:"gone"`
	Reset    bool  `json:"reset"`
	FirstSeq int64 `json:"firstSeq"`
	Seq      int64 `json:"seq"`
	ReadSeq  int64 `json:"readSeq"`
	Events   []struct {
		Event   string          `json:"event"`
		Payload json.RawMessage `json:"payload"`
	} `json:"events"`
}

func (c *catchup) events() ([]event, error) {
	events := make([]event, len(c.Events))
	for i, e := range c.Events {
		var err error
		if events[i], err = eventOf(e.Event, e.Payload); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// synced is the answer to a sync.
type synced struct {
	Conversations map[string]catchup `json:"conversations"`
	New           []summary          `json:"new"`
	More          bool               `json:"more"`
}

// page is the answer to history, thread and message:search.
type page struct {
	Root     *message  `json:"root"`
	Messages []message `json:"messages"`
	More     bool      `json:"more"`
}
