package socketio_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// ring is some servers in this process. What it needs is exported, and what goes from one
// to the other goes as JSON, as it would over a broker.
type ring struct {
	t  *testing.T
	mu sync.Mutex
	of map[string][]*member // by namespace
}

// member is the Cluster of one server's namespace.
type member struct {
	ring *ring
	nsp  *socketio.Namespace
	mu   sync.Mutex
	here map[string]bool // rooms
}

func (r *ring) join(n *socketio.Namespace) socketio.Cluster {
	m := &member{ring: r, nsp: n, here: make(map[string]bool)}
	n.Rooms().Watch(func(room string, open bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.here[room] = open
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[n.Name()] = append(r.of[n.Name()], m)
	return m
}

// has reports whether somebody is in the room here.
func (m *member) has(room string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.here[room]
}

func (m *member) others() []*member {
	m.ring.mu.Lock()
	defer m.ring.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.ring.of[m.nsp.Name()]), func(other *member) bool { return other == m })
}

// sent is a value as another server receives it.
func sent[T any](m *member, value T) (received T) {
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &received)
	}
	if err != nil {
		m.ring.t.Errorf("%T does not travel: %v", value, err)
	}
	return received
}

func (m *member) packet(p *socketio.Packet) *socketio.Packet {
	return &socketio.Packet{Type: p.Type, Namespace: p.Namespace, Event: p.Event, Args: sent(m, p.Args)}
}

func (m *member) args(values []any) socketio.Args {
	args, err := socketio.ArgsOf(sent(m, values)...)
	if err != nil {
		m.ring.t.Error(err)
	}
	return args
}

// each does something with the rooms of all servers, another's first.
func (m *member) each(of socketio.Selection, do func(*socketio.Rooms, socketio.Selection) error) error {
	if of.Local {
		m.ring.t.Error("a selection for this server alone has reached the cluster")
	}
	for _, other := range m.others() {
		if err := do(other.nsp.Rooms(), sent(m, of)); err != nil {
			return err
		}
	}
	return do(m.nsp.Rooms(), of)
}

func (m *member) Broadcast(p *socketio.Packet, to socketio.Selection) error {
	return m.each(to, func(rooms *socketio.Rooms, to socketio.Selection) error {
		return rooms.Broadcast(m.packet(p), to)
	})
}

// part takes what one server is answered.
type part struct {
	socketio.AckCollector
	m *member
}

func (p part) Expect(n int, _ bool) { p.AckCollector.Expect(n, false) }

func (p part) Reply(args socketio.Args) {
	values := make([]any, len(args))
	for i := range args {
		if err := args[i].Decode(&values[i]); err != nil {
			p.m.ring.t.Error(err)
		}
	}
	p.AckCollector.Reply(p.m.args(values))
}

func (m *member) BroadcastWithAck(p *socketio.Packet, to socketio.Selection, acks socketio.AckCollector) (func(), error) {
	var stops []func()
	stop := func() {
		for _, stop := range stops {
			stop()
		}
	}
	err := m.each(to, func(rooms *socketio.Rooms, to socketio.Selection) error {
		stop, err := rooms.BroadcastWithAck(m.packet(p), to, part{acks, m})
		if err == nil {
			stops = append(stops, stop)
		}
		return err
	})
	acks.Expect(0, true)
	return stop, err
}

func (m *member) Fetch(ctx context.Context, of socketio.Selection) (all []socketio.RemoteSocket, err error) {
	err = m.each(of, func(rooms *socketio.Rooms, of socketio.Selection) error {
		found, err := rooms.Fetch(ctx, of)
		for _, s := range found {
			s.Handshake = nil
			all = append(all, sent(m, s))
		}
		return err
	})
	return all, err
}

func (m *member) JoinAll(of socketio.Selection, names []string) error {
	return m.each(of, func(rooms *socketio.Rooms, of socketio.Selection) error { return rooms.JoinAll(of, names) })
}

func (m *member) LeaveAll(of socketio.Selection, names []string) error {
	return m.each(of, func(rooms *socketio.Rooms, of socketio.Selection) error { return rooms.LeaveAll(of, names) })
}

func (m *member) DisconnectAll(of socketio.Selection, closeConnection bool) error {
	return m.each(of, func(rooms *socketio.Rooms, of socketio.Selection) error {
		return rooms.DisconnectAll(of, closeConnection)
	})
}

