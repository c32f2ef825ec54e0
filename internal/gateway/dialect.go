package gateway

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/netloop"
)

// subprotocol is what a native client asks for to speak the names of the
// Socket.IO events.
const subprotocol = "sockeye.v1"

// dialect is how a native connection speaks. All frames are JSON objects with a
// type; a ref on a request comes back on its answer.
type dialect interface {
	hub.Dialect
	// request translates a frame into a command; "" when there is none such.
	request(f *frame) (command string)
	// answer writes the acknowledgement of a request.
	answer(f *frame, ack any) any
}

// frame is a request.
type frame struct {
	Type   string          `json:"type"`
	Ref    json.RawMessage `json:"ref"`
	RoomID string          `json:"roomId"`
	fields map[string]json.RawMessage
}

// decode reads the frame as a payload: all fields but type and ref. What a
// payload calls type travels as messageType or roomType beside the frame's own.
func (f *frame) decode(dst any) error {
	payload := maps.Clone(f.fields)
	delete(payload, "ref")
	delete(payload, "type")
	for _, name := range []string{"messageType", "roomType"} {
		if value, ok := payload[name]; ok {
			delete(payload, name)
			payload["type"] = value
		}
	}
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, dst)
}

// write frames a payload, flat beside its type. What is no object travels as
// items, and a payload's own type and ref as messageType and messageRef. The ref is
// written as it came.
func write(kind string, ref json.RawMessage, payload any) any {
	text, err := json.Marshal(payload)
	if err != nil {
		return nil // the payloads are ours, and all can be written
	}
	fields := make(map[string]json.RawMessage)
	if text[0] != '{' {
		fields["items"] = text
	} else if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	for _, name := range []string{"type", "ref"} { // the frame's own
		if inner, ok := fields[name]; ok {
			fields["message"+strings.ToUpper(name[:1])+name[1:]] = inner
			delete(fields, name)
		}
	}
	fields["type"], _ = json.Marshal(kind) // a string always encodes
	out, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	if len(ref) > 0 { // Marshal would escape and compact it
		out = slices.Concat(out[:len(out)-1], []byte(`,"ref":`), ref, []byte{'}'})
	}
	return netloop.NewMessage(netloop.Text, true, out)
}

// v1 speaks the names of the Socket.IO events.
type v1 struct{}

func (v1) Write(e hub.Event, _ bool) any { return write(e.Name, nil, e.Payload) }

func (v1) request(f *frame) string { return f.Type }

func (v1) answer(f *frame, ack any) any { return write("ack", f.Ref, ack) }

// guide speaks the few names of the guide.
type guide struct{}

// Write has chat for messages, but for the connection that sent them.
func (guide) Write(e hub.Event, own bool) any {
	switch e.Name {
	case "room:message", "message:received":
		m, ok := e.Payload.(hub.Message)
		if !ok || own {
			return nil
		}
		return write("chat", nil, struct {
			hub.Message
			SenderName string `json:"senderName"`
		}{m, m.SenderUsername})
	case "room:user_joined":
		return write("user_joined", nil, e.Payload)
	case "room:user_left":
		return write("user_left", nil, e.Payload)
	case "error":
		return write("error", nil, e.Payload)
	}
	return nil
}

func (guide) request(f *frame) string {
	switch f.Type {
	case "chat":
		if f.RoomID != "" {
			return "room:message"
		}
		return "message:send"
	case "join_room":
		return "room:join"
	case "leave_room":
		return "room:leave"
	case "auth:refresh":
		return f.Type
	}
	return ""
}

func (guide) answer(f *frame, ack any) any {
	if f.Type == "join_room" {
		return write("room_joined", f.Ref, map[string]string{"roomId": f.RoomID})
	}
	return write("ack", f.Ref, ack)
}
