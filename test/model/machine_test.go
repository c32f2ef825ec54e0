package model_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// machine is one sequence: the server, the reference and the devices.
type machine struct {
	*rapid.T
	server  *server
	world   *world
	devices []*device
	began   stamp
	times   *regexp.Regexp
	crowded bool   // devices have written at the same time: the sequence may not fail again
	trail   []lazy // what has happened
}

// newMachine prepares a sequence with three people who are there, one who is not, and a room.
func newMachine(t *rapid.T, s *server) *machine {
	m := &machine{T: t, server: s, began: stamp(s.clock.Load()), times: regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]{12}Z`)}
	m.world = newWorld(s.directRetention, m.tell)
	m.world.now = m.began
	for i, name := range []string{"ann", "bob", "cid", "dan"} {
		p := &person{id: s.prefix + name}
		p.name = p.id
		m.world.people = append(m.world.people, p)
		for n := range []int{2, 2, 1, 1}[i] {
			m.devices = append(m.devices, &device{
				label: fmt.Sprintf("%s.%d", name, n), user: p, kept: newReplica(p.id), replays: n == 0,
			})
		}
	}
	m.Cleanup(m.hangUp)
	return m
}

// run is a whole sequence.
func (m *machine) run() {
	for _, d := range []int{0, 2, 4} {
		m.connect(m.devices[d])
	}
	m.makeRoom(m.devices[0], map[string]any{"id": m.roomIDs()[0], "name": "first " + m.server.prefix}, "")
	m.enter(m.devices[2], m.roomIDs()[0])
	actions := m.actions()
	m.Repeat(map[string]func(*rapid.T){
		"": func(*rapid.T) { m.after() },
		"step": func(t *rapid.T) {
			a := pick(t, "action", actions)
			m.note("# %s", a.name)
			a.run(t)
		},
	})
	m.finish()
}

// hangUp ends all connections, whatever became of the sequence.
func (m *machine) hangUp() {
	for _, d := range m.devices {
		if d.online() {
			d.disconnect(false)
		}
	}
}

// tell is for the reference.
func (m *machine) tell(users []string, but *device, what fact) {
	for _, d := range m.devices {
		if d.online() && d != but && slices.Contains(users, d.user.id) {
			d.expect = append(d.expect, what)
		}
	}
}

// pass lets time go by, on both sides.
func (m *machine) pass(d time.Duration) {
	m.world.now += stamp(d.Milliseconds())
	m.server.clock.Store(int64(m.world.now))
}

// do sends a command, which must be refused with that code, or be carried out if that is empty: then it reads the
// answer and returns true.
func (m *machine) do(d *device, name string, payload map[string]any, want string, answer any) bool {
	m.Helper()
	text, refused, err := d.ask(name, payload)
	if err != nil {
		m.stop("%v", err)
	}
	m.note("%s: %s %s → %s", d.label, name, lazy(func() string { return written(payload) }), lazy(func() string { return short(text) }))
	code := ""
	if refused != nil {
		code = refused.Code
	}
	if code != want {
		m.stop("%s: %s %s is %s, not %s", d.label, name, written(payload), orOK(code), orOK(want))
	}
	if refused != nil {
		return false
	}
	if answer != nil {
		m.must(json.Unmarshal(text, answer))
	}
	return true
}

func orOK(code string) string {
	if code == "" {
		return "ok"
	}
	return code
}

func written(payload map[string]any) string {
	text, err := json.Marshal(payload)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (m *machine) must(err error) {
	m.Helper()
	if err != nil {
		m.stop("%v", err)
	}
}

// same holds what came against the reference.
func same[T any](m *machine, what string, want, got T) {
	m.Helper()
	if !reflect.DeepEqual(want, got) {
		m.stop("%s:\n%s", what, cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })))
	}
}

// stop ends a sequence that has failed. What it says must be the same when the sequence is run again, or rapid could
// not shorten it.
func (m *machine) stop(format string, args ...any) {
	m.Helper()
	why := m.scrub(fmt.Sprintf(format, args...))
	if m.crowded && m.server.failure == "" {
		m.server.failure = m.story() + why
	}
	m.Fatalf("%s", why)
}

func (m *machine) story() string {
	var out strings.Builder
	for _, line := range m.trail {
		out.WriteString(line() + "\n")
	}
	return out.String()
}

// scrub takes out of a text what is different from run to run: ids, of which messages' are in the order of their
// storing, times, and the choice of spaces in a cmp.Diff.
func (m *machine) scrub(text string) string {
	pairs := []string{"\u00a0", " "}
	for i, s := range m.world.said {
		pairs = append(pairs, s.ID, fmt.Sprintf("message-%d", i+1))
	}
	for i, c := range m.world.logs {
		id := fmt.Sprintf("room-%d", i+1)
		if c.roomID == "" {
			id = "dm:" + strings.Join(c.sides, "+")
		}
		pairs = append(pairs, c.id, id)
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	text = m.times.ReplaceAllStringFunc(text, func(found string) string {
		var at stamp
		if at.UnmarshalText([]byte(found)) != nil {
			return found
		}
		return "+" + (time.Duration(at-m.began) * time.Millisecond).String()
	})
	return strings.ReplaceAll(text, m.server.prefix, "")
}

// note logs what happens.
func (m *machine) note(format string, args ...any) {
	m.Helper()
	line := lazy(func() string { return m.scrub(fmt.Sprintf(format, args...)) })
	m.trail = append(m.trail, line)
	m.Logf("%v", line)
}

// lazy is a text that is made only if it is logged.
type lazy func() string

func (l lazy) String() string { return l() }

// short is the beginning of an answer, without what frames it.
func short(text []byte) string {
	const most = 400
	fields := make(map[string]json.RawMessage)
	if json.Unmarshal(text, &fields) != nil {
		return string(text)
	}
	delete(fields, "ref")
	delete(fields, "type")
	out, err := json.Marshal(fields)
	if err != nil || len(out) <= most {
		return string(out)
	}
	return strings.ToValidUTF8(string(out[:most]), "") + "…"
}

// connect brings a device back. What it is shown is what the reference has, and then it syncs.
func (m *machine) connect(d *device) {
	m.Helper()
	d.user.name = "Name of " + d.user.id
	token, err := m.server.token(d.user.id, d.user.name)
	m.must(err)
	m.must(d.connect(m.url(), token))
	m.note("%s: connects", d.label)
	same(m, d.label+": messages:unread", m.world.greeting(d.user.id), append([]message{}, d.greet.unread...))
	heads := make(map[string]int64)
	for _, h := range d.greet.heads {
		heads[h.ConversationID] = h.Seq
	}
	same(m, d.label+": conversation:heads", m.world.heads(d.user.id), heads)
	same(m, d.label+": told on connecting", nil, d.told)
	d.kept.heads(d.greet.heads)
	m.catchUp(d)
}

// url is that of a node, of several any.
func (m *machine) url() string {
	if len(m.server.urls) == 1 {
		return m.server.urls[0]
	}
	return pick(m.T, "node", m.server.urls)
}

// heads are the ends of a user's logs.
func (w *world) heads(user string) map[string]int64 {
	heads := make(map[string]int64)
	for _, c := range w.of(user) {
		heads[c.id] = c.head
	}
	return heads
}

// catchUp syncs until there is no more.
func (m *machine) catchUp(d *device) {
	m.Helper()
	for again := true; again || d.kept.behind(); {
		since := d.prepareSync()
		var answer synced
		m.do(d, "sync", map[string]any{"conversations": since}, "", &answer)
		m.compareSync(d, since, &answer)
		var err error
		again, err = d.absorb(since, &answer)
		m.must(err)
	}
}

// settle waits until everybody was told what the reference told, and nothing else. Who has noticed a hole syncs.
func (m *machine) settle(all bool) {
	m.Helper()
	m.flush()
	for _, d := range m.devices {
		if !d.online() || !all && !d.unsure && len(d.expect)+len(d.told) == 0 {
			continue
		}
		m.must(d.ping())
		if !d.unsure {
			same(m, d.label+" was told", d.expect, d.told)
		}
		d.expect, d.told, d.unsure = nil, nil, false
		if d.kept.behind() {
			m.catchUp(d)
		}
	}
}

// flush waits until the hubs have told all that is committed.
func (m *machine) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m.must(m.server.flush(ctx))
}

// after is done after every action.
func (m *machine) after() {
	m.Helper()
	for _, d := range m.devices {
		if d.online() && d.deaf {
			d.disconnect(false)
		}
	}
	m.settle(false)
	m.pass(time.Millisecond)
}

// online are the devices that can send commands.
func (m *machine) online() []*device {
	return slices.DeleteFunc(slices.Clone(m.devices), func(d *device) bool { return !d.online() })
}

// roomIDs are the ids that people give their rooms.
func (m *machine) roomIDs() []string {
	return []string{m.server.prefix + "-r1", m.server.prefix + "-r2", m.server.prefix + "-r3"}
}

// uniform draws a number from 0 to n-1, all of them as often. Rapid's own numbers are small ones mostly.
func uniform(t *rapid.T, what string, n int) int {
	return rapid.Custom(func(t *rapid.T) int {
		value := 0
		for range bits.Len(uint(n)) + 4 {
			value <<= 1
			if rapid.Bool().Draw(t, "bit") {
				value++
			}
		}
		return value % n
	}).Draw(t, what)
}

// pick draws one of a list.
func pick[T any](t *rapid.T, what string, list []T) T { return list[uniform(t, what, len(list))] }

// prefer draws one of the good ones mostly, if there are any, and else of the rest, which there must be.
func prefer[T any](t *rapid.T, what string, good, rest []T) T {
	if len(good) > 0 && !chance(t, "any "+what, 5) {
		return pick(t, what, good)
	}
	return pick(t, what, rest)
}

// chance is true once in n times.
func chance(t *rapid.T, what string, n int) bool { return uniform(t, what, n) == n-1 }