func (m *member) ServerSideEmit(event string, args []any) error {
	_, err := m.ServerSideEmitWithAck(context.Background(), event, args)
	return err
}

func (m *member) ServerSideEmitWithAck(_ context.Context, event string, args []any) (replies []socketio.Args, _ error) {
	for _, other := range m.others() {
		reply, err := other.nsp.ReceiveServerSide(event, m.args(args))
		if err != nil {
			return replies, err
		}
		replies = append(replies, m.args(reply))
	}
	return replies, nil
}

func (m *member) Close() error {
	others := m.others()
	m.ring.mu.Lock()
	defer m.ring.mu.Unlock()
	m.ring.of[m.nsp.Name()] = others
	return nil
}

// pair is two servers and their clients, one on the first and two on the second.
type pair struct {
	*ring
	a, b    *socketio.Namespace
	clients []*testClient
	ids     []string
	servers [2]*harness
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{ring: &ring{t: t, of: make(map[string][]*member)}}
	for i := range p.servers {
		p.servers[i] = serve(t, socketio.Config{NewCluster: p.join, Recovery: &socketio.Recovery{}})
	}
	p.a, p.b = p.servers[0].Of("/"), p.servers[1].Of("/")
	for _, h := range []*harness{p.servers[0], p.servers[1], p.servers[1]} {
		c := h.dial(4)
		p.ids = append(p.ids, c.connect("/", "").SID)
		p.clients = append(p.clients, c)
	}
	return p
}

// get checks which clients get an event, once: all get the next one of the first server.
func (p *pair) get(what string, err error, want ...int) {
	p.t.Helper()
	if err == nil {
		err = p.a.Emit("probe")
	}
	if err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
	var got []int
	for i, c := range p.clients {
		for name(c.next()) != "probe" {
			got = append(got, i)
		}
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("%s: clients %v got it, want %v", what, got, want)
	}
}

func name(p clientPacket) string {
	var args []any
	if json.Unmarshal([]byte(p.data), &args) != nil || len(args) == 0 {
		return p.data
	}
	text, _ := args[0].(string)
	return text
}

func TestClusterBroadcast(t *testing.T) {
	p := newPair(t)
	p.get("to all", p.b.Emit("x", map[string]any{"n": 1}), 0, 1, 2)
	p.get("of this server", p.b.Local().Emit("x"), 1, 2)
	p.get("to a socket of the other server", p.a.To(p.ids[2]).Emit("x"), 2)
	p.get("but for one of the other server", p.a.Except(p.ids[2]).Emit("x"), 0, 1)
	p.get("of a socket", p.b.Socket(p.ids[1]).Broadcast().Emit("x"), 0, 2)
	p.get("to a socket itself", p.b.Socket(p.ids[1]).Emit("x"), 1)
}

func TestClusterRooms(t *testing.T) {
	p := newPair(t)
	watched := p.of["/"]
	p.get("in an empty room", p.a.To("hall").Emit("x"))
	p.get("put in by the other server", p.a.In(p.ids[1]).SocketsJoin("hall"))
	if !watched[1].has("hall") || watched[0].has("hall") {
		t.Error("the room is not where its socket is")
	}
	p.get("in the room", p.a.To("hall").Emit("x"), 1)
	p.get("all put in", p.b.All().SocketsJoin("hall"))
	p.get("in the full room", p.b.To("hall").Emit("x"), 0, 1, 2)

	found, err := p.a.In("hall").FetchSockets(t.Context())
	var ids []string
	for _, s := range found {
		ids = append(ids, s.ID)
		if !slices.Equal(s.Rooms, []string{s.ID, "hall"}) {
			t.Errorf("%s is in %q", s.ID, s.Rooms)
		}
	}
	if err != nil || !slices.Equal(sorted(ids), sorted(slices.Clone(p.ids))) {
		t.Errorf("found %q, %v", ids, err)
	}

	p.get("taken out", p.a.Except(p.ids[0]).SocketsLeave("hall"))
	if watched[1].has("hall") || !watched[0].has("hall") {
		t.Error("the room is where nobody is in it")
	}
	p.get("in what is left", p.b.To("hall").Emit("x"), 0)
	if err := p.a.In(p.ids[1]).DisconnectSockets(true); err != nil {
		t.Fatal(err)
	}
	p.clients[1].closed()
	p.clients, p.ids = slices.Delete(p.clients, 1, 2), slices.Delete(p.ids, 1, 2)
	p.get("to who is left", p.a.Emit("x"), 0, 1)
}

