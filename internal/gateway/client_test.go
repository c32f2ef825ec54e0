package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// device is a Socket.IO client in the namespace "/" on a WebSocket, written from
// the protocol's description: protocol 5 over EIO4, or protocol 4 over EIO3.
type device struct {
	t    testing.TB
	conn net.Conn
	sid  string
	pid  string // proves who it was when it comes back

	writing sync.Mutex
	asked   int

	mu      sync.Mutex
	offset  string // of the last event
	packets []packet
	ended   bool
	news    chan struct{} // closed and replaced at every change
	done    chan struct{} // closed when reading has ended
}

// packet is a Socket.IO packet as it came: type, ack id, JSON.
type packet struct {
	kind byte
	id   string
	data json.RawMessage
	name string // of an event
	arg  json.RawMessage
}

func (p packet) String() string { return fmt.Sprintf("%c%s%s", p.kind, p.id, p.data) }

// dial opens a connection of that version of Engine.IO and signs nobody in.
func (n *node) dial(eio int, query url.Values, header http.Header) (*device, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("EIO", strconv.Itoa(eio))
	query.Set("transport", "websocket")
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP(header)}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, buffered, _, err := dialer.Dial(ctx, strings.Replace(n.url, "http", "ws", 1)+"/socket.io/?"+query.Encode())
	if err != nil {
		return nil, err
	}
	d := &device{t: n.t, conn: conn, news: make(chan struct{}), done: make(chan struct{})}
	var from io.Reader = conn
	if buffered != nil {
		from = io.MultiReader(io.LimitReader(buffered, int64(buffered.Buffered())), conn)
	}
	go d.read(from)
	n.t.Cleanup(d.drop)
	return d, nil
}

func (n *node) mustDial(eio int, query url.Values, header http.Header) *device {
	n.t.Helper()
	d, err := n.dial(eio, query, header)
	if err != nil {
		n.t.Fatal(err)
	}
	return d
}

// device signs a user in on a new device.
func (n *node) device(user string) *device {
	n.t.Helper()
	return n.deviceWith(n.token(user))
}

func (n *node) deviceWith(token string) *device {
	n.t.Helper()
	d := n.mustDial(4, nil, nil)
	d.connect(map[string]string{"token": token})
	return d
}

// recover brings a lost device back with that token.
func (n *node) recover(lost *device, token string) *device {
	n.t.Helper()
	d := n.mustDial(4, nil, nil)
	d.connect(map[string]string{"token": token, "pid": lost.pid, "offset": lost.offset})
	return d
}

// connect signs in and waits until that has worked and the server has
// subscribed the device.
func (d *device) connect(auth any) {
	d.t.Helper()
	d.send("0" + text(auth))
	d.welcomed()
}

// welcomed waits for the answer to signing in. The first event is handled after
// the subscription.
func (d *device) welcomed() {
	d.t.Helper()
	p := d.find("the connect packet", func(p *packet) bool { return p.kind == '0' || p.kind == '4' })
	if p.kind == '4' {
		d.t.Fatalf("sign-in was refused: %s", p)
	}
	var answer struct{ SID, PID string }
	if len(p.data) > 0 {
		if err := json.Unmarshal(p.data, &answer); err != nil {
			d.t.Fatal(err)
		}
	}
	d.sid, d.pid = answer.SID, answer.PID
	d.settle()
}

