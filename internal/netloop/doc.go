// Package netloop carries WebSocket connections (RFC 6455) on the server side
// at the lowest cost for each connection that is idle.
//
// An idle connection owns a file descriptor and some two hundred bytes: no
// goroutine, no timer and no buffer. On Linux a few pollers wait for all
// descriptors with epoll; everywhere else, and for connections that are no
// plain TCP or Unix sockets, a parked goroutine reads. TLS is read with epoll
// where it comes from a TLSListener. Both kinds sit behind the small interface
// link; everything above it, the frames, the bounded queue, the closing
// handshake, is the same code.
//
//	loop.go       Loop: owns pollers, wheel and connections
//	conn.go       Conn: send, close, and who may call what
//	inbound.go    bytes to frames to messages
//	outbound.go   the bounded queue and its flusher
//	slow.go       peers that do not keep up: stalls, bounds, senders that wait
//	memory.go     QueueMemory: what all queues may hold together
//	message.go    Message: one message encoded once for many connections
//	deflate.go    permessage-deflate (RFC 7692)
//	upgrade.go    the opening handshake
//	listener.go   Listen: accepting connections, instead of net/http
//	              (arrival_linux.go while a request is waited for, request_linux.go
//	              whose it is, exchange_linux.go one that is answered)
//	body.go       Guard: the same bounds for bodies of requests that net/http serves
//	partial.go    Partial: the bound for all that is half here
//	wheel.go      Wheel: one timing wheel for all deadlines
//	epoll_linux.go, epolllink_linux.go, parked.go   the two links
//	tls.go, tls_linux.go   TLS on the first of them
package netloop
