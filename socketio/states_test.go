package socketio_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/socketio"
)

// clientEvents are all that can happen to a client's connection here; what ends it from
// below is a table of the engine's.
var clientEvents = map[string]func(r *rig){
	"joins":          func(r *rig) { r.sends("0") },
	"event":          func(r *rig) { r.sends(`2["e"]`) },
	"leaves":         func(r *rig) { r.sends("1") },
	"ack":            func(r *rig) { r.c.send(`399["yes"]`) }, // of what nobody has asked
	"malformed":      func(r *rig) { r.c.send("9"); r.isGone() },
	"is lost":        func(r *rig) { r.c.drop(); r.isGone() },
	"leaves all":     func(r *rig) { r.c.burst("1"); r.isGone() }, // the engine's packet
	"Emit":           func(r *rig) { _ = r.root.Emit("news") },
	"Disconnect":     func(r *rig) { r.disconnect(false) },
	"Disconnect all": func(r *rig) { r.disconnect(true) }, // and close the connection
	"Drop": func(r *rig) {
		if r.socket != nil {
			r.socket.Drop()
		}
	},
	"time to join is up": func(r *rig) {
		if r.socket != nil { // else it really runs out
			socketio.ConnectTimeout(r.socket)
		}
	},
	"comes back": func(r *rig) { // on another connection, before the server knows that it has to
		r.again = r.dial(4)
		claim := ""
		if r.id.PID != "" {
			claim = `{"pid":"` + r.id.PID + `"}`
		}
		r.again.connect("/", claim)
	},
	"Retire": func(r *rig) {
		if r.socket != nil {
			r.socket.Retire(func() { _ = r.socket.Emit("farewell") }) // it may be gone
		}
	},
	"Quiesce": func(r *rig) {
		ctx, cancel := context.WithCancel(r.t.Context())
		cancel() // not to wait for what is held here
		_ = r.Quiesce(ctx)
		r.deaf = true
	},
	"Shutdown": func(r *rig) {
		go r.stop() // waits for what is held
		r.deaf = true
	},
}

// outcome is what must come of an event, once what held the connection in its state has
// ended: what handlers hear, and where the client is then.
type outcome struct {
	hear  []string
	after string // see in, out and closed
	sees  string // a packet that its client has got: its kind, and part of what is in it
}

const (
	in     = "in"     // its namespace: its events are handled
	out    = "out"    // of it, and may join
	closed = "closed" // the connection is
)

// The handlers of one connection hear everything in order.
func hear(what ...string) []string { return what }

const (
	leftByClient = "left: client namespace disconnect"
	leftByServer = "left: server namespace disconnect"
	leftBroken   = "left: parse error"
	leftClose    = "left: transport close"
	leftForced   = "left: forced close"
	leftShutdown = "left: server shutting down"
)