func TestClusterAcks(t *testing.T) {
	p := newPair(t)
	done := make(chan replies, 1)
	ask := func(op socketio.BroadcastOperator) {
		go func() {
			args, err := op.EmitWithAck(t.Context(), "question")
			done <- replies{args, err}
		}()
	}
	ask(p.a.All())
	for i, text := range []string{"a", "b", "c"} {
		p.clients[i].answer(text)
	}
	r := receive(t, done, "the replies")
	if got := texts(t, r); r.err != nil || !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %v, %v", got, r.err)
	}
	ask(p.a.Except(p.ids[1]))
	p.clients[2].answer("c")
	p.clients[0].event("question") // each server asks at its own time
	p.clients[0].drop()            // it is not waited for
	r = receive(t, done, "the replies")
	if got := texts(t, r); r.err == nil || !slices.Equal(got, []string{"c"}) {
		t.Errorf("got %v, %v, although one has left", got, r.err)
	}
	ask(p.a.To("nobody"))
	if r = receive(t, done, "no replies"); r.err != nil || len(r.args) != 0 {
		t.Errorf("got %v, %v of nobody", r.args, r.err)
	}
}

func TestClusterServerSideEmit(t *testing.T) {
	p := newPair(t)
	var heard []int
	p.a.OnServerSide("add", func(socketio.Args) ([]any, error) { t.Error("it came back"); return nil, nil })
	p.b.OnServerSide("add", func(args socketio.Args) ([]any, error) {
		var one, other int
		err := args.Decode(&one, &other)
		heard = append(heard, one, other)
		return []any{one + other}, err
	})
	if err := p.a.ServerSideEmit("add", 1, 2); err != nil {
		t.Fatal(err)
	}
	got, err := p.a.ServerSideEmitWithAck(t.Context(), "add", 20, 22)
	var sum int
	if err != nil || len(got) != 1 || got[0].Decode(&sum) != nil || sum != 42 {
		t.Errorf("got %d, %v", sum, err)
	}
	if !slices.Equal(heard, []int{1, 2, 20, 22}) {
		t.Errorf("heard %v", heard)
	}
}

// What another server sends while a client is away is for it too when it comes back.
func TestClusterRecovery(t *testing.T) {
	p := newPair(t)
	v := p.servers[0].survivor("/")
	if err := p.b.In(v.id.SID).SocketsJoin("hall"); err != nil {
		t.Fatal(err)
	}
	if err := p.b.To("hall").Emit("e", "before"); err != nil {
		t.Fatal(err)
	}
	v.until("before")
	v.lose()
	for _, text := range []string{"missed", "last"} {
		if err := p.b.To("hall").Emit("e", text); err != nil {
			t.Fatal(err)
		}
	}
	if !v.back() {
		t.Fatal("the session was not restored")
	}
	v.until("last")
	v.got(t, "before", "missed", "last")
}

// A namespace that is given up leaves its cluster.
func TestClusterClose(t *testing.T) {
	p := newPair(t)
	p.servers[1].stop()
	if members := p.of["/"]; len(members) != 1 {
		t.Errorf("%d are left", len(members))
	}
	p.clients = p.clients[:1]
	p.get("alone", p.a.Emit("x"), 0)
}

// What is made into arguments is what a client would have sent.
func TestArgsOf(t *testing.T) {
	args, err := socketio.ArgsOf("text", map[string]any{"bytes": []byte{1, 2}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	var object struct{ Bytes []byte }
	if err := args.Decode(&text, &object); err != nil || text != "text" || !slices.Equal(object.Bytes, []byte{1, 2}) || len(args) != 3 {
		t.Errorf("got %q, %v, %v of %d", text, object, err, len(args))
	}
	if args, err := socketio.ArgsOf(); err != nil || len(args) != 0 {
		t.Errorf("got %v, %v of nothing", args, err)
	}
	if _, err := socketio.ArgsOf(func() {}); err == nil {
		t.Error("a function has arrived")
	}
}
