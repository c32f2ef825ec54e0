package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/gateway"
)

// What happens at a server in each state of its drain, over both protocols. As for single connections, a pair that nobody
// has thought about is a failure of the test.
var drainTable = map[string]map[string]outcome{
	"serving": {
		"native handshake":       {nativeIn, "what it is for"},
		"Socket.IO handshake":    {socketIn, "what it is for"},
		"message over native":    {nativeAnswered, "what it is for"},
		"message over Socket.IO": {socketAnswered, "what it is for"},
		"command ends":           {serves, "nothing was held up"},
		"time runs out":          {serves, "nobody has begun to count"},
		"peer leaves":            {nativeForgotten, "as ever"},
		"hand over":              {allHandedOver, "it is up to the caller to refuse new ones before"},
		"shutdown":               {allToldToGo, "a drain may be skipped: Shutdown quiesces first"},
	},
	"refusing": {
		"native handshake":       {nativeRefused, "another node has it: it is refused before the upgrade, and before it signs in"},
		"Socket.IO handshake":    {socketRefused, "another node has it: stock clients try again, balancers at once"},
		"message over native":    {nativeAnswered, "who is here stays until it is told to go"},
		"message over Socket.IO": {socketAnswered, "who is here stays until it is told to go"},
		"command ends":           {stays, "nothing was held up"},
		"time runs out":          {stays, "nobody has begun to count"},
		"peer leaves":            {nativeForgotten, "as ever"},
		"hand over":              {allHandedOver, "now that nobody new comes"},
		"shutdown":               {allToldToGo, "there may be nobody left to hand over to"},
	},
	"handing over": {
		"native handshake":       {nativeRefused, "another node has it"},
		"Socket.IO handshake":    {socketRefused, "another node has it"},
		"message over native":    {nativeUnheard, "it is read no more: another node hears of it, when it is sent again"},
		"message over Socket.IO": {heldAnsweredThenHandedOver, "it is gone by now: nobody waits for the others"},
		"command ends":           {heldAnsweredThenHandedOver, "what was received is carried out and answered, and then it goes"},
		"time runs out":          {heldAnsweredThenHandedOver, "it was told in time, and goes when its command ends"},
		"peer leaves":            {nativeForgotten, "its command is carried out, for nobody to hear"},
		"hand over":              {heldAnsweredThenHandedOver, "a second one tells it nothing new"},
		"shutdown":               {heldHandedOverThenDown, "it waits for the same command, behind which it goes as it was told"},
	},
	"handed over": {
		"native handshake":       {nativeRefused, "another node has it"},
		"Socket.IO handshake":    {socketRefused, "another node has it"},
		"message over native":    {allGone, "nobody reads"},
		"message over Socket.IO": {allGone, "nobody reads"},
		"command ends":           {allGone, "there is none"},
		"time runs out":          {allGone, "it was in time"},
		"peer leaves":            {allGone, "it was closed before"},
		"hand over":              {allGone, "there is nobody"},
		"shutdown":               {allGone, "there is nobody"},
	},
	"quiescing": {
		"native handshake":       {nativeRefused, "the next server has it: it is refused before the upgrade, and before it signs in"},
		"Socket.IO handshake":    {socketRefused, "the next server has it: stock clients try again"},
		"message over native":    {nativeUnheard, "nothing more is read, or the drain would never end"},
		"message over Socket.IO": {socketUnheard, "nothing more is read, or the drain would never end"},
		"command ends":           {heldAnswered, "what was received is carried out and answered, and then all is quiet"},
		"time runs out":          {quietTooLate, "a command that hangs does not keep the server"},
		"peer leaves":            {nativeForgotten, "its command is carried out, for nobody to hear"},
		"hand over":              {heldAnsweredThenHandedOver, "it waits for the same command"},
		"shutdown":               {heldAnsweredThenGone, "it waits for the same command"},
	},
	"quiesced": {
		"native handshake":       {nativeRefused, "the next server has it: it is refused before the upgrade, and before it signs in"},
		"Socket.IO handshake":    {socketRefused, "the next server has it: stock clients try again"},
		"message over native":    {nativeUnheard, "what is told now is what came of commands before"},
		"message over Socket.IO": {socketUnheard, "what is told now is what came of commands before"},
		"command ends":           {allToldToGo, "there is none"},
		"time runs out":          {allDropped, "the second half has no time left: the close frame is sent, its answer is not waited for"},
		"peer leaves":            {nativeForgotten, "it is noticed with the first byte that is written"},
		"hand over":              {allHandedOver, "they can be sent to, and closed one by one"},
		"shutdown":               {allToldToGo, "now that all have been told what came of their commands"},
	},
	"closing": {
		"native handshake":       {nativeRefused, "the listener is still there, to answer /ready"},
		"Socket.IO handshake":    {socketRefused, "the listener is still there, to answer /ready"},
		"message over native":    {nativeEnds, "what comes behind the end is not heard"},
		"message over Socket.IO": {nativeEnds, "it is gone by now: Socket.IO does not wait for native peers"},
		"command ends":           {nativeEnds, "there is none"},
		"time runs out":          {nativeDropped, "a peer that does not finish the closing handshake does not keep the server"},
		"peer leaves":            {nativeForgotten, "a peer need not finish the closing handshake"},
		"hand over":              {nativeEnds, "it was told before"},
		"shutdown":               {nativeEnds, "a second one waits for the same"},
	},
	"down": {
		"native handshake":       {nativeRefused, "there is no loop to serve it"},
		"Socket.IO handshake":    {socketRefused, "there is no loop to serve it"},
		"message over native":    {allGone, "nobody reads"},
		"message over Socket.IO": {allGone, "nobody reads"},
		"command ends":           {allGone, "there is none"},
		"time runs out":          {allGone, "it was in time"},
		"peer leaves":            {allGone, "it was closed before"},
		"hand over":              {allGone, "there is nobody"},
		"shutdown":               {allGone, "a second one has nothing to do"},
	},
}

