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
// no further while its queue is full. Nothing that a handler does delays another
// connection.
//
// The protocol: https://github.com/socketio/socket.io/tree/main/docs/socket.io-protocol
//
//	server.go     Server and its Config
//	client.go     one connection: packets in, its queue of events
//	namespace.go, parent.go   namespaces, static and by pattern
//	handlers.go, event.go, typed.go   what handlers are and get
//	socket.go     Socket: one connection in one namespace
//	broadcast.go  To, In, Except and what they select
//	adapter.go    the contract between servers; local.go, local_send.go: the one in memory
//	recovery.go   connection state recovery
//	packet.go, json_encode.go, json_decode.go, args.go   packets and their codec
package socketio
