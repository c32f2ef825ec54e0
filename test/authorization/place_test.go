package authorization_test

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"
)

// kind is where a row happens.
type kind string

const (
	inPrivate    kind = "private" // a private room
	inPublic     kind = "public"  // a public room
	inClosed     kind = "direct"  // a room of type direct
	byInvitation kind = "invited" // a private room to which stranger, friend and blocked are invited
	inPair       kind = "pair"    // the direct conversations of the admin with friend and blocked
	amongPeople  kind = "nowhere" // neither
)

// place is where cells happen. All that was said by who is in it has its own secret word, which nobody else must ever be
// sent.
type place struct {
	kind         kind
	room         string
	conversation string
	seq          int64  // of the log, a little below its end
	name, word   string // secret words: in the room's name and description, and in what was said
	said, pinned string // messages of the admin, and of the member, which the admin has pinned
	last         string // the message that was said last
	indexed      bool   // it is known to be found
	scheduled    string // what the admin has scheduled, if a row is about that
	own          map[standing]string

	pairs map[standing]*place // inPair: of friend and blocked
}

// seenBy is the place as somebody means it who asks about it: of the pairs one's own, if one has one.
func (p *place) seenBy(s standing) *place {
	if pair := p.pairs[s]; pair != nil {
		return pair
	}
	if pair := p.pairs[friend]; pair != nil {
		return pair
	}
	return p
}

// mayKnow tells who may be sent the word that was said, and the name.
func (p *place) mayKnow(s standing) (said, name bool) {
	switch {
	case p.kind == inPair:
		return false, false // there is no word outside the pairs
	case s.inRoom():
		return true, true
	}
	invited := p.kind == byInvitation && (s == stranger || s == friend || s == blocked)
	return false, p.kind == inPublic || invited
}

// secrets are the words that somebody must not be sent.
func (p *place) secrets(s standing) (words []string) {
	for with, pair := range p.pairs {
		if s != with && s != admin {
			words = append(words, pair.word)
		}
	}
	said, name := p.mayKnow(s)
	if p.word != "" && !said {
		words = append(words, p.word)
	}
	if p.name != "" && !name {
		words = append(words, p.name)
	}
	return words
}

// settle makes a place.
func (w *world) settle(k kind) *place {
	w.t.Helper()
	w.places++
	switch k {
	case amongPeople:
		return &place{kind: k}
	case inPair:
		return &place{kind: k, pairs: map[standing]*place{friend: w.settlePair(friend), blocked: w.settlePair(blocked)}}
	}
	return w.settleRoom(k)
}

func (w *world) settleRoom(k kind) *place {
	w.t.Helper()
	p := &place{
		kind: k, room: fmt.Sprintf("%s.%06d", w.name, w.places), own: make(map[standing]string),
		name: fmt.Sprintf("treasury%s%dx", w.name, w.places), word: fmt.Sprintf("doubloons%s%dx", w.name, w.places),
	}
	roomType := string(k)
	if k == byInvitation {
		roomType = string(inPrivate)
	}
	all := w.people
	ada := all[admin].watch
	var created struct {
		Room struct{ ConversationID string }
	}
	ada.must("room:create", `{"id":%q,"name":%q,"description":%q,"type":%q}`, p.room, p.name, "the "+p.name, roomType).into(w.t, &created)
	p.conversation = created.Room.ConversationID
	w.addMembers(p.room, all[banned].id, all[member].id, all[target].id, all[coadmin].id)
	ada.must("room:promote", `{"roomId":%q,"userId":%q}`, p.room, all[coadmin].id)
	p.own[banned] = w.say(banned, `"roomId":%q`, p.room, "I was here")
	ada.must("room:ban", `{"roomId":%q,"userId":%q}`, p.room, all[banned].id)
	p.own[member] = w.say(member, `"roomId":%q`, p.room, "more "+p.word)
	p.said = w.say(admin, `"roomId":%q`, p.room, "here are "+p.word)
	p.pinned = p.own[member]
	ada.must("message:pin", `{"messageId":%q}`, p.pinned)
	for _, s := range []standing{member, admin} {
		all[s].watch.must("reaction:add", `{"messageId":%q,"emoji":"👍"}`, p.said)
	}
	var last struct {
		ID  string
		Seq int64
	}
	all[target].watch.must("room:message", `{"roomId":%q,"content":%q}`, p.room, "are they "+p.word).into(w.t, &last)
	p.last, p.seq = last.ID, last.Seq
	if k == byInvitation {
		for _, s := range []standing{stranger, friend, blocked} {
			ada.must("room:invite", `{"roomId":%q,"userId":%q}`, p.room, all[s].id)
		}
	}
	return p
}

