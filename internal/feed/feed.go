// Package feed carries facts: what one part of one node has done, and parts of all nodes
// must know. It stands between commits and what follows them:
//
//	store ─▶ feed ─▶ accounts, hub, presence of every node
//
// Nothing else crosses from one part to another in memory only, so that what works on one
// node works on many. This package says what the facts are; its sub-packages carry them:
// local within a process.
package feed

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
)

// Facts are what became true at one moment, such as by one commit. Most have one kind of
// them. What they point to is shared by all who are told, and must not be changed.
type Facts struct {
	At     time.Time // of the commit
	Commit Commit    // where it is in the log of commits; nowhere without one

	// What is committed.
	Chat     []chat.Event
	Accounts []account.Event

	// What is told again, or anew, so that no harm is done where it is lost.
	Heads   []chat.Head // how far logs go: clients that have less have missed something
	Notices []Notice
	Passing []Passing
	Files   []FileMade
}

// FileMade is that all was made of a file that could be made. A device that is meant twice is told once. Where it is lost, the file says
// so when it is read again.
type FileMade struct {
	File chat.File
	// For members of rooms, and for users.
	Rooms []string
	Users []account.UserID
}

// Notice is a notification of the application, for the subscribers of topics and for the
// devices of users. A device that is meant twice gets it once.
type Notice struct {
	Topics []string
	Users  []account.UserID
	Body   any // as JSON
}

// Passing is news about a user that nobody stores: it is outdated soon.
type Passing struct {
	Kind PassingKind
	Node string // that publishes it; empty where there is one
	Who  account.Person
	// To are users whose devices are told. With a RoomID it is for the room's members
	// instead, but for Who and the users in Except.
	To     []account.UserID
	RoomID string
	Except []account.UserID
}

// PassingKind names what passes.
type PassingKind string

// The kinds: what is typed to one user or in a room.
const (
	TypingStarted PassingKind = "typing.started"
	TypingStopped PassingKind = "typing.stopped"
)

// Feed carries facts. Its methods may be called concurrently; Heed and Follow are to be
// called before anything is published.
type Feed interface {
	// Heed has f told of facts at once: of those of this node before Publish returns, so
	// that a command has its effect here when it is answered. Facts published one after
	// the other are told in that order. f must not block, nor publish.
	Heed(f func(*Facts))
	// Follow has f told of facts behind those that were published before, by one
	// goroutine for all who follow, each after those who followed before it. f may block,
	// which holds up all of them, and must not publish.
	Follow(f func(*Facts))

	// Publish tells facts to all who heed and follow, on all nodes. It waits while much is
	// still to be told: senders are slowed down rather than facts lost.
	Publish(Facts)
	// Offer publishes facts that may be lost: it drops them, and reports false, where
	// Publish would wait.
	Offer(Facts) bool
	// After has f called, on this node, behind all that was published before, as those are
	// who follow.
	After(f func())
	// Flush returns once all who follow on this node were told what was published before,
	// or with the error of ctx when that ends.
	Flush(ctx context.Context) error
	// Waiting is how much is still to be told to those who follow on this node.
	Waiting() int
	// Stop tells what was published and ends the feed. What is published from then on is
	// dropped.
	Stop()
}
