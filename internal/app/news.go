package app

import (
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/upload"
)

// news makes facts of what parts tell, and publishes them.
type news struct{ feed feed.Feed }

// chats is a chat.Sink, accounts an account.Sink.
func (n news) chats(events []chat.Event) { n.feed.Publish(feed.Facts{At: time.Now(), Chat: events}) }

func (n news) accounts(events []account.Event) {
	n.feed.Publish(feed.Facts{At: time.Now(), Accounts: events})
}

// Notify implements broadcast.Notifier.
func (n news) Notify(topics []string, users []account.UserID, notification any) {
	n.feed.Publish(feed.Facts{At: time.Now(), Notices: []feed.Notice{{Topics: topics, Users: users, Body: notification}}})
}

// file tells what was made of a file to those who have it.
func (n news) file(f chat.File, to upload.Audience) {
	n.feed.Publish(feed.Facts{At: time.Now(), Files: []feed.FileMade{{File: f, Rooms: to.Rooms, Users: to.Users}}})
}

// teller is news of who is online: a presence.Teller. All of it is for devices of this node, and is told behind what was
// told before.
type teller struct {
	feed feed.Feed
	hub  *hub.Hub
}

// Online and Offline are about a user, for users.
func (t teller) Online(to []account.UserID, who account.Person) {
	if len(to) > 0 {
		t.feed.After(func() { t.hub.Online(to, who) })
	}
}

// Offline is the opposite of Online.
func (t teller) Offline(to []account.UserID, who account.Person) {
	if len(to) > 0 {
		t.feed.After(func() { t.hub.Offline(to, who) })
	}
}

// Present tells one device.
func (t teller) Present(device string, online []account.UserID) {
	t.feed.After(func() { t.hub.Present(device, online) })
}

// announcer tells the devices of this node how far logs go. Every node reads that by itself: it shows what was lost, and
// so it must not go by a way on which something may be lost.
type announcer struct {
	feed feed.Feed
	hub  *hub.Hub
}

func (a announcer) heads(heads []chat.Head) {
	if len(heads) > 0 {
		a.feed.After(func() { a.hub.Tell(&feed.Facts{At: time.Now(), Heads: heads}) })
	}
}

// typists is news of who types: a presence.TypingTeller. It tells nothing where much is still to be told: clients let
// typing end by themselves.
type typists struct {
	feed feed.Feed
	node string // that this is; empty where there is one
}

// TypingStarted and TypingStopped are for all nodes.
func (t typists) TypingStarted(at presence.Place, who account.Person, except []account.UserID) {
	t.tell(feed.TypingStarted, at, who, except)
}

// TypingStopped is the opposite of TypingStarted.
func (t typists) TypingStopped(at presence.Place, who account.Person, except []account.UserID) {
	t.tell(feed.TypingStopped, at, who, except)
}

func (t typists) tell(kind feed.PassingKind, at presence.Place, who account.Person, except []account.UserID) {
	p := feed.Passing{Kind: kind, Node: t.node, Who: who, RoomID: at.RoomID, Except: except}
	if at.RoomID == "" {
		p.To = []account.UserID{at.UserID}
	}
	t.feed.Offer(feed.Facts{At: time.Now(), Passing: []feed.Passing{p}})
}

// hear has typing know what is typed on other nodes.
func (t typists) hear(typing *presence.Typing) func(*feed.Facts) {
	return func(facts *feed.Facts) {
		for i := range facts.Passing {
			p := &facts.Passing[i]
			if p.Node == t.node {
				continue // it has said so itself
			}
			at := presence.Place{RoomID: p.RoomID}
			if p.RoomID == "" && len(p.To) == 1 {
				at.UserID = p.To[0]
			}
			//exhaustive:enforce
			switch p.Kind {
			case feed.TypingStarted:
				typing.StartedElsewhere(p.Who, at, p.Except)
			case feed.TypingStopped:
				typing.StoppedElsewhere(p.Who.ID, at)
			}
		}
	}
}
