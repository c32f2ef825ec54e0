package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/coder/websocket"
)

// native is the plain WebSocket with the sub-protocol sockeye.v1: flat JSON objects
// with a type. A payload's own type and ref have other names in it.
type native struct{}

const subprotocol = "sockeye.v1"

func (native) address(base string) string { return base + "/ws" }

func (native) options(token string) websocket.DialOptions {
	return websocket.DialOptions{
		Subprotocols: []string{subprotocol},
		HTTPHeader:   http.Header{"Authorization": {"Bearer " + token}},
	}
}

func (native) hello(string) []byte { return nil } // the header has it all

func (native) probe() []byte { return []byte(`{"type":"ping"}`) }

func (native) request(number uint64, command string, payload any) ([]byte, error) {
	text, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	if own, ok := fields["type"]; ok {
		fields[typeOf(command)] = own
	}
	fields["type"], _ = json.Marshal(command)
	fields["ref"], _ = json.Marshal(number)
	return json.Marshal(fields)
}

// typeOf is what the type of a command's payload is called on the way.
func typeOf(command string) string {
	if strings.HasPrefix(command, "room:") && command != "room:message" {
		return "roomType"
	}
	return "messageType"
}

func (native) parse(frame []byte) (incoming, error) {
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal(frame, &fields); err != nil {
		return incoming{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	var name string
	if json.Unmarshal(fields["type"], &name) != nil {
		return incoming{}, errMalformed
	}
	ref, answered := fields["ref"]
	in := incoming{kind: event, name: name, payload: frame}
	switch {
	case name == "connection":
		in.kind = welcome
		_ = json.Unmarshal(fields["clientId"], &in.id) // for display: a client can do without, as without
		_ = json.Unmarshal(fields["node"], &in.node)
		return in, nil
	case name == "pong":
		return incoming{}, nil
	case name == "ack":
		in.kind = answer
		if !answered || json.Unmarshal(ref, &in.number) != nil {
			return incoming{}, errMalformed
		}
		return in, nil // no answer has a type of its own
	case fields["items"] != nil:
		in.payload = fields["items"]
		return in, nil
	}
	delete(fields, "type")
	rename(fields, "messageType", "type")
	rename(fields, "roomType", "type")
	rename(fields, "messageRef", "ref")
	var err error
	in.payload, err = json.Marshal(fields)
	return in, err
}

func rename(fields map[string]json.RawMessage, from, to string) {
	if value, ok := fields[from]; ok {
		delete(fields, from)
		fields[to] = value
	}
}
