package app

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/local"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/presence"
)

func (s *Server) buildFeed(context.Context) error {
	s.Feed = local.New()
	s.parts.add("feed", func() error { s.Feed.Stop(); return nil })
	return nil
}

// news makes facts of what parts tell, and publishes them.
type news struct{ feed feed.Feed }

// chats is a chat.Sink, accounts an account.Sink.
func (n news) chats(events []chat.Event) { n.feed.Publish(feed.Facts{At: time.Now(), Chat: events}) }

func (n news) accounts(events []account.Event) {
	n.feed.Publish(feed.Facts{At: time.Now(), Accounts: events})
}

// heads announces how far logs go.
func (n news) heads(heads []chat.Head) {
	if len(heads) > 0 {
		n.feed.Publish(feed.Facts{At: time.Now(), Heads: heads})
	}
}

// Notify implements httpapi.Notifier.
func (n news) Notify(topics []string, users []account.UserID, notification any) {
	n.feed.Publish(feed.Facts{At: time.Now(), Notices: []feed.Notice{{Topics: topics, Users: users, Body: notification}}})
}

// teller is news of who is online: a presence.Teller.
type teller struct {
	news
	hub *hub.Hub
}

// Online and Offline are about a user, for users.
func (t teller) Online(to []account.UserID, who account.Person) { t.passing(feed.Online, to, who) }

// Offline is the opposite of Online.
func (t teller) Offline(to []account.UserID, who account.Person) { t.passing(feed.Offline, to, who) }

func (t teller) passing(kind feed.PassingKind, to []account.UserID, who account.Person) {
	if len(to) > 0 {
		t.feed.Publish(feed.Facts{At: time.Now(), Passing: []feed.Passing{{Kind: kind, Who: who, To: to}}})
	}
}

// Present tells a device, which is of this node, so that no other one needs to know. It is
// told behind what was told before.
func (t teller) Present(device string, online []account.UserID) {
	t.feed.After(func() { t.hub.Present(device, online) })
}

// TypingStarted and TypingStopped implement presence.TypingTeller. They tell nothing where much
// is still to be told: clients let typing end by themselves.
func (n news) TypingStarted(at presence.Place, who account.Person, except []account.UserID) {
	n.typing(feed.TypingStarted, at, who, except)
}

// TypingStopped is the opposite of TypingStarted.
func (n news) TypingStopped(at presence.Place, who account.Person, except []account.UserID) {
	n.typing(feed.TypingStopped, at, who, except)
}

func (n news) typing(kind feed.PassingKind, at presence.Place, who account.Person, except []account.UserID) {
	p := feed.Passing{Kind: kind, Who: who, RoomID: at.RoomID, Except: except}
	if at.RoomID == "" {
		p.To = []account.UserID{at.UserID}
	}
	n.feed.Offer(feed.Facts{At: time.Now(), Passing: []feed.Passing{p}})
}
