package socketio

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
)

// maxNamespaces is how many namespaces one connection may be in.
const maxNamespaces = 100

// client is one connection. Packets come in on the connection loop, which must
// not wait; events go through a queue to a worker of the server's, which has them
// handled one after the other while there are some.
type client struct {
	server  *Server
	session *engineio.Session
	decoder Decoder // the loop's own
	arrived int     // bytes of the packet that arrives; the loop's own

	broken bool        // see breakOff; the worker's own
	known  atomic.Bool // a namespace has let it in

	mu      sync.Mutex
	sockets []*Socket // by namespace; rarely more than one
	joining *Socket   // in the hands of its middlewares; nil for none
	timer   *time.Timer
	queue   *jobs // nil when empty
	queued  int   // bytes of queue
	batch   *jobs // taken from it, in the hands of the worker whose turn it is
	beside  int32 // events that are handled beside their order
	held    bool  // too many are: it is nobody's turn
	running bool  // a worker is on the queue
	paused  bool
	closed  bool
	last    func() // of those who retire; nil for none
}

// job is one thing to do in the connection's order.
type job struct {
	packet Received
	socket *Socket // who it is for; nil when that is still joining
	size   int     // bytes, attachments included
	run    func()  // instead of packet
}

// jobs is a queue of them. It is taken from a pool for the first and given back
// when all are done, so that an idle connection has none.
type jobs struct {
	list []job
	next int
}

var jobLists = sync.Pool{New: func() any { return new(jobs) }}

func (q *jobs) len() int {
	if q == nil {
		return 0
	}
	return len(q.list)
}

func (q *jobs) release() {
	const most = 16 // a rare long queue does not stay in memory
	if q == nil || cap(q.list) > most {
		return
	}
	clear(q.list)
	q.list, q.next = q.list[:0], 0
	jobLists.Put(q)
}

// HandleMessage is for the engine.
func (c *client) HandleMessage(_ *engineio.Session, binary bool, data []byte) {
	p, complete, err := c.decoder.Add(binary, data)
	if err != nil {
		c.malformed(err)
		return
	}
	c.arrived += len(data)
	if !complete {
		if !c.known.Load() {
			c.malformed(errors.New("attachments before a namespace was joined"))
		}
		return
	}
	size := c.arrived
	c.arrived = 0
	c.server.received.Add(1)
	s := c.socket(p.Namespace)
	switch {
	case p.Body == nil && (p.Type == PacketEvent || p.Type == PacketAck):
		c.malformed(errors.New("no arguments"))
	case p.Type == PacketAck:
		// Not queued: the handler before it may be waiting for it.
		if s != nil && p.AckID != nil {
			s.settle(*p.AckID, p.Body, nil)
		}
	case p.Type == PacketDisconnect && s != nil:
		// Not queued either, or the end of the connection, which clients let
		// follow at once, would overtake it.
		c.remove(s)
		s.leave(ClientDisconnect, nil)
	default:
		c.post(job{packet: p, socket: s, size: size})
	}
}

// HandleClose is for the engine. The sockets are gone at once; their handlers
// get the events that were received before, and then hear of it.
func (c *client) HandleClose(_ *engineio.Session, reason engineio.Reason, err error) {
	c.mu.Lock()
	c.closed = true
	sockets, joining := c.sockets, c.joining
	c.sockets, c.joining = nil, nil
	c.stopTimer()
	c.mu.Unlock()
	if joining != nil {
		joining.end(Reason(reason))
	}
	for _, s := range sockets {
		s.leave(Reason(reason), err)
	}
}

// malformed ends a connection that broke the protocol. Nothing is read behind
// that; what was received before is handled, as it is however a connection ends.
func (c *client) malformed(err error) { c.session.Fail(engineio.ParseError, err) }

// breakOff is malformed for what shows only when its turn has come: then what it
// sent behind waits already, and is not heard.
func (c *client) breakOff(err error) {
	c.broken = true
	c.malformed(err)
}

