package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

// A chat with rooms, for stock clients of Socket.IO 2 to 4:
//
//	const socket = io("http://localhost:3000");
//	socket.emit("join", "garden");
//	socket.emit("say", {room: "garden", text: "Hello"});
//	socket.on("said", ({from, text}) => …);
func Example() {
	server, err := socketio.NewServer(socketio.Config{
		Engine: engineio.Config{CORS: &engineio.CORS{Origins: []string{"https://chat.example"}}},
	})
	if err != nil {
		panic(err)
	}
	type say struct {
		Room string `json:"room"`
		Text string `json:"text"`
	}
	type said struct {
		From string `json:"from"`
		Text string `json:"text"`
	}
	chat := server.Of("/")
	socketio.Handle(chat, "join", func(_ context.Context, e *socketio.Event, room string) error {
		e.Socket().Join(room)
		return e.Socket().To(room).Emit("joined", e.Socket().ID())
	})
	socketio.Handle(chat, "say", func(_ context.Context, e *socketio.Event, in say) error {
		return chat.To(in.Room).Emit("said", said{From: e.Socket().ID(), Text: in.Text})
	})
	chat.OnDisconnect(func(s *socketio.Socket, reason socketio.Reason) {
		_ = chat.To(s.Rooms()...).Emit("left", s.ID(), reason)
	})

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", server)
	web := &http.Server{Addr: "localhost:3000", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.ListenAndServe(web) }()

	// At the end: clients are told, and handlers may finish.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
	_ = web.Shutdown(ctx)
}

// Arguments and acknowledgements have types. The client writes:
//
//	const sum = await socket.emitWithAck("add", [1, 2, 3]);
func ExampleHandleAck() {
	server, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()

	root := server.Of("/")
	socketio.HandleAck(root, "add", func(_ context.Context, _ *socketio.Event, numbers []int) (int, error) {
		sum := 0
		for _, n := range numbers {
			sum += n
		}
		return sum, nil
	})
	// What handlers return, and arguments that do not fit, come together here.
	root.OnError(func(e *socketio.Event, err error) {
		var bad *socketio.ArgumentError
		if errors.As(err, &bad) {
			_ = e.Ack(map[string]any{"error": "bad argument", "index": bad.Index})
		}
	})

	client := newPoller(server) // on the wire, as a client sees it
	client.connect()
	client.post(`420["add",[1,2,3]]`)
	fmt.Println(client.get())
	client.post(`421["add","one"]`)
	fmt.Println(client.get())
	// Output:
	// 430[6]
	// 431[{"error":"bad argument","index":0}]
}

// A middleware finds out who connects, and refuses those it does not know. The
// client writes:
//
//	const socket = io({auth: {token: "…"}});
//	socket.on("connect_error", (err) => console.log(err.message, err.data));
func ExampleHandlers_Use() {
	type user struct{ Name string }
	users := map[string]user{"secret": {"Ada"}}

	server, err := socketio.NewServer(socketio.Config{ForgetAuth: true})
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()
	root := server.Of("/")
	root.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct {
			Token string `json:"token"`
		}
		if err := s.Auth(&auth); err != nil {
			return &socketio.ConnectError{Message: "Bad request"}
		}
		u, ok := users[auth.Token]
		if !ok {
			return &socketio.ConnectError{Message: "Authentication failed", Data: map[string]int{"code": 401}}
		}
		s.SetData(u)
		return nil
	})
	root.OnConnect(func(_ context.Context, s *socketio.Socket) {
		_ = s.Emit("welcome", s.Data().(user).Name)
	})

	client := newPoller(server)
	client.post(`40{"token":"wrong"}`)
	fmt.Println(client.get())
	client.post(`40{"token":"secret"}`)
	for answer := ""; !strings.Contains(answer, "welcome"); {
		answer = client.get()
		for packet := range strings.SplitSeq(answer, "\x1e") {
			if strings.HasPrefix(packet, "42") {
				fmt.Println(packet)
			}
		}
	}
	// Output:
	// 44{"message":"Authentication failed","data":{"code":401}}
	// 42["welcome","Ada"]
}

// Namespaces share a connection and nothing else. Those of a pattern come and
// go with their sockets.
func ExampleServer_OfPattern() {
	server, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()

	server.Of("/admin").Use(func(context.Context, *socketio.Socket) error {
		return &socketio.ConnectError{Message: "Not for you"}
	})
	games := server.OfPattern(regexp.MustCompile(`/game-\d+`))
	socketio.HandleAck(games, "where", func(_ context.Context, e *socketio.Event, _ any) (string, error) {
		return e.Socket().Namespace().Name(), nil
	})

	client := newPoller(server)
	for _, packet := range []string{`40/admin,`, `40/game-x,`} {
		client.post(packet)
		fmt.Println(client.get())
	}
	client.post(`40/game-7,`)
	client.get() // 40/game-7,{"sid":"…"}
	client.post(`42/game-7,0["where"]`)
	fmt.Println(client.get())
	// Output:
	// 44/admin,{"message":"Not for you"}
	// 44/game-x,{"message":"Invalid namespace"}
	// 43/game-7,0["/game-7"]
}

