package gateway

import (
	"errors"

	"github.com/sockeye-im/sockeye/internal/netloop"
	"github.com/sockeye-im/sockeye/socketio"
)

// Ends are the reasons that metrics name for the end of a connection.
func Ends() []string {
	var names []string
	for _, why := range []socketio.Reason{
		socketio.TransportError, socketio.TransportClose, socketio.ForcedClose, socketio.PingTimeout, socketio.ParseError,
		socketio.ShuttingDown, socketio.SlowConsumer, socketio.ClientDisconnect, socketio.ServerDisconnect,
		idleTimeout,
	} {
		names = append(names, string(why))
	}
	return names
}

// whyClosed says why a native connection has ended, in the words of Socket.IO.
func (c *native) whyClosed(cause error) socketio.Reason {
	var peer *netloop.CloseError
	var breach *netloop.ProtocolError
	switch {
	case c.silent.Load():
		return socketio.PingTimeout
	case errors.Is(cause, netloop.ErrSlowConsumer):
		return socketio.SlowConsumer
	case c.door.stopping.Load(), c.retiring.Load():
		return socketio.ShuttingDown
	case errors.Is(cause, netloop.ErrClosed):
		return socketio.ServerDisconnect
	case errors.As(cause, &breach):
		return socketio.ParseError
	case errors.As(cause, &peer), netloop.IsEOF(cause):
		return socketio.TransportClose
	}
	return socketio.TransportError
}
