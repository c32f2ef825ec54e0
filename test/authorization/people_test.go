package authorization_test

import (
	"fmt"
	"slices"
	"strings"
)

// standing is what somebody is to the admin of a room, and in it. The first six are those of the table; the others are
// there to have things done to them.
type standing int

const (
	stranger standing = iota // has nothing to do with anybody of the room
	friend                   // of the admin's, not in the room
	blocked                  // by the admin, once a friend, not in the room
	banned                   // from the room, once a member
	member                   // of the room, nothing to the admin
	admin                    // of the room

	target  // another member
	coadmin // another admin
	asker   // has asked the admin for friendship, not in the room

	callers = target
	cast    = asker + 1
)

func (s standing) String() string {
	return [...]string{"stranger", "friend", "blocked", "banned", "member", "admin", "target", "coadmin", "asker"}[s]
}

// inRoom tells who is in the room.
func (s standing) inRoom() bool { return s == member || s == admin || s == target || s == coadmin }

// person has a device that hears what the person is told, and a way to ask.
type person struct {
	standing
	id, token string
	watch     *device
	asks      line
}

// line is a way to ask.
type line interface {
	ask(w *world, r *row, payload map[string]any) answer
}

// onDevice asks by the command's name, or the guide's.
type onDevice struct{ *device }

// wireOf is the protocol of a line, nil for HTTP.
func wireOf(l line) wire {
	if own, has := l.(onDevice); has {
		return own.wire
	}
	return nil
}

func (d onDevice) ask(_ *world, r *row, payload map[string]any) answer {
	d.t.Helper()
	if _, isGuide := d.wire.(guide); isGuide {
		return d.device.ask(r.guide, payload)
	}
	return d.device.ask(r.command, payload)
}

// overHTTP asks with a token; what the backend does is asked with its key.
type overHTTP struct{ token string }

func (h overHTTP) ask(w *world, r *row, payload map[string]any) answer {
	w.t.Helper()
	if op := w.operations[r.http]; op.key {
		return w.perform(w.t, op, w.key, payload)
	}
	return w.perform(w.t, w.operations[r.http], h.token, payload)
}

// people are everybody whom cells are about.
type people [cast]*person

// invite makes the people, and what they are to each other.
func (w *world) invite() *people {
	w.t.Helper()
	all := new(people)
	ids := make([]string, cast)
	for at := range cast {
		ids[at] = fmt.Sprintf("%s-%s", w.name, at)
		all[at] = w.enter(at, ids[at])
	}
	w.addMembers(w.heralds, ids...)
	for _, s := range []standing{friend, blocked, asker} {
		all.relate(s)
	}
	return all
}

// relate makes somebody who is nothing to the admin what the standing says.
func (p *people) relate(s standing) {
	other, ada := p[s], p[admin]
	switch s {
	case friend:
		other.watch.must("friend:request", `{"userId":%q}`, ada.id)
		ada.watch.must("friend:accept", `{"userId":%q}`, other.id)
	case blocked:
		ada.watch.must("user:block", `{"userId":%q}`, other.id)
	case asker:
		other.watch.must("friend:request", `{"userId":%q}`, ada.id)
	}
}

// restore makes two people to each other what they were in the beginning.
func (w *world) restore(one standing, otherID any) {
	w.t.Helper()
	other := standing(slices.IndexFunc(w.people[:], func(p *person) bool { return p.id == otherID }))
	for _, pair := range [][2]standing{{one, other}, {other, one}} {
		for _, end := range []string{"user:unblock", "friend:remove", "friend:decline"} {
			w.people[pair[0]].watch.must(end, `{"userId":%q}`, w.people[pair[1]].id)
		}
	}
	switch admin {
	case one:
		w.people.relate(other)
	case other:
		w.people.relate(one)
	}
	w.told()
}

func (w *world) enter(s standing, id string) *person {
	w.t.Helper()
	token := sign(w.t, ownSecret, claims(id, map[string]any{"username": id}))
	return &person{
		standing: s, id: id, token: token, watch: connect(w.t, w.server, native{}, token), asks: w.line(token),
	}
}

func (w *world) addMembers(room string, ids ...string) {
	w.t.Helper()
	if status, body := w.request("POST", "/api/v1/server/rooms/"+room+"/members", w.key, text(map[string]any{"userIds": ids})); status != 200 {
		w.t.Fatalf("add members: %d %s", status, body)
	}
}

// hearing is what the devices of somebody were told: the one that only listens, and the one that asks, if one does.
type hearing struct{ watch, own []frame }

// hearings are everybody's.
type hearings [cast]hearing

// told waits until everybody has been told of all that was done before, and returns what they were told since the last
// time: the hub tells in order, so it is done with that when it tells what the herald says now.
func (w *world) told() (heard hearings) {
	w.t.Helper()
	w.cries++
	cry := fmt.Sprintf("hear %s %d!", w.name, w.cries)
	w.herald.must("room:update", `{"roomId":%q,"description":%q}`, w.heralds, cry)
	for s, p := range w.people {
		p.watch.heard(cry)
		heard[s].watch = w.withoutCries(p.watch.take())
		if own, has := p.asks.(onDevice); has {
			_ = own.device.ask(own.wire.leave(), map[string]any{}) // the answer comes behind; the guide hears no cries
			heard[s].own = w.withoutCries(own.take())
		}
	}
	w.herald.take()
	return heard
}

func (w *world) withoutCries(frames []frame) []frame {
	return slices.DeleteFunc(frames, func(f frame) bool { return strings.Contains(f.raw, `"`+w.heralds+`"`) })
}

// byItself tells whether an event comes without anything having been done.
func byItself(f frame) bool {
	switch f.name {
	case "server:epoch", "conversation:head", "conversation:heads", "presence", "user:online", "user:offline":
		return true
	}
	return strings.HasPrefix(f.raw, `0{`) // Engine.IO opens
}
