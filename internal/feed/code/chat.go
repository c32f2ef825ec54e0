package code

import (
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
)

// event is a [chat.Event], or without a Kind the place from Seq to Last in the log of a conversation.
type event struct {
	Kind           chat.EventKind `json:"k,omitzero"`
	ConversationID string         `json:"c,omitzero"`
	Seq            int64          `json:"s,omitzero"`
	Last           int64          `json:"l,omitzero"`
	At             time.Time      `json:"t,omitzero"`
	By             chat.UserID    `json:"b,omitzero"`
	Audience       audience       `json:"to,omitzero"`
	Origin         string         `json:"o,omitzero"`
	Names          chat.Names     `json:"as,omitzero"`
	Message        *message       `json:"m,omitzero"`
	Reaction       *reaction      `json:"x,omitzero"`
	Membership     *membership    `json:"p,omitzero"`
	Added          *added         `json:"d,omitzero"`
	Room           *room          `json:"r,omitzero"`
	Receipts       []receipt      `json:"y,omitzero"`
	Mark           *mark          `json:"n,omitzero"`
	Scheduled      *scheduled     `json:"z,omitzero"`
}

// The types of chats with names for JSON. The compiler converts one to the other only as long as they have the same fields:
// whoever adds a field to a type of package chat is led here. omitzero tells an empty list from none.
type (
	audience struct {
		RoomID string        `json:"r,omitzero"`
		Users  []chat.UserID `json:"u,omitzero"`
	}
	message struct {
		ID             string           `json:"i,omitzero"`
		ConversationID string           `json:"c,omitzero"`
		RoomID         string           `json:"r,omitzero"`
		RecipientID    chat.UserID      `json:"u,omitzero"`
		SenderID       chat.UserID      `json:"f,omitzero"`
		SenderName     string           `json:"fn,omitzero"`
		Content        string           `json:"b,omitzero"`
		Type           chat.MessageType `json:"k,omitzero"`
		ClientMsgID    string           `json:"o,omitzero"`
		ReplyTo        string           `json:"re,omitzero"`
		ThreadID       string           `json:"th,omitzero"`
		Attachments    []string         `json:"at,omitzero"`
		Files          []chat.File      `json:"fi,omitzero"`
		Mentions       []chat.UserID    `json:"me,omitzero"`
		Reactions      []chat.Reactions `json:"x,omitzero"`
		Seq            int64            `json:"s,omitzero"`
		Timestamp      time.Time        `json:"t,omitzero"`
		EditedAt       time.Time        `json:"et,omitzero"`
		DeletedAt      time.Time        `json:"dt,omitzero"`
		PinnedAt       time.Time        `json:"pt,omitzero"`
		PinnedBy       chat.UserID      `json:"pb,omitzero"`
		Names          chat.Names       `json:"as,omitzero"`
	}
	reaction struct {
		MessageID string      `json:"i,omitzero"`
		RoomID    string      `json:"r,omitzero"`
		UserID    chat.UserID `json:"u,omitzero"`
		UserName  string      `json:"n,omitzero"`
		Emoji     string      `json:"e,omitzero"`
	}
	membership struct {
		RoomID   string           `json:"r,omitzero"`
		UserID   chat.UserID      `json:"u,omitzero"`
		UserName string           `json:"n,omitzero"`
		Role     chat.Role        `json:"k,omitzero"`
		Reason   chat.LeaveReason `json:"w,omitzero"`
	}
	added struct {
		RoomID string        `json:"r,omitzero"`
		Count  int           `json:"n,omitzero"`
		Users  []chat.UserID `json:"u,omitzero"`
	}
	room struct {
		ID             string            `json:"i,omitzero"`
		ConversationID string            `json:"c,omitzero"`
		Name           string            `json:"n,omitzero"`
		Description    string            `json:"d,omitzero"`
		Type           chat.RoomType     `json:"k,omitzero"`
		MaxMembers     int               `json:"l,omitzero"`
		CreatedBy      chat.UserID       `json:"b,omitzero"`
		CreatedAt      time.Time         `json:"t,omitzero"`
		MemberCount    int               `json:"z,omitzero"`
		Members        []chat.UserID     `json:"u,omitzero"`
		Admins         []chat.UserID     `json:"ad,omitzero"`
		Banned         []chat.UserID     `json:"bn,omitzero"`
		Settings       chat.RoomSettings `json:"o,omitzero"`
		Names          chat.Names        `json:"as,omitzero"`
	}
	receipt struct {
		MessageID      string      `json:"i,omitzero"`
		ConversationID string      `json:"c,omitzero"`
		SenderID       chat.UserID `json:"f,omitzero"`
		ReadBy         chat.UserID `json:"u,omitzero"`
		ReaderName     string      `json:"n,omitzero"`
		ReadAt         time.Time   `json:"t,omitzero"`
	}
	mark struct {
		ConversationID string      `json:"c,omitzero"`
		UserID         chat.UserID `json:"u,omitzero"`
		Seq            int64       `json:"s,omitzero"`
		ReadAt         time.Time   `json:"t,omitzero"`
	}
	scheduled struct {
		ID          string              `json:"i,omitzero"`
		RoomID      string              `json:"r,omitzero"`
		RecipientID chat.UserID         `json:"u,omitzero"`
		State       chat.ScheduledState `json:"k,omitzero"`
		SendAt      time.Time           `json:"t,omitzero"`
		MessageID   string              `json:"m,omitzero"`
	}
	fileMade struct {
		File  chat.File     `json:"f"`
		Rooms []string      `json:"r,omitzero"`
		Users []chat.UserID `json:"u,omitzero"`
	}
	head struct {
		ConversationID string        `json:"c,omitzero"`
		Seq            int64         `json:"s,omitzero"`
		Audience       chat.Audience `json:"to,omitzero"`
	}
)