// A broadcast can ask all its receivers. Those that leave, or do not answer in
// time, are counted; the answers of the others are there all the same.
func ExampleBroadcastOperator_EmitWithAck() {
	server, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()
	root := server.Of("/")

	ready, leaving := newPoller(server), newPoller(server)
	ready.connect()
	leaving.connect()
	go func() {
		ready.get() // 420["ready?"]
		ready.post(`430["yes"]`)
		leaving.get()
		leaving.post("41")
	}()

	replies, err := root.All().Timeout(10*time.Second).EmitWithAck(context.Background(), "ready?")
	for _, reply := range replies {
		var text string
		if err := reply.Decode(&text); err == nil {
			fmt.Println("reply:", text)
		}
	}
	var missing *socketio.MissingAcksError
	if errors.As(err, &missing) {
		fmt.Println("missing:", missing.Missing)
	}
	// Output:
	// reply: yes
	// missing: 1
}

// One socket can be asked too; what it replies has a type.
func ExampleEmitAck() {
	server, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()
	socketio.Handle(server.Of("/"), "buy", func(ctx context.Context, e *socketio.Event, item string) error {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		sure, err := socketio.EmitAck[bool](ctx, e.Socket(), "sure?", item)
		if err != nil || !sure {
			return err
		}
		return e.Socket().Emit("bought", item)
	})

	client := newPoller(server)
	client.connect()
	client.post(`42["buy","milk"]`)
	fmt.Println(client.get())
	client.post(`430[true]`)
	fmt.Println(client.get())
	// Output:
	// 420["sure?","milk"]
	// 42["bought","milk"]
}

// A handler that takes long and needs no order lets those behind it go on. The
// client writes:
//
//	socket.emit("report", (pages) => …);
//	socket.emit("ping", () => …); // answered first
func ExampleEvent_Detach() {
	server, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()
	root := server.Of("/")
	written := make(chan int)
	root.On("report", func(_ context.Context, e *socketio.Event) error {
		e.Detach()
		return e.Ack(<-written)
	})
	root.On("ping", func(_ context.Context, e *socketio.Event) error { return e.Ack() })

	client := newPoller(server)
	client.connect()
	client.post(`420["report"]`, `421["ping"]`)
	fmt.Println(client.get())
	written <- 7
	fmt.Println(client.get())
	// Output:
	// 431[]
	// 430[7]
}

// What the client of an event that fails may read is an AckError; of other errors
// it learns only that there was one. The client writes:
//
//	const {error} = await socket.emitWithAck("join", "cellar");
func ExampleAckError() {
	server, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()
	root := server.Of("/")
	root.OnError(func(*socketio.Event, error) {}) // instead of the log
	socketio.HandleAck(root, "join", func(_ context.Context, e *socketio.Event, room string) (int, error) {
		switch room {
		case "cellar":
			return 0, &socketio.AckError{Message: "no such room"}
		case "attic":
			return 0, errors.New("dial tcp 10.0.0.7:5432: connection refused")
		}
		e.Socket().Join(room)
		return len(e.Socket().Rooms()), nil
	})

	client := newPoller(server)
	client.connect()
	for i, room := range []string{"cellar", "attic", "hall"} {
		client.post(fmt.Sprintf(`42%d["join",%q]`, i, room))
		fmt.Println(client.get())
	}
	// Output:
	// 430[{"error":{"message":"no such room"}}]
	// 431[{"error":{"message":"Internal server error"}}]
	// 432[2]
}

// A client is asked without waiting for it. It writes:
//
//	socket.on("how are you", (answer) => answer("fine"));
func ExampleSocket_EmitAckFunc() {
	server, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()
	root := server.Of("/")
	answered := make(chan struct{})
	root.On("hello", func(_ context.Context, e *socketio.Event) error {
		return e.Socket().EmitAckFunc(10*time.Second, func(reply socketio.Args, err error) {
			defer close(answered)
			var how string
			if err == nil {
				err = reply.Decode(&how)
			}
			fmt.Println(how, err)
		}, "how are you")
	})

	client := newPoller(server)
	client.connect()
	client.post(`42["hello"]`)
	fmt.Println(client.get())
	client.post(`430["fine"]`)
	<-answered
	// Output:
	// 420["how are you"]
	// fine <nil>
}
