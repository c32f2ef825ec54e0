// Package socketio is a Socket.IO server: protocol version 5 for the clients of
// Socket.IO 3 and 4, and version 4 for those of Socket.IO 2, over HTTP
// long-polling and WebSocket. Stock clients work with it unchanged.
//
// A Server is an http.Handler; namespaces carry the handlers:
//
//	server, err := socketio.NewServer(socketio.Config{})
//	http.Handle("/socket.io/", server)
//
//	chat := server.Of("/")
//	chat.OnConnect(func(ctx context.Context, s *socketio.Socket) {
//		s.Join("lobby")
//	})
//	socketio.Handle(chat, "message", func(ctx context.Context, e *socketio.Event, text string) error {
//		return e.Socket().To("lobby").Emit("message", text)
//	})
//
// Handlers may block: each connection has its own queue of events, which are
// handled one after the other, and a connection whose handler is slow is read
// no further while its queue is full. Event.Detach lets those behind an event go
// on. Nothing that a handler does delays another connection.
//
// A handler that fails is told to a client that waits for its acknowledgement, see
// AckError, and to the OnError handlers or the log.
//
// What is different from Node's server is in docs/socketio-and-node.md.
//
// A client that reads gets all that is emitted, however fast it comes, up to
// engineio.Config.MaxQueuedBytes at a time. Emit never waits; what sends one client
// more than that, such as a large export, uses Socket.EmitContext, which does.
//
// The protocol: https://github.com/socketio/socket.io/tree/main/docs/socket.io-protocol
//
//	server.go     Server and its Config
//	client.go     one connection: packets in, its queue of events
//	namespace.go, parent.go   namespaces, static and by pattern
//	handlers.go, own.go, event.go, typed.go   what handlers are and get
//	detach.go, failure.go   events beside their order, and those that fail
//	socket.go, entrance.go   Socket: one connection in one namespace, and its way in
//	broadcast.go  To, In, Except and what they select
//	ack.go        acknowledgements of clients, awaited or by callback
//	rooms.go, rooms_send.go   the sockets and rooms of this server
//	cluster.go    what reaches the sockets of all servers
//	recovery.go   connection state recovery
//	packet.go, json_encode.go, json_decode.go, args.go   packets and their codec
//	binary.go, binary_decode.go   bytes inside of values
package socketio
