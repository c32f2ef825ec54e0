package chat

import (
	"context"
	"fmt"
)

// MaxNamed is how many users a message names at most, beside its sender: reactions
// alone may be of thousands.
const MaxNamed = 100

// Named is how a user is called.
type Named struct {
	Name string // for display
	// Login is the login name of a local account, empty for others.
	Login string
}

// Names are how the users are called who stand by their ids alone in what they come
// with, so that nobody has to show an id. Users who are not known are not in it; nil
// is nobody.
type Names map[UserID]Named

// Names returns how users are called, for those who may know of all users. Who is not
// known is not in it.
func (s *Service) Names(ctx context.Context, ids []UserID) (Names, error) {
	names, err := s.store.Names(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("look up names: %w", err)
	}
	return names, nil
}

// Of returns the names of some of the users.
func (n Names) Of(ids []UserID) Names {
	var some Names
	for _, id := range ids {
		if named, known := n[id]; known {
			if some == nil {
				some = make(Names, len(ids))
			}
			some[id] = named
		}
	}
	return some
}

// size is about how many bytes the names take when they are encoded as JSON.
func (n Names) size() int {
	size := 0
	for id, named := range n {
		size += len(`"":{"username":,"login":},`) + encoded(string(id)) + encoded(named.Name) + encoded(named.Login)
	}
	return size
}

// Nameless are the users whom the message has by their ids alone, each once: whom it
// mentions, who pinned it, who reacted, at most [MaxNamed].
func (m *Message) Nameless() []UserID {
	if len(m.Mentions) == 0 && m.PinnedBy == "" && len(m.Reactions) == 0 {
		return nil
	}
	var ids idList
	ids.add(m.Mentions...)
	if m.PinnedBy != "" {
		ids.add(m.PinnedBy)
	}
	for i := range m.Reactions {
		ids.add(m.Reactions[i].Users...)
	}
	return ids.first(MaxNamed)
}

// Nameless are the users whom the room has by their ids, each once.
func (r *Room) Nameless() []UserID {
	var ids idList
	ids.add(r.CreatedBy)
	ids.add(r.Members...)
	ids.add(r.Banned...)
	return ids.first(len(ids.ids))
}

// Nameless are the users whom the event has by their ids alone, each once, beside
// those of its message and its room, which have their own.
func (e *Event) Nameless() []UserID {
	var ids idList
	//exhaustive:enforce
	switch e.Kind {
	case MessageEdited, MessagePinned, MessageUnpinned, MessageDeleted, RoomUpdated, RoomDeleted:
		ids.add(e.By)
	case MemberLeft, MemberBanned, MemberUnbanned, MemberInvited:
		if e.By != e.Membership.UserID {
			ids.add(e.By)
		}
	case MembersAdded:
		ids.add(e.Added.Users[:min(len(e.Added.Users), ListedMembers)]...)
	case MessageCreated, MemberJoined, MemberRole, ReactionAdded, ReactionRemoved, MessageRead, ConversationRead, ScheduledChanged:
	}
	return ids.ids
}

// idList is a list of ids, each once.
type idList struct {
	ids   []UserID
	known map[UserID]bool
}

func (l *idList) add(ids ...UserID) {
	if l.known == nil {
		l.known = make(map[UserID]bool, len(ids))
	}
	for _, id := range ids {
		if !l.known[id] {
			l.known[id] = true
			l.ids = append(l.ids, id)
		}
	}
}

func (l *idList) first(n int) []UserID { return l.ids[:min(n, len(l.ids))] }
