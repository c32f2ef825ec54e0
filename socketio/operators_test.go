package socketio_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/socketio"
)

// steps are the operators as test/clients/probe/operators.mjs writes them.
var steps = map[string]func(socketio.BroadcastOperator) socketio.BroadcastOperator{
	"to(r1)":          func(b socketio.BroadcastOperator) socketio.BroadcastOperator { return b.To("r1") },
	"in(r2)":          func(b socketio.BroadcastOperator) socketio.BroadcastOperator { return b.In("r2") },
	"to(r1,r3)":       func(b socketio.BroadcastOperator) socketio.BroadcastOperator { return b.To("r1", "r3") },
	"except(r2)":      func(b socketio.BroadcastOperator) socketio.BroadcastOperator { return b.Except("r2") },
	"local":           socketio.BroadcastOperator.Local,
	"volatile":        socketio.BroadcastOperator.Volatile,
	"broadcast":       socketio.BroadcastOperator.Broadcast,
	"compress(false)": func(b socketio.BroadcastOperator) socketio.BroadcastOperator { return b.Compress(false) },
	"timeout(9s)":     func(b socketio.BroadcastOperator) socketio.BroadcastOperator { return b.Timeout(patience) },
}

// firstSteps are those of a socket.
var firstSteps = map[string]func(*socketio.Socket) socketio.BroadcastOperator{
	"to(r1)":          func(s *socketio.Socket) socketio.BroadcastOperator { return s.To("r1") },
	"in(r2)":          func(s *socketio.Socket) socketio.BroadcastOperator { return s.In("r2") },
	"to(r1,r3)":       func(s *socketio.Socket) socketio.BroadcastOperator { return s.To("r1", "r3") },
	"except(r2)":      func(s *socketio.Socket) socketio.BroadcastOperator { return s.Except("r2") },
	"local":           (*socketio.Socket).Local,
	"volatile":        (*socketio.Socket).Volatile,
	"broadcast":       (*socketio.Socket).Broadcast,
	"compress(false)": func(s *socketio.Socket) socketio.BroadcastOperator { return s.Compress(false) },
	"timeout(9s)":     func(s *socketio.Socket) socketio.BroadcastOperator { return s.Timeout(patience) },
}

// company is five sockets, a to e, in the rooms of the script.
type company struct {
	*party
	t testing.TB
}

var companyRooms = [][]string{{"r1"}, {"r1", "r2"}, {"r2"}, {"r3"}, nil}

func newCompany(t *testing.T, cfg socketio.Config) *company {
	c := &company{party: &party{harness: serve(t, cfg)}, t: t}
	c.nsp = c.Of("/")
	c.sockets = make([]*socketio.Socket, len(companyRooms))
	for i := range companyRooms {
		c.clients = append(c.clients, c.dial(4))
		c.enter(i)
	}
	return c
}

// enter connects the i-th socket.
func (c *company) enter(i int) {
	sid := c.clients[i].connect("/", "").SID
	if c.sockets[i] = c.nsp.Socket(sid); c.sockets[i] == nil {
		c.t.Fatal("the socket that has connected is not there")
	}
	c.sockets[i].Join(companyRooms[i]...)
}

// build makes the operator of a chain, such as socket.volatile.to(r1).
func (c *company) build(chain string) socketio.BroadcastOperator {
	links := strings.Split(chain, ".")
	b := c.nsp.All()
	if links[0] == "socket" {
		b = firstSteps[links[1]](c.sockets[0])
		links = links[1:]
	}
	for _, link := range links[1:] {
		b = steps[link](b)
	}
	return b
}

// TestOperatorsBesideNode holds all chains of up to three operators, and all that
// can be done with them, to what Node's socket.io does.
func TestOperatorsBesideNode(t *testing.T) {
	text, err := os.ReadFile("testdata/operators.json")
	if err != nil {
		t.Fatal(err)
	}
	var table map[string]string
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]socketio.Config{"plain": {}, "recovery": {Recovery: &socketio.Recovery{}}} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t, cfg)
			for _, chain := range slices.Sorted(maps.Keys(table)) {
				if chain == "socket" {
					c.itself(table[chain])
					continue
				}
				c.try(chain, table[chain])
			}
		})
	}
}

// try does everything with an operator that is to mean the sockets in want.
func (c *company) try(chain, want string) {
	c.t.Helper()
	for action, f := range map[string]func(socketio.BroadcastOperator) string{
		"Emit": c.emitted, "EmitWithAck": c.asked, "EmitAckFunc": c.askedBack, "FetchSockets": c.fetched, "LocalSockets": c.local,
		"SocketsJoin": c.joined, "SocketsLeave": c.left, "DisconnectSockets": c.sentAway,
	} {
		if got := f(c.build(chain)); got != want {
			c.t.Errorf("%s.%s: %q, Node has %q", chain, action, got, want)
		}
		if c.t.Failed() {
			c.t.FailNow() // what is left behind disturbs the next
		}
	}
}

