package model_test

import (
	"cmp"
	"slices"
	"time"
)

// world is the reference: all that there should be, as simply as it can be kept. Its methods come in pairs: what may be
// done, as the code of the refusal or "" for yes, and the doing, which is called only then.
type world struct {
	now    stamp
	people []*person
	logs   []*conversation // in the order of their making, those that are over too
	rooms  map[string]*conversation
	direct map[[2]string]*conversation
	sent   map[[2]string]*said // by sender and clientMsgId
	said   []*said             // in the order of being stored, also what is gone
	// directRetention is 0 for ever.
	directRetention time.Duration
	// tell hands an event to all devices of some users but one device, which may be nil.
	tell func(users []string, but *device, what fact)
}

// person is a user. The name is the id until the first sign-in.
type person struct {
	id, name string
}

// conversation is one log, with who is in it.
type conversation struct {
	id                      string
	roomID                  string   // empty for a direct one
	sides                   []string // of a direct one
	over                    bool     // its room is no more
	room                    room     // without lists and count
	members                 []*member
	banned, kicked, invited map[string]bool
	marks                   map[string]int64
	log                     []*entry // from first on
	first, head             int64
	lastAt                  stamp
	messages                []*said // that are kept, by seq
}

type member struct {
	user   string
	admin  bool
	seq    int64 // of joining
	joined stamp
}

// entry is a line of a log.
type entry struct {
	fact
	said  *said    // what it is about
	added []string // who was added by it
}

// said is a message with what clients are not shown.
type said struct {
	message
	conv *conversation
	as   draft // what was first sent
	gone bool  // retention has removed it
}

func newWorld(directRetention time.Duration, tell func([]string, *device, fact)) *world {
	return &world{
		rooms: make(map[string]*conversation), direct: make(map[[2]string]*conversation), sent: make(map[[2]string]*said),
		directRetention: directRetention, tell: tell,
	}
}

func (w *world) nameOf(user string) string {
	for _, p := range w.people {
		if p.id == user {
			return p.name
		}
	}
	return user
}

// audience is who is in a conversation.
func (c *conversation) audience() []string {
	if c.roomID == "" {
		return c.sides
	}
	users := make([]string, len(c.members))
	for i, m := range c.members {
		users[i] = m.user
	}
	return users
}

func (c *conversation) has(user string) bool { return slices.Contains(c.audience(), user) }

func (c *conversation) member(user string) *member {
	for _, m := range c.members {
		if m.user == user {
			return m
		}
	}
	return nil
}

func (c *conversation) admin(user string) bool {
	m := c.member(user)
	return m != nil && m.admin
}

// record adds a line to the log and tells it to all who are in the conversation, to some more users, and not to the
// device that knows it from the answer to its command.
func (w *world) record(c *conversation, e *entry, more []string, but *device) *entry {
	c.head++
	c.lastAt = max(c.lastAt, w.now)
	e.Conversation, e.Seq, e.At = c.id, c.head, c.lastAt
	c.log = append(c.log, e)
	users := slices.Concat(c.audience(), more)
	slices.Sort(users)
	w.tell(slices.Compact(users), but, e.fact)
	return e
}

// of returns the conversations of a user, the latest first.
func (w *world) of(user string) []*conversation {
	var list []*conversation
	for _, c := range w.logs {
		if !c.over && c.has(user) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *conversation) int {
		return cmp.Or(cmp.Compare(b.lastAt, a.lastAt), cmp.Compare(b.id, a.id))
	})
	return list
}

// byID finds a conversation of a user's.
func (w *world) byID(user, id string) *conversation {
	for _, c := range w.of(user) {
		if c.id == id {
			return c
		}
	}
	return nil
}

// message finds a message that a user may see.
func (w *world) message(user, id string) *said {
	for _, s := range w.said {
		if s.ID == id && !s.gone && !s.conv.over && s.conv.has(user) {
			return s
		}
	}
	return nil
}

// retain removes what is kept no longer: of each log the lines before the first that is young enough.
func (w *world) retain() {
	for _, c := range w.logs {
		keep := w.directRetention
		if c.roomID != "" {
			keep = time.Duration(c.room.Settings.MessageRetention) * day
		}
		if keep == 0 && !c.over {
			continue
		}
		for len(c.log) > 0 && (c.over || c.log[0].At < w.now-stamp(keep.Milliseconds())) {
			c.first = c.log[0].Seq + 1
			c.log = c.log[1:]
		}
		for len(c.messages) > 0 && c.messages[0].Seq < c.first {
			s := c.messages[0]
			c.messages, s.gone = c.messages[1:], true
			if key := [2]string{s.SenderID, s.ClientMsgID}; w.sent[key] == s {
				delete(w.sent, key)
			}
		}
	}
}
