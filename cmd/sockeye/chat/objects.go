package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sockeye-im/sockeye/client"
)

// objects shows things to programs: one JSON object a line.
type objects struct {
	out io.Writer
}

// request is a line of input: a message, {"content": …}, or a command of
// docs/protocol.md, {"command": …, "payload": {…}}, with a ref that comes back.
type request struct {
	Command string          `json:"command"`
	Payload json.RawMessage `json:"payload"`
	Ref     json.RawMessage `json:"ref"`
	client.Draft
}

func readRequest(line string) (r request, err error) {
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return request{}, fmt.Errorf("input: %.80q is no JSON object", line)
	}
	switch {
	case r.Command == "" && r.Content == "":
		return request{}, fmt.Errorf(`input: %.80q has neither "content" nor "command"`, line)
	case r.Command != "" && r.Payload == nil:
		r.Payload = json.RawMessage("{}")
	}
	return r, nil
}

func (v *objects) write(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = v.out.Write(append(text, '\n'))
	return err
}

// told is a line of output.
type told struct {
	Event   string `json:"event"`
	Payload any    `json:"payload"`
}

func (v *objects) opened(Place, string, string) {}

func (v *objects) note(string) {}

// message shows one that was there before.
func (v *objects) message(m *client.Message) { _ = v.write(told{"history", m}) }

func (v *objects) stored(s *client.Sent) error { return v.write(s) }

func (v *objects) delivered(e *client.Delivered) error { return v.happened(e) }

func (v *objects) problem(err error) error { return v.write(told{"client:problem", failure(err)}) }

func (v *objects) happened(e client.Event) error { return v.write(told{client.Name(e), payloadOf(e)}) }

func (v *objects) answered(r request, answer json.RawMessage, err error) error {
	out := struct {
		Answer  string          `json:"answer"`
		Ref     json.RawMessage `json:"ref,omitempty"`
		Payload json.RawMessage `json:"payload,omitempty"`
		Error   any             `json:"error,omitempty"`
	}{Answer: r.Command, Ref: r.Ref, Payload: answer}
	if err != nil {
		out.Error = failure(err)
	}
	return v.write(out)
}

// payloadOf is an event as it travels; the client's own with their errors as the
// server's are.
func payloadOf(e client.Event) any {
	switch e := e.(type) {
	case *client.Notification:
		return e.Payload
	case *client.Unknown:
		return e.Payload
	case *client.RoomMessages:
		return e.Messages
	case *client.UnreadMessages:
		return e.Messages
	case *client.Disconnected:
		return map[string]any{"error": failure(e.Err)}
	case *client.ReconnectFailed:
		return map[string]any{"attempts": e.Attempts, "error": failure(e.Err)}
	case *client.Undelivered:
		return map[string]any{"message": e.Outgoing, "error": failure(e.Err)}
	}
	return e
}

// failure is an error as the server would tell it.
func failure(err error) *client.Error {
	var refusal *client.Error
	if errors.As(err, &refusal) {
		return refusal
	}
	return &client.Error{Code: "client", Message: err.Error()}
}