type outcome struct {
	check func(*draining)
	why   string
}

// draining is a server with a client of each protocol.
type draining struct {
	*situation
	socket *device
	ctx    context.Context // of the drain
	cancel context.CancelFunc
	quiet  chan error // of Quiesce
	ended  chan error // of Shutdown
	going  bool       // Shutdown was called
}

func begin(t *testing.T) *draining {
	s := new(situation)
	s.node = serve(t, func(o *setup) {
		o.SignIn = func(inner gateway.Accounts) gateway.Accounts { return slowSignIn{inner, s} }
		o.Chats = func(inner chat.Store) chat.Store { return slowSync{inner, s} }
	})
	t.Cleanup(s.release)
	d := &draining{situation: s, socket: s.device("bob"), quiet: make(chan error, 1), ended: make(chan error, 2)}
	d.ctx, d.cancel = context.WithTimeout(t.Context(), patience)
	t.Cleanup(d.cancel)
	s.open()
	return d
}

// together runs both servers' halves of the drain.
func (d *draining) together(done chan<- error, native, sockets func(context.Context) error) {
	other := make(chan error, 1)
	go func() { other <- native(d.ctx) }()
	go func() { done <- errors.Join(sockets(d.ctx), <-other) }()
}

func (d *draining) hold() {
	d.sync.close()
	d.send(`{"type":"sync","ref":"held","conversations":{}}`)
	<-d.sync.reached
}

func (d *draining) quiesce() {
	d.together(d.quiet, d.native.Quiesce, d.sockets.Quiesce)
	eventually(d.t, "the drain to begin", func() bool {
		_, err := d.dialSocket()
		return d.native.Stopping() && err != nil
	})
}

// handOver has both go to another node, the one over Socket.IO at once.
func (d *draining) handOver() {
	d.gateway.HandOver(d.ctx, 0, "x")
}

func (d *draining) handingOver() {
	d.hold()
	d.gateway.StopOpening()
	d.handOver()
	socketHandedOver(d)
}

func (d *draining) handedOver() {
	d.gateway.StopOpening()
	d.handOver()
	allHandedOver(d)
	_ = d.conn.Close()
	d.forgotten()
	eventually(d.t, "nobody to be left", d.nobody)
}

func (d *draining) shutdown() {
	d.going = true
	d.together(d.ended, d.native.Shutdown, d.sockets.Shutdown)
}

// close begins the shutdown, which the native peer does not answer.
func (d *draining) close() {
	d.shutdown()
	if code, _ := d.untilClose(); code != ws.StatusGoingAway {
		d.t.Fatalf("closed with %d", code)
	}
	d.socket.closed()
}