// clientTable says what comes of each event in each state, and why.
var clientTable = map[string]map[string]outcome{
	"joins": {
		"unjoined":   {hear("connect"), in, "0"},
		"joining":    {hear("connect"), in, "0"},                    // impatient clients ask twice
		"joined":     {hear(leftBroken), closed, ""},                // nobody who knows that it has joined does
		"busy":       {hear("e", leftBroken), closed, ""},           // behind the event that is handled
		"paused":     {hear("e", "e", "e", leftBroken), closed, ""}, // it is read when there is room
		"recovering": {hear("connect"), in, "0"},
		"left":       {hear("connect"), in, "0"},
		"sent away":  {hear("connect"), in, "0"}, // which a client does not do by itself
		"lost":       {nil, closed, ""},
	},
	"event": {
		"unjoined":   {nil, closed, ""},               // for a namespace that it never joined: as Node has it
		"joining":    {hear("connect", "e"), in, "0"}, // sent on the heels of the request to join
		"joined":     {hear("e"), in, ""},
		"busy":       {hear("e", "e"), in, ""},
		"paused":     {hear("e", "e", "e", "e"), in, ""}, // a pause loses nothing
		"recovering": {hear("connect", "e"), in, "0"},
		"left":       {nil, closed, ""},
		"sent away":  {nil, closed, ""},
		"lost":       {nil, closed, ""},
	},
	"ack": { // nobody waits for it, nobody minds
		"unjoined":   {nil, out, ""},
		"joining":    {hear("connect"), in, "0"},
		"joined":     {nil, in, ""},
		"busy":       {hear("e"), in, ""},
		"paused":     {hear("e", "e", "e"), in, ""},
		"recovering": {hear("connect"), in, "0"},
		"left":       {nil, out, ""},
		"sent away":  {nil, out, ""},
		"lost":       {nil, closed, ""},
	},
	"leaves": {
		"unjoined":   {nil, out, ""},                               // it is where it wants to be
		"joining":    {hear("connect", leftByClient), out, "0"},    // in its order
		"joined":     {hear(leftByClient), out, ""},                // the connection may be in other namespaces
		"busy":       {hear("e", leftByClient), out, ""},           // not before the event that is handled
		"paused":     {hear("e", "e", "e", leftByClient), out, ""}, // what it has sent before is handled
		"recovering": {hear("connect", leftByClient), out, "0"},
		"left":       {nil, out, ""},
		"sent away":  {nil, out, ""}, // both at the same time
		"lost":       {nil, closed, ""},
	},
	"malformed": {
		"unjoined":   {nil, closed, ""},
		"joining":    {nil, closed, ""}, // it is never let in
		"joined":     {hear(leftBroken), closed, ""},
		"busy":       {hear("e", leftBroken), closed, ""},
		"paused":     {hear("e", "e", "e", leftBroken), closed, ""}, // not read before
		"recovering": {nil, closed, ""},
		"left":       {nil, closed, ""},
		"sent away":  {nil, closed, ""},
		"lost":       {nil, closed, ""},
	},
	"is lost": {
		"unjoined":   {nil, closed, ""},
		"joining":    {nil, closed, ""}, // who is let in now is not there any more
		"joined":     {hear(leftClose), closed, ""},
		"busy":       {hear("e", leftClose), closed, ""},
		"paused":     {hear("e", "e", "e", leftClose), closed, ""}, // what was received is handled
		"recovering": {nil, closed, ""},                            // and may be recovered another time
		"left":       {nil, closed, ""},
		"sent away":  {nil, closed, ""},
		"lost":       {nil, closed, ""},
	},
	"leaves all": {
		"unjoined":   {nil, closed, ""},
		"joining":    {nil, closed, ""},
		"joined":     {hear(leftClose), closed, ""},
		"busy":       {hear("e", leftClose), closed, ""},
		"paused":     {hear("e", "e", "e", leftClose), closed, ""},
		"recovering": {nil, closed, ""},
		"left":       {nil, closed, ""},
		"sent away":  {nil, closed, ""},
		"lost":       {nil, closed, ""},
	},
	"Emit": { // to the namespace, and so to whoever is in it
		"unjoined":   {nil, out, ""},
		"joining":    {hear("connect"), in, "0"}, // not yet
		"joined":     {nil, in, "2news"},
		"busy":       {hear("e"), in, "2news"}, // handlers do not hold up what is sent
		"paused":     {hear("e", "e", "e"), in, "2news"},
		"recovering": {hear("connect"), in, "2news"}, // as if it had never been away
		"left":       {nil, out, ""},
		"sent away":  {nil, out, ""},
		"lost":       {nil, closed, ""},
	},
	"Disconnect": {
		"unjoined":   {nil, out, ""},
		"joining":    {hear("connect"), in, "0"}, // a middleware refuses by its error
		"joined":     {hear(leftByServer), out, "1"},
		"busy":       {hear(leftByServer), out, "1"},
		"paused":     {hear(leftByServer), out, "1"}, // events of who is sent away are not handled any more
		"recovering": {hear("connect"), in, "0"},
		"left":       {nil, out, ""},
		"sent away":  {nil, out, ""},
		"lost":       {nil, closed, ""},
	},
	"Disconnect all": {
		"unjoined":   {nil, out, ""},    // it has no socket that could be disconnected
		"joining":    {nil, closed, ""}, // it is never let in
		"joined":     {hear(leftByServer), closed, "1"},
		"busy":       {hear(leftByServer), closed, "1"},
		"paused":     {hear(leftByServer), closed, "1"},
		"recovering": {nil, closed, ""},
		"left":       {nil, closed, ""},
		"sent away":  {nil, closed, ""},
		"lost":       {nil, closed, ""},
	},
	"Drop": {
		"unjoined":   {nil, out, ""}, // likewise
		"joining":    {nil, closed, ""},
		"joined":     {hear(leftForced), closed, ""}, // without a word: its client is to come back
		"busy":       {hear("e", leftForced), closed, ""},
		"paused":     {hear("e", "e", "e", leftForced), closed, ""},
		"recovering": {nil, closed, ""},
		"left":       {nil, closed, ""},
		"sent away":  {nil, closed, ""},
		"lost":       {nil, closed, ""},
	},
	"time to join is up": { // middlewares included
		"unjoined":   {nil, closed, ""},
		"joining":    {nil, closed, ""},
		"joined":     {nil, in, ""},
		"busy":       {hear("e"), in, ""},
		"paused":     {hear("e", "e", "e"), in, ""},
		"recovering": {nil, closed, ""},
		"left":       {nil, out, ""}, // it did in time
		"sent away":  {nil, out, ""},
		"lost":       {nil, closed, ""},
	},
	"comes back": { // the other connection's handlers hear of it too; see sees of that
		"unjoined":   {hear("connect"), out, ""},
		"joining":    {hear("connect", "connect"), in, "0"}, // it was given no id to come back with
		"joined":     {hear("connect", leftClose), closed, ""},
		"busy":       {hear("connect", "e", leftClose), closed, ""},           // a handler does not hold up its client
		"paused":     {hear("connect", "e", "e", "e", leftClose), closed, ""}, // nor what it has sent before
		"recovering": {hear("connect"), closed, ""},                           // the quicker one has it
		"left":       {hear("connect"), out, ""},
		"sent away":  {hear("connect"), out, ""},
		"lost":       {hear("connect"), closed, ""},
	},
	"Retire": { // what was received is handled, then it gets the last words
		"unjoined":   {nil, out, ""}, // it has no socket that could be retired
		"joining":    {hear("connect", leftShutdown), closed, "0"},
		"joined":     {hear(leftShutdown), closed, "2farewell"},
		"busy":       {hear("e", leftShutdown), closed, "2farewell"},
		"paused":     {hear("e", "e", "e", leftShutdown), closed, "2farewell"},
		"recovering": {hear("connect", leftShutdown), closed, "0"},
		"left":       {nil, closed, ""},
		"sent away":  {nil, closed, ""},
		"lost":       {nil, closed, ""},
	},
	"Quiesce": { // what was received is handled, nothing more is read
		"unjoined":   {nil, out, ""},
		"joining":    {hear("connect"), in, "0"},
		"joined":     {nil, in, ""},
		"busy":       {hear("e"), in, ""},
		"paused":     {hear("e", "e", "e"), in, ""},
		"recovering": {hear("connect"), in, "0"},
		"left":       {nil, out, ""},
		"sent away":  {nil, out, ""},
		"lost":       {nil, closed, ""},
	},
	"Shutdown": { // likewise, and then it is closed
		"unjoined":   {nil, closed, ""},
		"joining":    {hear("connect", leftShutdown), closed, "0"},
		"joined":     {hear(leftShutdown), closed, ""},
		"busy":       {hear("e", leftShutdown), closed, ""},
		"paused":     {hear("e", "e", "e", leftShutdown), closed, ""},
		"recovering": {hear("connect", leftShutdown), closed, "0"},
		"left":       {nil, closed, ""},
		"sent away":  {nil, closed, ""},
		"lost":       {nil, closed, ""},
	},
}

