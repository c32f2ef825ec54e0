// Package engineio is a server for the Engine.IO protocol, versions 4 and 3:
// sessions over HTTP long-polling and WebSocket, the upgrade from one to the
// other, and the heartbeat of both versions. It is what Socket.IO stands on;
// package socketio of this module is built on it, and most programs want that.
//
// A Server is an http.Handler, usually mounted at /engine.io/ or /socket.io/:
//
//	server, err := engineio.NewServer(engineio.Config{
//		OnSession: func(s *engineio.Session) engineio.Handler { return echo{} },
//	})
//
// The protocol: https://github.com/socketio/socket.io/tree/main/docs/engine.io-protocol
//
//	server.go     Server: verifies requests, opens and finds sessions
//	session.go    Session: state, sending, heartbeat, how it ends
//	polling.go, pollqueue.go   the HTTP long-polling transport, and what waits for its polls
//	websocket.go  the WebSocket transport and the upgrade to it
//	packet.go, payload.go   the encodings of versions 4 and 3
//	traffic.go    what sessions have carried, and how many there are
//	message.go    Message: one message encoded once for many sessions
package engineio
