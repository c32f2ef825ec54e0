package blackbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gobwas/ws"
)

// native is the plain WebSocket in the sub-protocol sockeye.v1.
type native struct{}

// signInNative connects to the plain WebSocket with a token.
func signInNative(ctx context.Context, addr, token string) (*client, error) {
	l, err := dial(ctx, addr, dialing{
		path: "/ws", protocol: "sockeye.v1", header: http.Header{"Authorization": {"Bearer " + token}},
	})
	if status := ws.StatusError(0); errors.As(err, &status) && status == http.StatusUnauthorized {
		return nil, &refusal{Message: "Authentication failed"}
	}
	if err != nil {
		return nil, err
	}
	return enter(l, native{}, nil)
}

// signIn waits for the greeting: the token was in the handshake.
func (native) signIn(w wire, _ any) error {
	_, message, err := w.read()
	if err != nil {
		return err
	}
	if f, err := readFrame(message); err != nil || f.Type != "connection" {
		return fmt.Errorf("unexpected %q for a greeting: %w", message, err)
	}
	return nil
}

// request writes the fields of the payload, which has no type of its own, beside those of the frame.
func (native) request(number uint64, command string, payload any) (string, error) {
	fields := object{"type": command, "ref": number}
	for key, value := range payload.(object) {
		fields[key] = value
	}
	encoded, err := json.Marshal(fields)
	return string(encoded), err
}

func (native) parse(message []byte) (incoming, error) {
	f, err := readFrame(message)
	if err != nil {
		return incoming{}, err
	}
	if f.Type != "ack" {
		return incoming{kind: event, received: received{name: f.Type, payload: message}}, nil
	}
	if f.Ref == nil {
		return incoming{}, fmt.Errorf("an acknowledgement without a ref: %s", message)
	}
	return incoming{kind: acknowledgement, received: received{number: *f.Ref, payload: message}}, nil
}

type nativeFrame struct {
	Type string  `json:"type"`
	Ref  *uint64 `json:"ref"`
}

func readFrame(message []byte) (f nativeFrame, err error) {
	if err = json.Unmarshal(message, &f); err == nil && f.Type == "" {
		err = errors.New("it has no type")
	}
	if err != nil {
		return f, fmt.Errorf("frame %q: %w", message, err)
	}
	return f, nil
}
