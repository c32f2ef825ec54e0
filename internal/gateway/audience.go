package gateway

import (
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/socketio"
)

// Sockets is the hub's audience of Socket.IO clients in a namespace.
func Sockets(nsp *socketio.Namespace) hub.Audience { return sockets{nsp} }

type sockets struct{ nsp *socketio.Namespace }

// Send implements hub.Audience. The event is encoded once.
func (a sockets) Send(s hub.Sending) error {
	to := a.nsp.To(s.To...).Except(s.Except...)
	switch s.Lasts {
	case hub.Passing:
		to = to.Transient()
	case hub.Lossy:
		to = to.Volatile()
	}
	return to.Emit(s.Event.Name, s.Event.Payload)
}

// JoinAll implements hub.Audience.
func (a sockets) JoinAll(of []string, room string) error { return a.nsp.In(of...).SocketsJoin(room) }

// LeaveAll implements hub.Audience.
func (a sockets) LeaveAll(of, rooms []string) error { return a.nsp.In(of...).SocketsLeave(rooms...) }
