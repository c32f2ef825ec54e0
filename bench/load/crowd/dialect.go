//go:build linux

package crowd

import (
	"fmt"
	"strings"
)

const room = "bench"

// dialect is what clients say to one kind of server.
type dialect struct {
	// roles say how a client of each kind comes in.
	member, sender, caller role

	message []byte // frame with a message to the room
	call    []byte // frame with a call that is answered
	content string // what every message carries

	event  string                  // the beginning of what counts as delivered
	as     func(number int) role   // of a connection, instead of the role; nil where all come in alike
	fresh  func() []byte           // message with an id of its own; nil where there are none
	direct func(number int) []byte // frame with a message from a connection to its partner's

	ping, pong string // what the server asks now and then, and the answer
	lines      bool   // a frame may hold several messages, a line each
}

// role is how a client comes in.
type role struct {
	path   string
	header string // of the opening handshake, beside what every client sends; lines that end with CRLF
	polls  bool   // over HTTP long-polling
	server int    // where to, by its place in the plan
	opens  opens
	steps  []step
}

// opens is where a client opens its session by polling, before it goes on by another connection.
type opens struct {
	apart  bool // else it opens it where it goes on
	server int
}

// step is something to send, nothing if empty, and the beginning of what has to come then.
type step struct {
	send, expect string // nothing has to come if expect is empty
	before       string // the beginning of what may come before that; nothing if empty
}

func newDialect(plan Plan) (*dialect, error) {
	content := plan.content()
	switch plan.Dialect {
	case "socketio":
		d := socketIO(content)
		if plan.Polling {
			d.member = pollingOf(d.member)
		}
		return d, nil
	case "frames":
		return frames(content), nil
	case "centrifuge":
		return centrifuge(content), nil
	default:
		return nil, fmt.Errorf("no dialect is called %q", plan.Dialect)
	}
}

// content is the text of every message.
func (p *Plan) content() string { return strings.Repeat("sockeye ", p.Payload/8+1)[:p.Payload] }

// socketIO is for servers of Socket.IO 4.
func socketIO(content string) *dialect {
	const path = "/socket.io/?EIO=4&transport=websocket"
	signIn := []step{{expect: "0{"}, {send: "40", expect: "40{"}}
	join := step{send: `420["join",{"roomId":"` + room + `"}]`, expect: "430["}
	return &dialect{
		member:  role{path: path, steps: append(signIn, join)},
		sender:  role{path: path, steps: signIn},
		caller:  role{path: path, steps: signIn},
		message: clientFrame(`42["room:message",{"roomId":"` + room + `","content":"` + content + `"}]`),
		call:    clientFrame(`420["echo","` + content + `"]`),
		content: content,
		ping:    "2",
		pong:    "3",
	}
}

// frames is for servers without a protocol of their own. What they carry is as long as with Socket.IO.
func frames(content string) *dialect {
	d := socketIO(content)
	joined := []step{{expect: "joined"}}
	d.member = role{path: "/room", steps: joined}
	d.sender = role{path: "/send", steps: joined}
	d.caller = role{path: "/echo", steps: []step{{send: "40", expect: "40"}}}
	d.ping, d.pong = "", ""
	return d
}

// centrifuge is for servers of the centrifuge library: its bidirectional protocol in JSON.
func centrifuge(content string) *dialect {
	const path = "/connection/websocket"
	signIn := []step{{send: `{"id":1,"connect":{}}`, expect: `{"id":1,"connect":{`}}
	subscribe := step{send: `{"id":2,"subscribe":{"channel":"` + room + `"}}`, expect: `{"id":2,"subscribe":`}
	data := `{"roomId":"` + room + `","content":"` + content + `"}`
	return &dialect{
		member:  role{path: path, steps: append(signIn, subscribe)},
		sender:  role{path: path, steps: signIn},
		caller:  role{path: path, steps: signIn},
		message: clientFrame(`{"id":3,"publish":{"channel":"` + room + `","data":` + data + `}}`),
		call:    clientFrame(`{"id":3,"rpc":{"method":"echo","data":"` + content + `"}}`),
		content: content,
		ping:    "{}",
		pong:    "{}",
		lines:   true,
	}
}