func (c *client) connectTimeout() {
	c.mu.Lock()
	joined := len(c.sockets) > 0
	c.mu.Unlock()
	if !joined {
		c.session.Close()
	}
}

// holdTimer stops the connect timeout until the client is refused.
func (c *client) holdTimer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopTimer()
}

// resumeTimer begins it again for a client that was refused and is nowhere else.
func (c *client) resumeTimer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && c.timer == nil && len(c.sockets) == 0 {
		c.timer = time.AfterFunc(c.server.cfg.ConnectTimeout, c.connectTimeout)
	}
}

func (c *client) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// post queues a job. A full queue stops the reading of the connection; what was
// read already is still queued, which one read of the socket bounds.
func (c *client) post(j job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queue == nil {
		c.queue = jobLists.Get().(*jobs)
	}
	c.queue.list = append(c.queue.list, j)
	c.queued += j.size
	if !c.paused && (c.queue.len() > c.server.cfg.MaxQueuedEvents || c.queued > c.server.cfg.MaxQueuedBytes) {
		c.paused = true
		c.session.Pause()
	}
	if !c.running {
		c.running = true
		c.server.work.Start(c)
	}
}

// retire ends the connection behind what was read of it.
func (c *client) retire(last func()) {
	c.session.Quiesce()
	c.mu.Lock()
	before := c.last
	if c.last = last; before != nil { // of another socket, or the same: one job sees to both
		c.last = func() { before(); last() }
	}
	c.mu.Unlock()
	if before == nil {
		c.post(job{run: c.retireBehind})
	}
}

// retireBehind is for the worker whose turn it is. It waits for another turn while there is something
// behind it, which was read before the reading stopped.
func (c *client) retireBehind() {
	c.mu.Lock()
	last := c.last
	hasMore := c.batch.next < len(c.batch.list) || c.queue != nil
	if !hasMore {
		c.last = nil
	}
	c.mu.Unlock()
	if hasMore {
		c.post(job{run: c.retireBehind})
		return
	}
	last()
	c.session.Fail(engineio.ShuttingDown, nil)
}

// Run does the queued jobs in order and ends when there are none, or when the
// turn has passed to another worker.
func (c *client) Run() {
	for j := c.nextJob(); j != nil; j = c.nextJob() {
		if detached := c.do(j); detached {
			c.rejoin()
			return
		}
	}
}

// nextJob is for the worker whose turn it is; nil when there is nothing to do, and
// the worker is to go: what it leaves is the next one's.
func (c *client) nextJob() *job {
	if c.batch != nil && c.batch.next == len(c.batch.list) {
		c.batch.release()
		c.batch = nil
	}
	if c.batch == nil && !c.take() {
		return nil
	}
	c.batch.next++
	return &c.batch.list[c.batch.next-1]
}

// take takes what is queued; false when there is nothing, and nobody's turn.
func (c *client) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused {
		c.paused = false
		c.session.Resume()
	}
	if c.queue == nil {
		c.running = false
		return false
	}
	c.batch, c.queue, c.queued = c.queue, nil, 0
	return true
}

// do does one job. It reports whether that was an event which was detached: what
// is behind it is another worker's then.
func (c *client) do(j *job) (detached bool) {
	if j.run != nil {
		j.run()
		return false
	}
	if c.broken {
		return false
	}
	p := &j.packet
	if p.Type == PacketConnect {
		c.connect(p, j.socket)
		return false
	}
	s := j.socket
	if s == nil {
		s = c.socket(p.Namespace)
	}
	switch {
	case s == nil && c.isClosed(), s == nil && p.Type == PacketDisconnect:
	case p.Type == PacketEvent && s != nil && s.sentAway():
	case p.Type == PacketEvent && s != nil:
		name, args, err := splitEvent(p.Body)
		if err != nil {
			c.breakOff(err)
			return false
		}
		e := &Event{socket: s, name: name, args: args, ackID: p.AckID}
		s.nsp.dispatch(e)
		return e.handled()
	case p.Type == PacketDisconnect:
		c.remove(s)
		s.leave(ClientDisconnect, nil)
	default:
		c.breakOff(errors.New("packet for a namespace that was not joined"))
	}
	return false
}