// refused signs in and returns the connect_error.
func (d *device) refused(auth string) string {
	d.t.Helper()
	d.send("0" + auth)
	return string(d.find("a connect error", func(p *packet) bool { return p.kind == '4' }).data)
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v // JSON already
	case nil:
		return ""
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// emit sends an event that wants no acknowledgement; the payload is JSON or to
// be it.
func (d *device) emit(event string, payload any) {
	d.send("2" + body(event, payload))
}

func body(event string, payload any) string {
	if arg := text(payload); arg != "" {
		return `["` + event + `",` + arg + `]`
	}
	return `["` + event + `"]`
}

// ack is what an acknowledgement may hold.
type ack struct {
	OK             bool
	ID             string
	RecipientID    string
	RoomID         string
	Timestamp      string
	ConversationID string
	Seq            int64
	ClientMsgID    string
	Room           json.RawMessage
	Messages       []message
	More           bool
	ExpiresAt      string
	Error          failure
}

// failure is a refusal.
type failure struct {
	Code, Message, Field, Event string
	Limit, RetryAfter           int
}

// message is a message, or another event of a conversation's log.
type message struct {
	ID, ConversationID, RoomID, RecipientID, SenderID, SenderUsername string
	UserID, Username, Role                                            string
	Content, Type, Timestamp, ClientMsgID                             string
	Seq                                                               int64
}

// ask sends an event and returns its acknowledgement.
func (d *device) ask(event string, payload any) ack {
	d.t.Helper()
	var a ack
	d.askInto(event, payload, &a)
	return a
}

func (d *device) askInto(event string, payload, dst any) {
	d.t.Helper()
	d.writing.Lock()
	d.asked++
	id := strconv.Itoa(d.asked)
	d.writing.Unlock()
	d.send("2" + id + body(event, payload))
	p := d.find("the acknowledgement of "+event, func(p *packet) bool { return p.kind == '3' && p.id == id })
	var args []json.RawMessage
	if err := json.Unmarshal(p.data, &args); err != nil || len(args) != 1 {
		d.t.Fatalf("acknowledgement %s: %v", p, err)
	}
	if err := json.Unmarshal(args[0], dst); err != nil {
		d.t.Fatalf("acknowledgement %s: %v", p, err)
	}
}

// must asks for what has to succeed.
func (d *device) must(event string, payload any) ack {
	d.t.Helper()
	a := d.ask(event, payload)
	if !a.OK {
		d.t.Fatalf("%s %s: %+v", event, text(payload), a.Error)
	}
	return a
}

// mustFail asks for what has to be refused.
func (d *device) mustFail(event string, payload any, code, message string) failure {
	d.t.Helper()
	a := d.ask(event, payload)
	if a.OK || a.Error.Code != code || a.Error.Message != message {
		d.t.Errorf("%s %.200s: ok %v, got %+v, want %s %q", event, text(payload), a.OK, a.Error, code, message)
	}
	return a.Error
}

// settle waits until the server has handled all that was sent before, which
// leaves no trace: what is asked for is refused.
func (d *device) settle() {
	d.t.Helper()
	if a := d.ask("history", `{"roomId":"none","limit":-1}`); a.OK {
		d.t.Fatal("the probe was accepted")
	}
}

func (d *device) send(packet string) { d.write(ws.OpText, "4"+packet) }

func (d *device) write(op ws.OpCode, payload string) {
	d.writing.Lock()
	defer d.writing.Unlock()
	_ = d.conn.SetWriteDeadline(time.Now().Add(patience))
	_ = ws.WriteFrame(d.conn, ws.MaskFrame(ws.NewFrame(op, true, []byte(payload)))) // a loss shows in what is read
}

// drop ends the connection as a broken network would.
func (d *device) drop() {
	_ = d.conn.Close()
	<-d.done
}

func (d *device) read(from io.Reader) {
	defer close(d.done)
	defer d.change(func() { d.ended = true })
	for {
		op, payload, err := readFrame(from)
		switch {
		case err != nil:
			return
		case op == ws.OpClose:
			d.write(ws.OpClose, "")
			return
		case payload == "":
		case payload[0] == '2':
			d.write(ws.OpText, "3")
		case payload[0] == '4':
			p := parse(payload[1:])
			d.change(func() {
				d.packets = append(d.packets, p)
				d.note(&p)
			})
		}
	}
}

// readFrame reads one frame of a size that the server may send.
func readFrame(from io.Reader) (ws.OpCode, string, error) {
	header, err := ws.ReadHeader(from)
	if err != nil {
		return 0, "", err
	}
	if header.Length > 16<<20 {
		return 0, "", fmt.Errorf("a frame of %d bytes", header.Length)
	}
	payload := make([]byte, header.Length)
	_, err = io.ReadFull(from, payload)
	return header.OpCode, string(payload), err
}

// note keeps the offset that comes as the last argument of an event.
func (d *device) note(p *packet) {
	var args []json.RawMessage
	if p.kind != '2' || json.Unmarshal(p.data, &args) != nil || len(args) < 3 {
		return
	}
	_ = json.Unmarshal(args[len(args)-1], &d.offset)
}

func parse(text string) packet {
	p := packet{kind: text[0]}
	text = text[1:]
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	p.id, p.data = text[:end], json.RawMessage(text[end:])
	var args []json.RawMessage
	if p.kind == '2' && json.Unmarshal(p.data, &args) == nil && len(args) > 0 {
		_ = json.Unmarshal(args[0], &p.name)
		if len(args) > 1 {
			p.arg = args[1]
		}
	}
	return p
}

func (d *device) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	close(d.news)
	d.news = make(chan struct{})
}

