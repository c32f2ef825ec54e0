//go:build linux

package crowd

import (
	"bytes"
	"strconv"
)

// speech is how one talks with Sockeye: the same events in two protocols.
type speech interface {
	// role comes in with a token.
	role(token string) role
	// call is a frame with a request, whose answer carries the id. fields are those of a JSON object, without its braces.
	call(id int, event, fields string) []byte
	// read takes a message apart. The answer to a call has its id, and its body is JSON of an object; an event has a name.
	read(payload []byte) heardEvent
}

type heardEvent struct {
	name string // empty for an answer
	id   int    // of a call
	body []byte
}

// socketIOSpeech is Socket.IO 4 over WebSocket.
type socketIOSpeech struct{}

func (socketIOSpeech) role(token string) role {
	return role{
		path:  "/socket.io/?EIO=4&transport=websocket",
		steps: []step{{expect: "0{"}, {send: `40{"token":"` + token + `"}`, expect: "40{"}},
	}
}

func (socketIOSpeech) call(id int, event, fields string) []byte {
	return clientFrame("42" + strconv.Itoa(id) + `["` + event + `",{` + fields + `}]`)
}

func (socketIOSpeech) read(payload []byte) heardEvent {
	if rest, ok := bytes.CutPrefix(payload, []byte("43")); ok {
		number, body, _ := bytes.Cut(rest, []byte("["))
		id, _ := strconv.Atoi(string(number)) // ids are ours
		return heardEvent{id: id, body: bytes.TrimSuffix(body, []byte("]"))}
	}
	rest, _ := bytes.CutPrefix(payload, []byte(`42["`))
	name, body, _ := bytes.Cut(rest, []byte(`",`))
	return heardEvent{name: string(name), body: bytes.TrimSuffix(body, []byte("]"))}
}

// nativeSpeech is JSON over a plain WebSocket, with the names of the Socket.IO events.
type nativeSpeech struct{}

func (nativeSpeech) role(token string) role {
	return role{
		path:   "/ws",
		header: "Authorization: Bearer " + token + "\r\nSec-WebSocket-Protocol: sockeye.v1\r\n",
		steps:  []step{{expect: `{"type":"connection"`}},
	}
}

func (nativeSpeech) call(id int, event, fields string) []byte {
	return clientFrame(`{"type":"` + event + `","ref":` + strconv.Itoa(id) + `,` + fields + `}`)
}

func (nativeSpeech) read(payload []byte) heardEvent {
	// A frame's own type comes first and its ref last: what lies between is a room's or a message's.
	name := field(payload, `"type":"`, '"')
	if string(name) != "ack" {
		return heardEvent{name: string(name), body: payload}
	}
	id, _ := strconv.Atoi(string(field(payload[max(0, bytes.LastIndex(payload, []byte(`"ref":`))):], `"ref":`, '}'))) // ids are ours
	return heardEvent{id: id, body: payload}
}

// field is what stands between a key and an end.
func field(text []byte, key string, end byte) []byte {
	_, rest, _ := bytes.Cut(text, []byte(key))
	if at := bytes.IndexByte(rest, end); at >= 0 {
		return rest[:at]
	}
	return nil
}

// seqOf is the place of an event in the log of its conversation; 0 if it has none.
func seqOf(body []byte) int64 {
	_, rest, found := bytes.Cut(body, []byte(`"seq":`))
	var seq int64
	for i := 0; found && i < len(rest) && '0' <= rest[i] && rest[i] <= '9'; i++ {
		seq = 10*seq + int64(rest[i]-'0')
	}
	return seq
}
