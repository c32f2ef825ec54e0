package gateway

import "github.com/sockeye-im/sockeye/internal/wire"

// subprotocol is what a native client asks for to speak the names of the
// Socket.IO events.
const subprotocol = "sockeye.v1"

// dialect is how a native connection speaks. All frames are JSON objects with a
// type; a ref on a request comes back on its answer.
type dialect interface {
	Dialect
	// request translates a frame into a command; "" when there is none such.
	request(f *frame) (command string)
	// answer writes the acknowledgement of a request.
	answer(f *frame, ack any) any
}

// v1 speaks the names of the Socket.IO events.
type v1 struct{}

func (v1) Write(e wire.Event, _ bool) any { return write(e.Name, nil, e.Payload) }

func (v1) request(f *frame) string { return f.Type }

func (v1) answer(f *frame, ack any) any { return write("ack", f.Ref, ack) }

// guide speaks the few names of the guide.
type guide struct{}

// Write has chat for messages, but for the connection that sent them.
func (guide) Write(e wire.Event, own bool) any {
	switch e.Name {
	case "room:message", "message:received":
		m, ok := e.Payload.(wire.Message)
		if !ok || own {
			return nil
		}
		return write("chat", nil, struct {
			wire.Message
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
		if f.string("roomId") != "" {
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
		return write("room_joined", f.Ref, map[string]string{"roomId": f.string("roomId")})
	}
	return write("ack", f.Ref, ack)
}