// settlePair has the admin and another say something to each other. It was said before the block.
func (w *world) settlePair(with standing) *place {
	w.t.Helper()
	ada, other := w.people[admin], w.people[with]
	if with == blocked {
		ada.watch.must("user:unblock", `{"userId":%q}`, other.id)
		ada.watch.must("friend:request", `{"userId":%q}`, other.id)
		other.watch.must("friend:accept", `{"userId":%q}`, ada.id)
		defer ada.watch.must("user:block", `{"userId":%q}`, other.id)
	}
	p := &place{kind: inPair, word: fmt.Sprintf("guineas%s%d%sx", w.name, w.places, with), own: make(map[standing]string)}
	p.own[with] = w.say(with, `"recipientId":%q`, ada.id, "more "+p.word)
	p.pinned = p.own[with]
	ada.watch.must("message:pin", `{"messageId":%q}`, p.pinned)
	var sent struct {
		ID, ConversationID string
		Seq                int64
	}
	ada.watch.must("message:send", `{"recipientId":%q,"content":%q}`, other.id, "here are "+p.word).into(w.t, &sent)
	p.last, p.said, p.conversation, p.seq = sent.ID, sent.ID, sent.ConversationID, sent.Seq
	for _, d := range []*device{ada.watch, other.watch} {
		d.must("reaction:add", `{"messageId":%q,"emoji":"👍"}`, p.said)
	}
	return p
}

// schedule has the admin schedule something for a place, if a row is about that and nothing is.
func (w *world) schedule(r *row, p *place) {
	w.t.Helper()
	if p.scheduled != "" || p.room == "" || !strings.Contains(r.command, "schedule") {
		return
	}
	var made struct{ Scheduled struct{ ID string } }
	w.people[admin].watch.must("message:schedule", `{"roomId":%q,"content":%q,"sendAt":%q}`,
		p.room, "later "+p.word, time.Now().Add(time.Hour).Format(time.RFC3339)).into(w.t, &made)
	p.scheduled = made.Scheduled.ID
	for s, h := range w.told() {
		w.keepsAll(p, standing(s), h)
	}
}

func (w *world) say(by standing, to, id, content string) (messageID string) {
	w.t.Helper()
	command := "room:message"
	if strings.Contains(to, "recipientId") {
		command = "message:send"
	}
	var sent struct{ ID string }
	w.people[by].watch.must(command, "{"+to+`,"content":%q}`, id, content).into(w.t, &sent)
	return sent.ID
}

// fill puts what a caller means into a payload, for $names in it.
func (w *world) fill(payload string, p *place, by standing) map[string]any {
	w.t.Helper()
	return object(w.t, w.expand(payload, p, by))
}

func (w *world) expand(payload string, p *place, by standing) string {
	w.t.Helper()
	at := p.seenBy(by)
	peer := admin
	if by == admin {
		peer = friend
	}
	return os.Expand(payload, func(name string) string {
		for s := range cast {
			if name == s.String() {
				return w.people[s].id
			}
		}
		switch name {
		case "peer": // the admin; to the admin, the friend
			return w.people[peer].id
		case "me":
			return w.people[by].id
		case "room":
			return at.room
		case "before": // not far before the room in a list
			return at.room[:len(at.room)-1]
		case "conversation":
			return at.conversation
		case "seq":
			return fmt.Sprint(at.seq)
		case "said":
			return at.said
		case "own": // the caller's own message, or somebody else's
			for _, s := range []standing{by, member, friend, blocked} {
				if id := at.own[s]; id != "" {
					return id
				}
			}
		case "pinned":
			return at.pinned
		case "scheduled":
			return cmp.Or(at.scheduled, "nothing")
		case "later":
			return time.Now().Add(time.Hour).Format(time.RFC3339)
		case "name":
			return at.name
		case "word":
			return at.word
		case "new":
			w.places++
			return fmt.Sprintf("%s-new-%d", w.name, w.places)
		case "token":
			return w.people[by].token
		case "adminToken":
			return w.people[admin].token
		}
		w.t.Fatalf("%s: there is no $%s", payload, name)
		return ""
	})
}
