package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

const invalidNamespace = `{"message":"Invalid namespace"}`

func TestNamespaces(t *testing.T) {
	h := serve(t, socketio.Config{})
	if h.Of("chat") != h.Of("/chat") || h.Of("") != h.Of("/") || h.Of("chat").Name() != "/chat" {
		t.Error("a namespace is not found by its name")
	}
	h.Of("/chat").On("who", func(_ context.Context, e *socketio.Event) error {
		return e.Socket().Emit("chat", e.Socket().Namespace().Name())
	})
	c := h.dial(4)
	root, chat := c.connect("/", ""), c.connect("/chat", "")
	if root.SID == chat.SID || len(root.SID) != 20 || root.PID != "" {
		t.Errorf("answers %+v and %+v", root, chat)
	}
	c.emitIn("/chat", "who")
	if p := c.next(); p.nsp != "/chat" || p.data != `["chat","/chat"]` {
		t.Errorf("got %s", p)
	}
	c.send("0/none,")
	if p := c.packet('4', "/none"); p.data != invalidNamespace {
		t.Errorf("got %s", p)
	}
	if h.Of("/").Socket(root.SID) == nil || h.Of("/chat").Socket(chat.SID) == nil || h.Of("/chat").Socket(root.SID) != nil {
		t.Error("sockets are not where they joined")
	}
}

func TestNamespaceLimit(t *testing.T) {
	h := serve(t, socketio.Config{})
	h.OfPattern(regexp.MustCompile(`/n\d+`))
	c := h.dial(4)
	for i := range 100 {
		c.connect(fmt.Sprintf("/n%d", i), "")
	}
	c.send("0/n100,")
	if p := c.packet('4', "/n100"); p.data != invalidNamespace {
		t.Errorf("got %s", p)
	}
	c.send("1/n5,")
	c.connect("/n100", "") // there is room again
}

func TestBadConnects(t *testing.T) {
	for name, send := range map[string][]string{
		"event named null":             {`0`, `2[null]`},
		"auth that is no JSON":         {`0{"token":`},
		"auth with trailing garbage":   {`0{}{}`},
		"event before connect":         {`2["e"]`},
		"event in another namespace":   {`0`, `2/other,["e"]`},
		"connect error from a client":  {`0`, `4{"message":"x"}`},
		"invalid JSON":                 {`0`, `2["e"`},
		"event without a name":         {`0`, `2[]`},
		"event named by an object":     {`0`, `2[{}]`},
		"event named null-like":        {`0`, `2[true]`},
		"reserved: connect":            {`0`, `2["connect"]`},
		"reserved: disconnect":         {`0`, `2["disconnect"]`},
		"reserved: disconnecting":      {`0`, `2["disconnecting"]`},
		"reserved: connect_error":      {`0`, `2["connect_error"]`},
		"reserved: newListener":        {`0`, `2["newListener"]`},
		"reserved: removeListener":     {`0`, `2["removeListener"]`},
		"attachments over the limit":   {`0`, `511-["e"]`},
		"unknown packet type":          {`0`, `9`},
		"acknowledgement without body": {`0`, `31`},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, socketio.Config{})
			h.Of("/").OnAny(func(_ context.Context, e *socketio.Event) error {
				t.Errorf("event %q was handled", e.Name())
				return nil
			})
			c := h.dial(4)
			for _, packet := range send {
				c.send(packet)
			}
			c.closed()
		})
	}
}

// A client may ask to join twice before it is answered; once it is in, asking
// again breaks the protocol.
func TestConnectTwice(t *testing.T) {
	h := serve(t, socketio.Config{})
	answer := make(chan struct{})
	h.Of("/").Use(func(context.Context, *socketio.Socket) error {
		<-answer
		return nil
	})
	joined := make(chan *socketio.Socket, 1)
	h.Of("/side").OnConnect(func(_ context.Context, s *socketio.Socket) { joined <- s })
	c := h.dial(4)
	c.connect("/side", "")
	side := receive(t, joined, "the socket")
	c.send("0")
	c.send("0")
	c.send("1/side,") // takes effect as it is read, and so tells that the others were
	receive(t, side.Context().Done(), "the disconnect")
	close(answer)
	c.packet('0', "/")
	c.send("0/other,")
	c.packet('4', "/other") // still there
	c.send("0")
	c.closed()
}

// What a server tells about a packet that was refused is in the reason.
func TestMalformedIsParseError(t *testing.T) {
	h := serve(t, socketio.Config{})
	reasons := make(chan socketio.Reason, 1)
	h.Of("/").OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { reasons <- r })
	c := h.join("/", "")
	c.send(`2["e"`)
	if r := receive(t, reasons, "the disconnect"); r != socketio.ParseError {
		t.Errorf("reason %q", r)
	}
}

