package blackbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// refusal is the server's answer to a sign-in that failed.
type refusal struct {
	Message string `json:"message"`
	Data    struct {
		Code string `json:"code"`
	} `json:"data"`
}

func (r *refusal) Error() string { return r.Message }

// signIn connects over Socket.IO with a token.
func signIn(ctx context.Context, addr, token string) (*client, error) {
	l, err := dial(ctx, addr, dialing{})
	if err != nil {
		return nil, err
	}
	return join(l, object{"token": token})
}

// join signs in over Socket.IO on a fresh wire, which it closes when that fails.
func join(w wire, auth any) (*client, error) { return enter(w, socketIO{}, auth) }

// socketIO is protocol 5 of Socket.IO, in the namespace "/".
type socketIO struct{}

func (socketIO) signIn(w wire, auth any) error {
	packet := "40"
	if auth != nil {
		encoded, err := json.Marshal(auth)
		if err != nil {
			return err
		}
		packet += string(encoded)
	}
	if err := w.text(packet); err != nil {
		return err
	}
	for {
		_, message, err := w.read()
		if err != nil {
			return err
		}
		text := string(message)
		switch {
		case strings.HasPrefix(text, "0"):
		case text == "2":
			if err := w.text("3"); err != nil {
				return err
			}
		case strings.HasPrefix(text, "40"):
			return nil
		case strings.HasPrefix(text, "44"):
			var r refusal
			if err := json.Unmarshal(message[2:], &r); err != nil {
				return err
			}
			return &r
		default:
			return fmt.Errorf("unexpected %q during sign-in", text)
		}
	}
}

func (socketIO) request(number uint64, command string, payload any) (string, error) {
	encoded, err := json.Marshal([]any{command, payload})
	return "42" + strconv.FormatUint(number, 10) + string(encoded), err
}

func (socketIO) parse(message []byte) (incoming, error) {
	text := string(message)
	switch {
	case text == "2":
		return incoming{reply: "3"}, nil
	case text == "1": // the session ends; the socket is closed next
		return incoming{}, nil
	case strings.HasPrefix(text, "41"):
		return incoming{kind: farewell}, nil
	case strings.HasPrefix(text, "42"):
		return parseEvent(text[2:])
	case strings.HasPrefix(text, "43"):
		return parseAck(text[2:])
	}
	return incoming{}, fmt.Errorf("unexpected message %q", text)
}

func parseEvent(body string) (incoming, error) {
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(body), &args); err != nil || len(args) == 0 {
		return incoming{}, fmt.Errorf("event %q: %w", body, err)
	}
	in := incoming{kind: event, received: received{payload: json.RawMessage("null")}}
	if err := json.Unmarshal(args[0], &in.name); err != nil {
		return incoming{}, err
	}
	if len(args) > 1 {
		in.payload = args[1]
	}
	return in, nil
}

func parseAck(body string) (incoming, error) {
	digits := strings.IndexByte(body, '[')
	if digits < 0 {
		return incoming{}, fmt.Errorf("acknowledgement %q", body)
	}
	number, err := strconv.ParseUint(body[:digits], 10, 64)
	if err != nil {
		return incoming{}, err
	}
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(body[digits:]), &args); err != nil || len(args) != 1 {
		return incoming{}, fmt.Errorf("acknowledgement %q: %w", body, err)
	}
	return incoming{kind: acknowledgement, received: received{number: number, payload: args[0]}}, nil
}

// emit sends an event that asks for no acknowledgement, over Socket.IO.
func (c *client) emit(event string, payload any) error {
	encoded, err := json.Marshal([]any{event, payload})
	if err != nil {
		return err
	}
	return c.wire.text("42" + string(encoded))
}