var (
	errEnded = errors.New("connection ended")
	errLate  = errors.New("not in time")
)

// wait waits until ok, which is called under the lock, holds.
func (d *device) wait(ok func() bool) error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		d.mu.Lock()
		holds, ended, news := ok(), d.ended, d.news
		d.mu.Unlock()
		switch {
		case holds:
			return nil
		case ended:
			return errEnded
		}
		select {
		case <-news:
		case <-timeout.C:
			return errLate
		}
	}
}

// find waits for a packet and takes it out of those that arrived.
func (d *device) find(what string, match func(*packet) bool) packet {
	d.t.Helper()
	var found packet
	err := d.wait(func() bool {
		for i := range d.packets {
			if match(&d.packets[i]) {
				found = d.packets[i]
				d.packets = append(d.packets[:i:i], d.packets[i+1:]...)
				return true
			}
		}
		return false
	})
	if err != nil {
		d.t.Fatalf("%s: %v; unread: %s", what, err, d.unread())
	}
	return found
}

func (d *device) unread() []packet {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]packet(nil), d.packets...)
}

// rest is what has come that was not unasked.
func (d *device) rest() []packet {
	return slices.DeleteFunc(d.unread(), func(p packet) bool { return slices.Contains(unasked, p.name) })
}

// event waits for an event of that name and decodes its argument.
func (d *device) event(name string, dst any) {
	d.t.Helper()
	p := d.find("event "+name, func(p *packet) bool { return p.name == name })
	if err := json.Unmarshal(p.arg, dst); err != nil {
		d.t.Fatalf("%s: %v", p, err)
	}
}

// message waits for an event of that name.
func (d *device) message(name string) message {
	d.t.Helper()
	var m message
	d.event(name, &m)
	return m
}

// logged takes the oldest event of a log.
func (d *device) logged() message {
	d.t.Helper()
	var m message
	d.find("an event of a log", func(p *packet) bool {
		m = message{}
		return p.kind == '2' && !slices.Contains(unasked, p.name) && json.Unmarshal(p.arg, &m) == nil && m.Seq > 0
	})
	return m
}

// unasked are events that come by themselves as devices sign in and go, and as time passes.
var unasked = []string{"server:epoch", "conversation:heads", "conversation:head", "presence", "user:online", "user:offline"}

// quiet proves that nothing more has come of all that was done before, but for
// what comes by itself.
func (d *device) quiet(n *node, why string) {
	d.t.Helper()
	n.told()
	d.settle()
	got := d.rest()
	if len(got) > 0 {
		d.t.Errorf("%s: got %.300s", why, got)
	}
}

// closed waits for the end of the connection.
func (d *device) closed() {
	d.t.Helper()
	if err := d.wait(func() bool { return d.ended }); err != nil {
		d.t.Fatalf("the end of the connection: %v", err)
	}
}