func TestDynamicNamespaces(t *testing.T) {
	h := serve(t, socketio.Config{})
	byFunc := h.OfFunc(func(name string, auth socketio.Value) bool {
		var claim struct{ Key string }
		return auth != nil && auth.Decode(&claim) == nil && claim.Key == name
	})
	pattern := h.OfPattern(regexp.MustCompile(`/room-\d+|/x`))
	h.OfFunc(func(string, socketio.Value) bool { panic("not for clients") })
	joined := sockets(pattern)
	left := make(chan *socketio.Socket, 10)
	pattern.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) { left <- s })
	pattern.On("name", func(_ context.Context, e *socketio.Event) error {
		return e.Ack(e.Socket().Namespace().Name())
	})
	_ = byFunc

	c := h.dial(4)
	c.connect("/secret", `{"key":"/secret"}`)
	for _, refused := range []string{"/secret2", "/room-", "/room-1x", "/a/room-1", "/xy"} {
		c.send("0" + refused + ",")
		if p := c.packet('4', refused); p.data != invalidNamespace {
			t.Errorf("%s: got %s", refused, p)
		}
	}
	if !h.log.contains("not for clients") {
		t.Error("the panic of a namespace function was not logged")
	}

	c.connect("/room-1", "")
	d := h.join("/room-1", "")
	d.connect("/room-2", "")
	for range 3 {
		receive(t, joined, "a socket")
	}
	c.send(`2/room-1,5["name"]`)
	if p := c.packet('3', "/room-1"); p.data != `["/room-1"]` {
		t.Errorf("got %s", p)
	}
	if err := pattern.Emit("all", 1); err != nil {
		t.Fatal(err)
	}
	c.expect(`["all",1]`)
	d.expect(`["all",1]`)
	d.expect(`["all",1]`)

	first := h.Namespaces()
	c.send("1/room-1,")
	receive(t, left, "the disconnect")
	if got := h.Namespaces(); !reflect.DeepEqual(got, first) {
		t.Errorf("%v became %v with a socket left", first, got)
	}
	d.drop()
	c.drop()
	eventually(t, "empty namespaces vanish", func() bool { return reflect.DeepEqual(h.Namespaces(), []string{"/"}) })
}

// A client that is refused leaves no namespace behind.
func TestRefusedDynamicNamespace(t *testing.T) {
	h := serve(t, socketio.Config{})
	parent := h.OfPattern(regexp.MustCompile(`/p\d+`))
	parent.Use(func(context.Context, *socketio.Socket) error { return &socketio.ConnectError{Message: "no"} })
	c := h.dial(4)
	for i := range 20 {
		name := fmt.Sprintf("/p%d", i)
		c.send("0" + name + ",")
		c.packet('4', name)
	}
	eventually(t, "no namespace is left", func() bool { return len(h.Namespaces()) == 1 })
}

func TestMiddlewares(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	ran := make(chan string, 100)
	order := func() string {
		var names []string
		for len(ran) > 0 {
			names = append(names, <-ran)
		}
		return strings.Join(names, " ")
	}
	step := func(name string) socketio.Middleware {
		return func(_ context.Context, s *socketio.Socket) error {
			ran <- name
			var auth struct{ Fail, How string }
			if err := s.Auth(&auth); err != nil || auth.Fail != name {
				return err
			}
			switch auth.How {
			case "refuse":
				return fmt.Errorf("wrapped: %w", &socketio.ConnectError{Message: "not you", Data: map[string]int{"code": 7}})
			case "panic":
				panic("middleware went wrong: hunter2")
			default:
				return errors.New("not today")
			}
		}
	}
	root.Use(step("a"))
	root.Use(step("b"))
	root.Use(step("c"))
	connects := sockets(root)

	for _, tt := range []struct{ auth, order, answer, logged string }{
		{`{"fail":"b","how":"refuse"}`, "a b", `{"message":"not you","data":{"code":7}}`, ""},
		{`{"fail":"a"}`, "a", `{"message":"not today"}`, "not today"},
		{`{"fail":"c","how":"panic"}`, "a b c", `{"message":"Internal server error"}`, "middleware went wrong: hunter2"},
	} {
		c := h.dial(4)
		c.send("0" + tt.auth)
		if p := c.packet('4', "/"); p.data != tt.answer {
			t.Errorf("%s: got %s, want %s", tt.auth, p, tt.answer)
		}
		if got := order(); got != tt.order {
			t.Errorf("%s: order %q, want %q", tt.auth, got, tt.order)
		}
		if tt.logged != "" && !h.log.contains(tt.logged) {
			t.Errorf("%s: %q was not logged", tt.auth, tt.logged)
		}
		c.connect("/", "") // the connection lives
		if got := order(); got != "a b c" {
			t.Errorf("order %q", got)
		}
		receive(t, connects, "the socket")
	}
	if len(connects) != 0 {
		t.Error("a refused socket was connected")
	}
}

func TestMiddlewareSeesAuth(t *testing.T) {
	h := serve(t, socketio.Config{ForgetAuth: true})
	root := h.Of("/")
	tokens := make(chan string, 2)
	root.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ Token string }
		err := s.Auth(&auth)
		tokens <- auth.Token
		s.SetData("user of " + auth.Token)
		return err
	})
	root.On("again", func(_ context.Context, e *socketio.Event) error {
		auth := struct{ Token string }{"nothing"}
		err := e.Socket().Auth(&auth)
		return errors.Join(err, e.Ack(auth.Token, e.Socket().Data()))
	})
	c := h.join("/", `{"token":"t"}`)
	if got := receive(t, tokens, "the token"); got != "t" {
		t.Errorf("got %q", got)
	}
	if p := c.ask(1, "again"); p.data != `["nothing","user of t"]` {
		t.Errorf("got %s", p)
	}
}
