package model_test

import (
	"fmt"
	"maps"
)

// replica is what a device knows, by nothing but what docs/protocol.md promises.
type replica struct {
	user  string
	convs map[string]*kept
	// lost is set when something was missed for sure.
	lost bool
}

// kept is what a device keeps of one conversation.
type kept struct {
	id               string
	first, seq, read int64
	room             *room // without lists; nil in a direct conversation
	peer             string
	members          map[string]string // with their roles
	banned           map[string]bool
	messages         map[string]*message
	// guessed are own messages of which only the answer was seen: it tells neither mentions nor thread.
	guessed map[string]bool
	// ahead are events that wait for those before them: the answer to a message of one's own comes beside the events.
	ahead map[int64]event
}

func newReplica(user string) *replica { return &replica{user: user, convs: make(map[string]*kept)} }

// behind tells, once all that was sent has been read, whether something is missing.
func (r *replica) behind() bool {
	for _, k := range r.convs {
		if len(k.ahead) > 0 {
			return true
		}
	}
	return r.lost
}

// heads takes how far logs go.
func (r *replica) heads(heads []head) {
	for _, h := range heads {
		if k := r.convs[h.ConversationID]; k == nil || k.seq < h.Seq {
			r.lost = true
		}
	}
}

// take applies an event that was told live.
func (r *replica) take(e event) error {
	k := r.convs[e.ConversationID]
	switch {
	case e.Name == "conversation:read":
		if k != nil {
			k.read = max(k.read, e.Seq)
		}
		return nil
	case e.Name == "message:read", e.Name == "room:invited":
		return nil
	case k == nil:
		if !r.endsForMe(&e) {
			r.lost = true
		}
		return nil
	}
	return r.place(k, e)
}

// endsForMe tells whether nothing more will come of the conversation.
func (r *replica) endsForMe(e *event) bool {
	switch e.Name {
	case "room:user_left", "room:user_banned", "room:user_unbanned":
		return e.UserID == r.user
	case "room:deleted":
		return true
	}
	return false
}

// place applies an event in its order.
func (r *replica) place(k *kept, e event) error {
	if e.Seq > k.seq {
		k.ahead[e.Seq] = e
	}
	return r.drain(k)
}

// drain applies what follows on what is there, and forgets what is there already.
func (r *replica) drain(k *kept) error {
	maps.DeleteFunc(k.ahead, func(seq int64, _ event) bool { return seq <= k.seq })
	for {
		next, ok := k.ahead[k.seq+1]
		if !ok {
			return nil
		}
		delete(k.ahead, next.Seq)
		k.seq = next.Seq
		if err := r.apply(k, &next); err != nil {
			return err
		}
	}
}

// apply carries out the event whose turn it is.
func (r *replica) apply(k *kept, e *event) error {
	if e.Message != nil {
		delete(k.guessed, e.Message.ID)
		if e.guessed {
			k.guessed[e.Message.ID] = true
		}
	}
	switch e.Name {
	case "room:message", "message:received":
		k.messages[e.Message.ID] = e.Message
	case "message:edited", "message:pinned", "message:unpinned":
		if e.Message.Seq >= k.first { // else it is kept no longer
			k.messages[e.Message.ID] = e.Message
		}
	case "message:deleted":
		if m := k.messages[e.MessageID]; m != nil {
			m.wipe()
		}
	case "reaction:added", "reaction:removed":
		if m := k.messages[e.MessageID]; m != nil && e.Emoji != "" && !m.Deleted {
			m.react(e.UserID, e.Emoji, e.Name == "reaction:added")
		}
	case "room:user_joined":
		if _, member := k.members[e.UserID]; !member {
			k.members[e.UserID] = "member"
			if len(k.members) == 1 {
				k.members[e.UserID] = "admin"
			}
		}
	case "room:members_added":
		for _, user := range e.UserIDs {
			if _, member := k.members[user]; !member {
				k.members[user] = "member"
			}
		}
	case "room:user_left":
		delete(k.members, e.UserID)
		if e.Reason == "banned" {
			k.banned[e.UserID] = true
		}
		if e.UserID == r.user {
			r.forget(k)
		}
	case "room:user_banned":
		k.banned[e.UserID] = true
	case "room:user_unbanned":
		delete(k.banned, e.UserID)
	case "room:role":
		k.members[e.UserID] = e.Role
	case "room:updated":
		k.describe(e.Room)
	case "room:deleted":
		r.forget(k)
	default:
		return fmt.Errorf("unknown event %s", e.Name)
	}
	return nil
}

// forget drops a conversation that one has left.
func (r *replica) forget(k *kept) { delete(r.convs, k.id) }

// describe takes what a room says of itself but for its lists, which events keep.
func (k *kept) describe(as *room) {
	r := *as
	r.Members, r.Admins, r.Banned, r.MemberCount = nil, nil, nil, 0
	k.room = &r
}

// list takes the lists of a room.
func (k *kept) list(as *room) {
	k.members, k.banned = make(map[string]string), make(map[string]bool)
	for _, user := range as.Members {
		k.members[user] = "member"
	}
	for _, user := range as.Admins {
		k.members[user] = "admin"
	}
	for _, user := range as.Banned {
		k.banned[user] = true
	}
}

// adopt begins to keep a conversation that was introduced. Nothing of its log is known yet.
func (r *replica) adopt(s *summary) *kept {
	k := &kept{
		id: s.ConversationID, first: s.FirstSeq, read: s.ReadSeq, messages: make(map[string]*message),
		members: make(map[string]string), banned: make(map[string]bool), guessed: make(map[string]bool), ahead: make(map[int64]event),
	}
	if s.Room != nil {
		k.describe(s.Room)
	} else if s.Peer != nil {
		k.peer = s.Peer.UserID
	}
	r.convs[k.id] = k
	return k
}

// trim forgets what the server keeps no longer.
func (k *kept) trim(first int64) {
	k.first = first
	maps.DeleteFunc(k.messages, func(_ string, m *message) bool { return m.Seq < first })
}

// replay applies the events of a sync, which must follow on what it was asked about. Some may have come live since.
func (r *replica) replay(k *kept, since int64, events []event) error {
	delete(r.convs, k.id) // so that an end in the past does not forget what goes on
	next := since + 1
	for _, e := range events {
		if e.Seq != next {
			return fmt.Errorf("sync has %d where %d follows", e.Seq, next)
		}
		next++
		if err := r.place(k, e); err != nil {
			return err
		}
	}
	r.convs[k.id] = k
	return nil
}

// byRoom finds a room by its id.
func (r *replica) byRoom(id string) *kept {
	for _, k := range r.convs {
		if k.room != nil && k.room.ID == id {
			return k
		}
	}
	return nil
}
