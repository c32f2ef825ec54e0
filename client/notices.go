package client

import (
	"encoding/json"
	"slices"
)

// Notice is what to tell a person who does not look at the chat: by a notification on the desktop, a sound, a light.
type Notice struct {
	Title string // who says something, or the id of the room in which it is said
	Body  string // at most 100 characters; those of other people, as they were written
	// Tag is the conversation's id: a notice replaces those with the same tag. Empty where it is of no conversation.
	Tag      string
	RoomID   string // if it is of a room
	SenderID string // who has caused it; empty where no user has
}

// maxNotice is how many characters a notice's body has at most, as those of push notifications have.
const maxNotice = 100

// NoticeOf tells what a person is to be told of an event; false if nothing. As by push notifications that is: what others say to you, in rooms where
// they mention you, who invites you and who wants to be your friend, and what an application tells you that has a title. What you have muted
// is not left out. Any goroutine may call it.
func (c *Client) NoticeOf(e Event) (Notice, bool) {
	switch e := e.(type) {
	case *MessageReceived:
		return c.noticeOfMessage(&e.Message)
	case *RoomMessage:
		if slices.Contains(e.Mentions, c.UserID()) {
			return c.noticeOfMessage(&e.Message)
		}
	case *RoomInvited:
		if e.UserID == c.UserID() {
			return Notice{Title: named(e.Names[e.By].Username, e.By), Body: "invites you to the room " + e.RoomID, Tag: e.ConversationID, RoomID: e.RoomID, SenderID: e.By}, true
		}
	case *FriendRequested:
		return Notice{Title: named(e.Username, e.UserID), Body: "wants to be friends", SenderID: e.UserID}, e.By != c.UserID()
	case *Notification:
		var told struct{ Title, Body, Tag string }
		if json.Unmarshal(e.Payload, &told) != nil || told.Title == "" {
			return Notice{}, false // an application may tell anything
		}
		return Notice{Title: told.Title, Body: short(told.Body), Tag: told.Tag}, true
	}
	return Notice{}, false
}

func (c *Client) noticeOfMessage(m *Message) (Notice, bool) {
	if m.SenderID == c.UserID() || m.Deleted || m.Type == "system" {
		return Notice{}, false
	}
	sender := named(m.SenderUsername, m.SenderID)
	n := Notice{Title: sender, Body: m.Content, Tag: m.ConversationID, RoomID: m.RoomID, SenderID: m.SenderID}
	if m.RoomID != "" {
		n.Title, n.Body = m.RoomID, sender+": "+m.Content
	}
	n.Body = short(n.Body)
	return n, true
}

func named(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

func short(text string) string {
	if runes := []rune(text); len(runes) > maxNotice {
		return string(runes[:maxNotice-1]) + "…"
	}
	return text
}
