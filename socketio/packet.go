package socketio

import (
	"errors"

	"github.com/sockeye-im/sockeye/engineio"
)

// PacketType is the kind of a Socket.IO packet (protocol version 5, section
// "Packet types").
type PacketType byte

// The packet types. The two binary ones are ways to encode an Event or an Ack;
// codecs turn them into those.
const (
	PacketConnect PacketType = iota
	PacketDisconnect
	PacketEvent
	PacketAck
	PacketConnectError
	packetBinaryEvent
	packetBinaryAck
)

// MaxAttachments is the number of binary attachments a packet may carry. The
// connection of a client that announces more is closed.
const MaxAttachments = 10

// Packet is a packet to be encoded.
type Packet struct {
	Type      PacketType
	Namespace string
	// AckID is the id of the acknowledgement that is asked for (Event) or given
	// (Ack); nil for none.
	AckID *uint64
	// Event is the name of an Event.
	Event string
	// Args are the arguments of an Event or Ack. A []byte becomes an attachment
	// wherever it stands: in maps, slices and structs, behind pointers and
	// interfaces. What a type's own MarshalJSON or MarshalText writes stays as it
	// is; a Binary in it becomes an attachment. A nil []byte inside a value is null.
	Args []any
	// Data is the payload of a Connect or ConnectError; nil for none.
	Data any
}

// Received is a decoded packet.
type Received struct {
	Type      PacketType
	Namespace string
	AckID     *uint64
	// Body is what the packet carries: the array of an Event or Ack, the payload
	// of a Connect; nil for none. It may still turn out to be malformed.
	Body Value
}

// Codec turns packets into messages and back. JSON is the default; clients and
// server must agree on one. A Codec may be used concurrently.
type Codec interface {
	// Encode encodes p once for however many sessions.
	Encode(p *Packet) (Encoded, error)
	// NewDecoder makes the decoder of one connection.
	NewDecoder() Decoder
}

// Encoded is an encoded packet: one message, and one for each attachment.
type Encoded []*engineio.Message

// Decoder puts the packets of one connection together. It is used by one
// goroutine at a time, on the connection loop: what takes long belongs into
// the methods of Received.Body.
type Decoder interface {
	// Add takes one message; data is only valid during the call. ok is false
	// while attachments are missing. After an error the connection is closed.
	Add(binary bool, data []byte) (p Received, ok bool, err error)
}

// Value is a part of a received packet that is not decoded yet.
type Value interface {
	// Decode stores the value in what dst points to, as encoding/json does.
	// Binary data goes into a []byte or Binary; into an any it comes as Binary.
	Decode(dst any) error
	// Elements are the elements of an array.
	Elements() ([]Value, error)
	// HasBinary reports whether binary data came with the value.
	HasBinary() bool
}

// Binary is data that travels as an attachment, as a []byte does, also where a
// type's MarshalJSON writes it. Binary data that was received is of this type in
// an any.
type Binary []byte

var (
	// ErrMalformed is a packet that breaks the protocol.
	ErrMalformed = errors.New("socketio: malformed packet")
	// ErrReservedEvent is an event name that the protocol keeps for itself.
	ErrReservedEvent = errors.New("socketio: reserved event name")
)

// reserved reports whether clients and servers give an event name a meaning of
// their own.
func reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}
