package socketio

import "github.com/sockeye-im/sockeye/engineio"

// Reason says why a socket has left, in the words of the Node server. A
// connection that ends gives its engineio.Reason to all its sockets.
type Reason string

// The reasons for which a socket leaves.
const (
	TransportError   = Reason(engineio.TransportError)
	TransportClose   = Reason(engineio.TransportClose)
	ForcedClose      = Reason(engineio.ForcedClose)
	PingTimeout      = Reason(engineio.PingTimeout)
	ParseError       = Reason(engineio.ParseError)
	ShuttingDown     = Reason(engineio.ShuttingDown)
	SlowConsumer     = Reason(engineio.SlowConsumer)
	ClientDisconnect = Reason("client namespace disconnect")
	ServerDisconnect = Reason("server namespace disconnect")
)

const engineTransportClose = engineio.TransportClose

// recoverable reports whether the client may come back and go on: it did not
// mean to leave, and was not sent away.
func (r Reason) recoverable() bool {
	switch r {
	case TransportError, TransportClose, ForcedClose, PingTimeout, ShuttingDown, SlowConsumer:
		return true
	}
	return false
}
