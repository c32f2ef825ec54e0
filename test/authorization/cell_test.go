package authorization_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// row is a command, or an operation, and what comes of it for each caller. A payload is JSON in which $names are filled
// in, see world.fill.
type row struct {
	command string // empty: an operation of the backend, on behalf of the caller
	http    string // the id of the operation; none
	guide   string // what the guide calls the command, if it does
	at      kind
	payload string
	want    want

	reveals string // what only those are sent who are shown it; by default the place's word
	undo    string // a command that takes a change back which nothing shows and which would end by itself
}

// want has the outcome for stranger, friend, blocked, banned, member and admin: one of these four, or the code of the
// refusal. A refusal changes nothing, is told to nobody, and tells the caller nothing.
type want [callers]string

const (
	// done: it is accepted, and something has changed or somebody was told.
	done = "done"
	// unseen is done, but nobody except the caller can tell.
	unseen = "unseen"
	// shown: it is accepted, changes nothing and is told to nobody; the caller was shown what the row reveals.
	shown = "shown"
	// harmless: it is accepted, changes nothing, is told to nobody, and the caller was not shown it.
	harmless = "harmless"
)

// none is the operation of a command that needs a connection: topics, typing and the token are a device's.
const none = "none"

// world is a server with people and places in it, for one way to ask.
type world struct {
	*server
	name string
	line func(token string) line

	herald  *device
	heralds string // the room where the herald speaks
	cries   int

	people *people
	places int // made so far
	place  map[kind]*place
}

func (s *server) world(t testing.TB, name string, ask func(s *server, token string) line) *world {
	w := &world{server: s.in(t), name: name, heralds: "heralds-" + name, place: make(map[kind]*place)}
	w.line = func(token string) line { return ask(w.server, token) }
	w.herald = connect(t, w.server, native{}, w.token("herald-"+name))
	w.herald.must("room:create", `{"id":%q,"name":"Heralds","type":"private","maxMembers":100000}`, w.heralds)
	w.people = w.invite()
	w.told()
	return w
}

// at is a place where nothing was changed since it was made.
func (w *world) at(k kind) *place {
	w.t.Helper()
	if w.place[k] == nil {
		w.place[k] = w.settle(k)
		for s, h := range w.told() {
			w.keepsAll(w.place[k], standing(s), h)
		}
	}
	return w.place[k]
}

// tryQuiet tries the cells of a row that may change nothing. One place serves those of all rows: the database says that
// each cell has left it as it was, and is not written to by others meanwhile.
func (w *world) tryQuiet(r *row) {
	w.t.Helper()
	var cells []*cell
	w.indexed(w.at(r.at))
	for caller := range callers {
		if want := r.want[caller]; want != done && want != unseen {
			c := w.cell(r, caller)
			c.ask()
			cells = append(cells, c)
		}
	}
	heard := w.told()
	for _, c := range cells {
		c.judgeQuiet(heard)
		if c.written {
			delete(w.place, r.at)
		}
	}
}

// tryLoud tries the others, each in a place that nothing was done in yet, or among people who are what they were.
func (w *world) tryLoud(r *row) {
	w.t.Helper()
	for caller := range callers {
		if want := r.want[caller]; want != done && want != unseen {
			continue
		}
		c := w.cell(r, caller)
		before := c.othersView()
		c.ask()
		if r.undo != "" && c.got.ok {
			w.people[caller].asks.(onDevice).device.ask(r.undo, c.payload)
		}
		c.judgeLoud(w.told(), before)
		delete(w.place, r.at)
		if r.at == amongPeople {
			w.restore(caller, c.payload["userId"])
		}
	}
}

// indexed waits until what was said can be found, which the server writes down a moment later.
func (w *world) indexed(p *place) {
	w.t.Helper()
	for _, at := range []*place{p, p.pairs[friend], p.pairs[blocked]} {
		if at == nil || at.last == "" || at.indexed {
			continue
		}
		at.indexed = true
		for !strings.Contains(w.people[admin].watch.must("message:search", `{"query":%q}`, at.word).body, at.last) {
			time.Sleep(time.Millisecond) // nobody is told of it
		}
	}
}

