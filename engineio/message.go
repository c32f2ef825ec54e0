package engineio

import (
	"sync"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// Message is one message, encoded once for however many sessions it is sent
// to. It is immutable and may be sent from any goroutine.
type Message struct {
	binary   bool
	compress bool
	frame    *netloop.Message // of both versions, but for binary data in version 3

	v3Once  sync.Once
	v3Frame *netloop.Message
}

var messageType = []byte{byte(packetMessage)}

// NewText makes a text message of the concatenation of parts, which must be
// UTF-8 and are copied.
func NewText(parts ...[]byte) *Message { return newMessage(false, true, parts) }

// NewBinary makes a binary message. data is copied.
func NewBinary(data []byte) *Message { return newMessage(true, true, [][]byte{data}) }

// Uncompressed returns the message marked not to be compressed, by
// permessage-deflate or in the answer to a poll.
func (m *Message) Uncompressed() *Message {
	return newMessage(m.binary, false, [][]byte{m.Data()})
}

func newMessage(binary, compress bool, parts [][]byte) *Message {
	m := &Message{binary: binary, compress: compress}
	if binary {
		m.frame = netloop.NewMessage(netloop.Binary, compress, parts...)
		return m
	}
	all := make([][]byte, 0, 4)
	m.frame = netloop.NewMessage(netloop.Text, compress, append(append(all, messageType), parts...)...)
	return m
}

// Binary reports whether the message is binary.
func (m *Message) Binary() bool { return m.binary }

// Data is the message's content, which the caller must not change.
func (m *Message) Data() []byte {
	if m.binary {
		return m.frame.Payload()
	}
	return m.frame.Payload()[1:]
}

// size is the length of Data.
func (m *Message) size() int { return len(m.Data()) }

// wsFrame is the message as a WebSocket frame of the given protocol version.
func (m *Message) wsFrame(protocol int) *netloop.Message {
	if !m.binary || protocol == v4 {
		return m.frame
	}
	m.v3Once.Do(func() {
		m.v3Frame = netloop.NewMessage(netloop.Binary, m.compress, []byte{byte(packetMessage - packetOpen)}, m.Data())
	})
	return m.v3Frame
}

// queued is the message as it waits for a poll.
func (m *Message) queued() queued {
	return queued{kind: packetMessage, binary: m.binary, frame: m.frame}
}

// control returns the frame of a packet that is no message. All sessions share the frames
// of packets without data, such as pings.
func control(kind packetType, data []byte) *netloop.Message {
	if len(data) == 0 {
		return bare[kind-packetOpen]
	}
	return netloop.NewMessage(netloop.Text, false, []byte{byte(kind)}, data)
}

// bare are the packets without data, by their kind.
var bare = func() (all [packetNoop - packetOpen + 1]*netloop.Message) {
	for i := range all {
		all[i] = netloop.NewMessage(netloop.Text, false, []byte{byte(packetOpen) + byte(i)})
	}
	return all
}()
