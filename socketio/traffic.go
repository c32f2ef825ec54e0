package socketio

import "github.com/sockeye-im/sockeye/engineio"

// Traffic is how many packets a server has carried: events and acknowledgements, a
// broadcast as many times as there were sockets to get it.
type Traffic struct{ Received, Sent uint64 }

// Traffic is what the server has carried since it began.
func (s *Server) Traffic() Traffic {
	return Traffic{Received: s.received.Load(), Sent: s.sent.Load()}
}

// Census counts the open connections, by what they are.
func (s *Server) Census() engineio.Census { return s.engine.Census() }

// Traffic is what the connection has carried so far, for all its sockets.
func (s *Socket) Traffic() engineio.Traffic { return s.client.session.Traffic() }

// Sockets returns the namespace's sockets of this server.
func (n *Namespace) Sockets() []*Socket { return n.all().LocalSockets() }

// LocalSockets returns the selected sockets of this server.
func (b BroadcastOperator) LocalSockets() []*Socket {
	switch {
	case b.only == nil:
		return b.nsp.rooms.Sockets(b.to)
	case b.only.Connected():
		return []*Socket{b.only}
	}
	return nil
}