func (d *draining) down() {
	d.close()
	nativeEnds(d)
}

func (d *draining) dialSocket() (*device, error) {
	other, err := d.node.dial(4, nil, nil)
	if err == nil {
		other.drop()
	}
	return other, err
}

var (
	drainStates = map[string]func(*draining){
		"serving":      func(*draining) {},
		"refusing":     func(d *draining) { d.gateway.StopOpening() },
		"handing over": (*draining).handingOver,
		"handed over":  (*draining).handedOver,
		"quiescing":    func(d *draining) { d.hold(); d.quiesce() },
		"quiesced":     func(d *draining) { d.quiesce(); d.finished(d.quiet) },
		"closing":      (*draining).close,
		"down":         (*draining).down,
	}
	drainEvents = map[string]func(*draining){
		"native handshake":    func(*draining) {}, // the outcomes try
		"Socket.IO handshake": func(*draining) {},
		"message over native": func(d *draining) {
			_ = ws.WriteFrame(d.conn, ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"sync","ref":"event","conversations":{}}`)))) // it may be gone
		},
		"message over Socket.IO": func(d *draining) { d.socket.send(`2777["sync",{"conversations":{}}]`) },
		"command ends":           func(d *draining) { d.release() },
		"time runs out":          func(d *draining) { d.cancel() },
		"peer leaves":            func(d *draining) { _ = d.conn.Close() },
		"hand over":              (*draining).handOver,
		"shutdown":               (*draining).shutdown,
	}
)

func TestEveryEventInEveryStateOfADrain(t *testing.T) {
	for state, reach := range drainStates {
		for event, happens := range drainEvents {
			want, known := drainTable[state][event]
			if !known {
				t.Errorf("nobody says what %q does to a server that is %q", event, state)
				continue
			}
			t.Run(state+"/"+event, func(t *testing.T) {
				d := begin(t)
				reach(d)
				happens(d)
				want.check(d)
				if t.Failed() {
					t.Logf("but: %s", want.why)
				}
			})
		}
	}
	for state, events := range drainTable {
		for event := range events {
			if drainStates[state] == nil || drainEvents[event] == nil {
				t.Errorf("there is no state %q or no event %q", state, event)
			}
		}
	}
}

func (d *draining) finished(half <-chan error) {
	d.t.Helper()
	if err := <-half; err != nil {
		d.t.Errorf("the drain: %v", err)
	}
}

// The outcomes.

// another opens a second native connection and returns what comes first: its type or the close code.
func (d *draining) another() string {
	d.t.Helper()
	conn, from, err := d.handshake(d.tokenFor("cyd", patience))
	if err != nil {
		return "refused"
	}
	second := &situation{node: d.node, conn: conn, from: from}
	f, code, err := second.read()
	switch {
	case err != nil:
		return "dropped"
	case f == nil:
		return fmt.Sprint(int(code))
	}
	return fmt.Sprint(f["type"])
}

func (d *draining) expect(want ...string) {
	d.t.Helper()
	if got := d.another(); !slices.Contains(want, got) {
		d.t.Errorf("another connection: %s, want %q", got, want)
	}
}

func nativeIn(d *draining)      { d.expect("connection") }
func nativeRefused(d *draining) { d.expect("refused", "dropped") }

func socketIn(d *draining) { d.device("cyd").settle() }

func socketRefused(d *draining) {
	if _, err := d.dialSocket(); err == nil {
		d.t.Error("another connection was opened")
	}
}

func nativeAnswered(d *draining) { answers(d.situation) }

func socketAnswered(d *draining) {
	d.socket.find("the answer", func(p *packet) bool { return p.kind == '3' && p.id == "777" })
}

func serves(d *draining) {
	lives(d.situation)
	d.socket.settle()
}

// stays is serves, for connections that are open.
func stays(d *draining) {
	lives(d.situation)
	d.socket.settle()
}

// toldToReturn: a device is told who goes and when to come back.
func (d *draining) toldToReturn(node string, after float64) {
	d.t.Helper()
	if node != "x" || after != 200 {
		d.t.Errorf("told to leave %q, and to come back after %v ms", node, after)
	}
}

func socketHandedOver(d *draining) {
	d.t.Helper()
	var told struct {
		Node        string
		ReturnAfter float64
	}
	d.socket.event("server:leaving", &told)
	d.toldToReturn(told.Node, told.ReturnAfter)
	d.socket.closed()
}

func nativeHandedOver(d *draining) {
	d.t.Helper()
	f := d.frame("server:leaving")
	after, _ := f["returnAfter"].(float64)
	d.toldToReturn(fmt.Sprint(f["node"]), after)
	if code, _ := d.untilClose(); code != ws.StatusGoingAway {
		d.t.Errorf("closed with %d", code)
	}
}

func allHandedOver(d *draining) {
	d.t.Helper()
	socketHandedOver(d)
	nativeHandedOver(d)
}

func heldAnsweredThenHandedOver(d *draining) {
	d.t.Helper()
	d.release()
	if f := d.frame("ack"); f["ref"] != "held" {
		d.t.Errorf("answered was %v", f)
	}
	nativeHandedOver(d)
}

func heldHandedOverThenDown(d *draining) {
	d.t.Helper()
	heldAnsweredThenHandedOver(d)
	nativeEnds(d)
}

// allToldToGo: both peers, none of whom is answered anything more.
func allToldToGo(d *draining) {
	d.t.Helper()
	if !d.going {
		d.shutdown()
	}
	if code, _ := d.untilClose(); code != ws.StatusGoingAway {
		d.t.Errorf("closed with %d", code)
	}
	d.socket.closed()
	nativeEnds(d)
}

func nativeUnheard(d *draining) {
	d.t.Helper()
	d.release()
	allToldToGo(d)
	if slices.Contains(d.acks, "event") {
		d.t.Error("it was answered")
	}
}

func socketUnheard(d *draining) {
	d.t.Helper()
	d.release()
	allToldToGo(d)
	if slices.ContainsFunc(d.socket.unread(), func(p packet) bool { return p.kind == '3' }) {
		d.t.Error("it was answered")
	}
}

// heldAnswered: the command that was held up, and with it the first half of the drain ends.
func heldAnswered(d *draining) {
	d.t.Helper()
	if f := d.frame("ack"); f["ref"] != "held" {
		d.t.Errorf("answered was %v", f)
	}
	d.finished(d.quiet)
}

func heldAnsweredThenGone(d *draining) {
	d.t.Helper()
	d.release()
	heldAnswered(d)
	allToldToGo(d)
}

func quietTooLate(d *draining) {
	d.t.Helper()
	if err := <-d.quiet; !errors.Is(err, context.Canceled) {
		d.t.Errorf("the drain: %v", err)
	}
	d.release()
	d.ctx = d.t.Context()
	if f := d.frame("ack"); f["ref"] != "held" { // the connection is still there
		d.t.Errorf("answered was %v", f)
	}
	allToldToGo(d)
}

// nativeEnds: the peer finishes the closing handshake, and with it the drain ends.
func nativeEnds(d *draining) {
	d.t.Helper()
	silence(d.situation)
	d.finished(d.ended)
}

// nativeDropped: the server does not wait for that.
func nativeDropped(d *draining) {
	d.t.Helper()
	if f, code, err := d.read(); err == nil {
		d.t.Errorf("behind the end came %v, %d", f, code)
	} else if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		d.t.Error("the connection is kept")
	}
	if err := <-d.ended; !errors.Is(err, context.Canceled) {
		d.t.Errorf("the drain: %v", err)
	}
}

func allDropped(d *draining) {
	d.t.Helper()
	d.shutdown()
	for {
		if _, _, err := d.read(); err != nil {
			break
		}
	}
	d.socket.closed()
	if err := <-d.ended; !errors.Is(err, context.Canceled) {
		d.t.Errorf("the drain: %v", err)
	}
}

func nativeForgotten(d *draining) {
	d.t.Helper()
	d.release()
	if d.native.Stopping() { // it is not read, and noticed when it is written to
		d.shutdown()
	}
	d.forgotten()
}

func allGone(d *draining) {
	d.t.Helper()
	if !d.nobody() {
		d.t.Error("a connection is left")
	}
}

func (d *draining) nobody() bool {
	return d.native.Open() == 0 && d.sockets.Connections() == 0 && d.gateway.Connections() == 0
}