// cell is one of the table.
type cell struct {
	*world
	row     *row
	place   *place
	caller  standing
	payload map[string]any
	want    string

	got     answer
	written bool // something, by whomever
}

func (w *world) cell(r *row, caller standing) *cell {
	w.t.Helper()
	p := w.at(r.at)
	w.schedule(r, p)
	return &cell{world: w, row: r, place: p, caller: caller, payload: w.fill(r.payload, p, caller), want: r.want[caller]}
}

func (c *cell) ask() {
	c.t.Helper()
	before := c.version()
	c.got = c.people[c.caller].asks.ask(c.world, c.row, c.payload)
	c.written = c.version() != before
}

// othersView is what others see of an unseen change: they must not.
func (c *cell) othersView() view {
	c.t.Helper()
	if c.want != unseen {
		return nil
	}
	return c.look(c.place, c.caller)
}

func (c *cell) errorf(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf("%s %s %v by %s: %s\ngot %s", c.row.command, c.row.http, c.payload, c.caller, fmt.Sprintf(format, args...), c.got.body)
}

// judgeQuiet judges a cell that changes nothing, by what was heard of it and of others like it.
func (c *cell) judgeQuiet(heard hearings) {
	c.t.Helper()
	accepted := c.want == shown || c.want == harmless
	if c.got.ok != accepted || !accepted && c.got.code != c.want {
		c.errorf("%s, want %s", c.got, c.want)
	}
	if c.written {
		c.errorf("something was written")
	}
	c.judgeShown()
	for s, h := range heard {
		frames := h.watch
		if standing(s) == c.caller && !accepted { // beside a good answer more may come
			frames = append(frames, h.own...)
		}
		for _, f := range frames {
			if !byItself(f) {
				c.errorf("%s was told %s", standing(s), f.raw)
			}
		}
	}
	c.keeps(c.place, c.caller, c.got.body)
	for s, h := range heard {
		c.keepsAll(c.place, standing(s), h)
	}
}

// judgeLoud judges one that changes something.
func (c *cell) judgeLoud(heard hearings, before view) {
	c.t.Helper()
	if !c.got.ok {
		c.errorf("%s, want %s", c.got, c.want)
		return
	}
	told := c.written
	for s, h := range heard {
		others := standing(s) != c.caller
		for _, f := range append(h.watch, h.own...) {
			told = told || !byItself(f)
			if c.want == unseen && others && !byItself(f) {
				c.errorf("%s was told %s", standing(s), f.raw)
			}
		}
		if others { // the caller may have come in, and know
			c.keepsAll(c.place, standing(s), h)
		}
	}
	if !told {
		c.errorf("nothing was written, and nobody was told")
	}
	for s, after := range c.othersView() {
		if after != before[s] {
			c.errorf("%s saw\n%s\nand sees\n%s", s, before[s], after)
		}
	}
}

// judgeShown: the caller is shown what the row reveals, or is not. That one has joined, the guide says in few words.
func (c *cell) judgeShown() {
	c.t.Helper()
	reveals := c.row.reveals
	if reveals == "" {
		reveals = "$word"
	}
	reveals = c.expand(reveals, c.place, c.caller)
	_, brief := wireOf(c.people[c.caller].asks).(guide)
	switch told := reveals != "" && strings.Contains(c.got.body, reveals); {
	case c.want == shown && !told && !brief:
		c.errorf("is not shown %q", reveals)
	case c.want == harmless && told:
		c.errorf("is shown %q", reveals)
	}
}

// keeps fails if a secret of the place is in what somebody was sent.
func (w *world) keeps(p *place, s standing, sent string) {
	w.t.Helper()
	for _, secret := range p.secrets(s) {
		if strings.Contains(sent, secret) {
			w.t.Errorf("%s was sent %q: %s", s, secret, sent)
		}
	}
}

func (w *world) keepsAll(p *place, s standing, h hearing) {
	w.t.Helper()
	for _, f := range append(h.watch, h.own...) {
		w.keeps(p, s, f.raw)
	}
}