func eventOf(e *chat.Event) event {
	return event{
		Kind: e.Kind, ConversationID: e.ConversationID, Seq: e.Seq, At: e.At, By: e.By, Audience: audience(e.Audience),
		Origin: e.Origin, Names: e.Names, Message: (*message)(e.Message), Reaction: (*reaction)(e.Reaction),
		Membership: (*membership)(e.Membership), Added: (*added)(e.Added), Room: (*room)(e.Room),
		Receipts: each(e.Receipts, func(r chat.Receipt) receipt { return receipt(r) }), Mark: (*mark)(e.Mark),
		Scheduled: (*scheduled)(e.Scheduled),
	}
}

func (e *event) event() chat.Event {
	return chat.Event{
		Kind: e.Kind, ConversationID: e.ConversationID, Seq: e.Seq, At: e.At, By: e.By, Audience: chat.Audience(e.Audience),
		Origin: e.Origin, Names: e.Names, Message: (*chat.Message)(e.Message), Reaction: (*chat.Reaction)(e.Reaction),
		Membership: (*chat.Membership)(e.Membership), Added: (*chat.Added)(e.Added), Room: (*chat.Room)(e.Room),
		Receipts: each(e.Receipts, func(r receipt) chat.Receipt { return chat.Receipt(r) }), Mark: (*chat.Mark)(e.Mark),
		Scheduled: (*chat.ScheduledChange)(e.Scheduled),
	}
}

// decodeChat adds the events of chats, and the places.
func decodeChat(in []event, c *feed.Committed) error {
	for i := range in {
		e := in[i].event()
		if e.Kind != "" {
			known, whole := promised(&e)
			if known && !whole {
				return fmt.Errorf("decode facts: an event %s lacks what it is about", e.Kind)
			}
			if known {
				c.Facts.Chat = append(c.Facts.Chat, e)
			}
			continue
		}
		at := feed.Place{ConversationID: e.ConversationID, First: e.Seq, Last: in[i].Last}
		if at.ConversationID == "" || at.First < 1 || at.Last < at.First {
			return fmt.Errorf("decode facts: there is no place from %d to %d of the conversation %q", at.First, at.Last, at.ConversationID)
		}
		if c.Places == nil {
			c.Places = make(map[int]feed.Place)
		}
		c.Places[len(c.Facts.Chat)] = at
		c.Facts.Chat = append(c.Facts.Chat, chat.Event{})
	}
	return nil
}

// promised tells whether the kind of an event is known, and whether the event has what its kind promises.
func promised(e *chat.Event) (known, whole bool) {
	//exhaustive:enforce
	switch e.Kind {
	case chat.MessageCreated, chat.MessageEdited, chat.MessageDeleted, chat.MessagePinned, chat.MessageUnpinned:
		return true, e.Message != nil
	case chat.ReactionAdded, chat.ReactionRemoved:
		return true, e.Reaction != nil
	case chat.MemberJoined, chat.MemberLeft, chat.MemberRole, chat.MemberBanned, chat.MemberUnbanned, chat.MemberInvited:
		return true, e.Membership != nil
	case chat.MembersAdded:
		return true, e.Added != nil
	case chat.RoomUpdated, chat.RoomDeleted:
		return true, e.Room != nil
	case chat.MessageRead:
		return true, len(e.Receipts) > 0
	case chat.ConversationRead:
		return true, e.Mark != nil
	case chat.ScheduledChanged:
		return true, e.Scheduled != nil
	}
	return false, false
}