// recovered are the states in which a client that comes back goes on with its socket:
// it had one, and neither has left nor was sent away.
var recovered = []string{"joined", "busy", "paused", "recovering", "lost"}

// TestClientStates tries every event in every state. Whatever comes of it, the client is
// where the table says, every socket that was connected is told of once when it leaves,
// and no handler hears anything else.
func TestClientStates(t *testing.T) {
	for event, happens := range clientEvents {
		for state, make := range clientStates {
			t.Run(event+" while "+state, func(t *testing.T) {
				want, known := clientTable[event][state]
				if !known {
					t.Fatal("the table has no outcome")
				}
				cfg := socketio.Config{}
				if event == "time to join is up" && state == "unjoined" {
					cfg.ConnectTimeout = time.Millisecond
				}
				r := make(t, cfg)
				happens(r)
				r.release()
				r.holds(want)
				if r.again != nil && slices.Contains(recovered, state) != (r.root.Socket(r.id.SID) != nil) {
					t.Errorf("recovered: %v", r.root.Socket(r.id.SID) != nil)
				}
				r.ends(want.after)
			})
		}
	}
}

func (r *rig) holds(want outcome) {
	r.t.Helper()
	var heard []string
	for range want.hear {
		heard = append(heard, receive(r.t, r.log, strings.Join(want.hear, ", ")))
	}
	if r.again != nil { // two connections are not in order with each other
		slices.Sort(heard)
	}
	if !slices.Equal(heard, want.hear) {
		r.t.Fatalf("the handlers heard %q, want %q", heard, want.hear)
	}
	switch {
	case want.after == closed:
		r.c.closed()
	case r.deaf: // see ends
	case want.after == out:
		r.c.connect("/", "")
		r.hears("connect")
	}
	if want.after != closed && !r.deaf {
		r.c.ask(9, "mark") // what was sent before has arrived
	}
	if want.sees != "" {
		eventually(r.t, "the client sees "+want.sees, func() bool { return r.seen(want.sees) })
	}
	if want.sees != "2news" && r.seen("2news") {
		r.t.Error("the client has got what was not for it")
	}
}

// ends stops the server and counts what is heard of that.
func (r *rig) ends(after string) {
	r.t.Helper()
	sockets := 0
	if after == in || after == out && !r.deaf {
		sockets++
	}
	if r.again != nil {
		sockets++
	}
	if r.deaf {
		r.c.emit("e")
	}
	r.stop()
	for range sockets {
		r.hears(leftShutdown)
	}
	close(r.log)
	for what := range r.log {
		r.t.Errorf("the handlers heard %q", what)
	}
}