// connect joins a namespace. before is the socket that was in it when the packet
// came.
func (c *client) connect(p *Received, before *Socket) {
	name, auth := p.Namespace, p.Body
	if err := c.server.cfg.checkAuth(auth); err != nil {
		c.breakOff(err)
		return
	}
	if c.session.Protocol() == 3 {
		name, auth = splitNamespace(name)
	}
	c.mu.Lock()
	known, full := c.inNamespace(name) != nil, len(c.sockets) >= maxNamespaces
	c.mu.Unlock()
	switch {
	case known && before != nil:
		c.breakOff(errors.New("namespace joined twice"))
		return
	case known:
		return // asked twice before the first was answered, as impatient clients do
	}
	var n *Namespace
	if !full {
		n = c.server.find(name, auth)
	}
	if n == nil {
		c.refuse(name, &ConnectError{Message: "Invalid namespace"})
		return
	}
	n.connect(c, auth)
	c.admitting(nil)
	n.release()
}

// splitNamespace takes the query off a namespace, where version 2 clients have
// what newer ones send as auth.
func splitNamespace(name string) (string, Value) {
	path, raw, found := strings.Cut(name, "?")
	if !found {
		return name, nil
	}
	query, _ := url.ParseQuery(raw) // what is malformed is left out
	return path, queryValue(query)
}

// refuse answers a Connect with an error.
func (c *client) refuse(namespace string, refusal *ConnectError) {
	p := &Packet{Type: PacketConnectError, Namespace: namespace, Data: refusal}
	if c.session.Protocol() == 3 {
		p.Data = refusal.Message
		if refusal.Data != nil {
			p.Data = refusal.Data
		}
	}
	if err := c.send(p); err != nil && !errors.Is(err, engineio.ErrClosed) {
		c.server.cfg.Logger.Error("socketio: connect error could not be sent", "err", err)
	}
	c.resumeTimer()
}

func (c *client) send(p *Packet) error {
	encoded, err := c.server.cfg.Codec.Encode(p)
	if err != nil {
		return err
	}
	c.server.sent.Add(1)
	return c.session.Send(encoded...)
}

// admitting notes the socket whose middlewares are to run, so that its context
// ends with the connection; false when that has closed.
func (c *client) admitting(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.joining = s
	return true
}

// add notes a socket that has joined; false when the connection has closed.
func (c *client) add(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joining = nil
	if c.closed {
		return false
	}
	c.sockets = append(c.sockets, s)
	c.known.Store(true)
	c.session.Trust()
	c.stopTimer()
	return true
}

// remove takes a socket out; false when it is none of the connection's.
func (c *client) remove(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.sockets {
		if c.sockets[i] == s {
			c.sockets = append(c.sockets[:i:i], c.sockets[i+1:]...)
			return true
		}
	}
	return false
}

func (c *client) socket(namespace string) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session.Protocol() == 3 {
		namespace, _, _ = strings.Cut(namespace, "?")
	}
	return c.inNamespace(namespace)
}

func (c *client) inNamespace(name string) *Socket {
	for _, s := range c.sockets {
		if s.nsp.name == name {
			return s
		}
	}
	return nil
}

func (c *client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// disconnect leaves all namespaces with a Disconnect packet and closes the
// connection.
func (c *client) disconnect() {
	c.mu.Lock()
	sockets := c.sockets
	c.sockets = nil
	c.mu.Unlock()
	for _, s := range sockets {
		_ = s.sendDisconnect()
		s.leave(ServerDisconnect, nil)
	}
	c.session.Close()
}