// itself tries what a socket can do without a step.
func (c *company) itself(want string) {
	s := c.sockets[0]
	if err := s.Emit("probe"); err != nil {
		c.t.Error(err)
	}
	if got := c.reached(); got != want {
		c.t.Errorf("Emit: %q, Node has %q", got, want)
	}
}

func nameOf(i int) string { return string(rune('a' + i)) }

func (c *company) nameOf(id string) string {
	return nameOf(slices.IndexFunc(c.sockets, func(s *socketio.Socket) bool { return s.ID() == id }))
}

// sum is names in order, as the table has them.
func sum(names []string) string { return strings.Join(sorted(names), "") }

// reached is who gets an event "probe", which is answered, before an "end".
func (c *company) reached() string {
	for _, s := range c.sockets {
		if err := s.Emit("end"); err != nil {
			c.t.Fatal(err)
		}
	}
	var names []string
	for i, client := range c.clients {
		for p := client.next(); !strings.HasPrefix(p.data, `["end"`); p = client.next() {
			names = append(names, nameOf(i))
			if p.id != "" {
				client.send("3" + p.id + `["` + nameOf(i) + `"]`)
			}
		}
	}
	return sum(names)
}

func (c *company) emitted(b socketio.BroadcastOperator) string {
	if err := b.Emit("probe"); err != nil {
		c.t.Error(err)
	}
	return c.reached()
}

func (c *company) asked(b socketio.BroadcastOperator) string {
	type result struct {
		replies []socketio.Args
		err     error
	}
	done := make(chan result, 1)
	asking := make(chan struct{})
	go func() {
		close(asking)
		replies, err := b.EmitWithAck(c.t.Context(), "probe")
		done <- result{replies, err}
	}()
	<-asking
	for {
		c.reached()
		select {
		case r := <-done:
			return c.answered(r.replies, r.err)
		case <-time.After(time.Millisecond): // it has not been sent yet
		}
	}
}

func (c *company) askedBack(b socketio.BroadcastOperator) string {
	done := make(chan string, 1)
	if err := b.EmitAckFunc(0, func(replies []socketio.Args, err error) { done <- c.answered(replies, err) }, "probe"); err != nil {
		c.t.Error(err)
	}
	c.reached()
	return receive(c.t, done, "the answers")
}

func (c *company) answered(replies []socketio.Args, err error) string {
	names := make([]string, len(replies))
	for i, reply := range replies {
		err = errors.Join(err, reply.Decode(&names[i]))
	}
	if err != nil {
		return err.Error()
	}
	return sum(names)
}

func (c *company) fetched(b socketio.BroadcastOperator) string {
	remote, err := b.FetchSockets(c.t.Context())
	if err != nil {
		c.t.Error(err)
	}
	var names []string
	for _, r := range remote {
		names = append(names, c.nameOf(r.ID))
	}
	return sum(names)
}

func (c *company) local(b socketio.BroadcastOperator) string {
	var names []string
	for _, s := range b.LocalSockets() {
		names = append(names, c.nameOf(s.ID()))
	}
	return sum(names)
}

func (c *company) joined(b socketio.BroadcastOperator) string {
	if err := b.SocketsJoin("mark"); err != nil {
		c.t.Error(err)
	}
	marked := c.where(func(s *socketio.Socket) bool { return slices.Contains(s.Rooms(), "mark") })
	if err := c.nsp.All().SocketsLeave("mark"); err != nil {
		c.t.Error(err)
	}
	return marked
}

func (c *company) left(b socketio.BroadcastOperator) string {
	err := c.nsp.All().SocketsJoin("mark")
	err = errors.Join(err, b.SocketsLeave("mark"))
	left := c.where(func(s *socketio.Socket) bool { return !slices.Contains(s.Rooms(), "mark") })
	if err := errors.Join(err, c.nsp.All().SocketsLeave("mark")); err != nil {
		c.t.Error(err)
	}
	return left
}

// sentAway has those who were come back, on the same connection.
func (c *company) sentAway(b socketio.BroadcastOperator) string {
	if err := b.DisconnectSockets(false); err != nil {
		c.t.Error(err)
	}
	gone := c.where(func(s *socketio.Socket) bool { return !s.Connected() })
	for i, s := range c.sockets {
		if s.Connected() {
			continue
		}
		c.clients[i].packet('1', "/")
		c.enter(i)
	}
	return gone
}

func (c *company) where(ok func(*socketio.Socket) bool) string {
	var names []string
	for i, s := range c.sockets {
		if ok(s) {
			names = append(names, nameOf(i))
		}
	}
	return strings.Join(names, "")
}
