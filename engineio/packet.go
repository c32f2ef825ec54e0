package engineio

import "errors"

// packetType is the first character of an encoded packet; both versions of the
// protocol share the numbers.
type packetType byte

const (
	packetOpen    packetType = '0'
	packetClose   packetType = '1'
	packetPing    packetType = '2'
	packetPong    packetType = '3'
	packetMessage packetType = '4'
	packetUpgrade packetType = '5'
	packetNoop    packetType = '6'
)

// Protocol versions, the EIO query parameter. Version 3 is Socket.IO 2.
const (
	v3 = 3
	v4 = 4
)

// packet is one decoded packet. Its data may share memory with what it was
// decoded from.
type packet struct {
	kind   packetType
	binary bool
	data   []byte
}

var errPacket = errors.New("invalid packet")

// decodeText reads a packet from a text frame or an entry of a text payload.
func decodeText(data []byte) (packet, error) {
	if len(data) == 0 || data[0] < byte(packetOpen) || data[0] > byte(packetNoop) {
		return packet{}, errPacket
	}
	return packet{kind: packetType(data[0]), data: data[1:]}, nil
}

// decodeBinary reads a packet from a binary frame: version 4 sends the bare
// data of a message, version 3 puts the type before it as a number.
func decodeBinary(protocol int, data []byte) (packet, error) {
	if protocol == v4 {
		return packet{kind: packetMessage, binary: true, data: data}, nil
	}
	if len(data) == 0 || data[0] > byte(packetNoop-packetOpen) {
		return packet{}, errPacket
	}
	return packet{kind: packetOpen + packetType(data[0]), binary: true, data: data[1:]}, nil
}
