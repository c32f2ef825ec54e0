//go:build linux

package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// object is a payload.
type object = map[string]any

// wire is one signed-in connection of a raw client, on which it speaks one of the two protocols. One goroutine reads, another
// one may write.
type wire struct {
	transport
	native bool
	asked  uint64
}

// transport carries messages.
type transport interface {
	// read returns the next message. One goroutine calls it.
	read() (string, error)
	write(text string) error
	close()
}

// incoming is what the server says: an event, which has a name, or the answer to a request of that number.
type incoming struct {
	name    string
	number  uint64
	payload json.RawMessage
}

// signInTimeout is how long a node has to let somebody in: one that is frozen or cut off does not.
const signInTimeout = 5 * time.Second

// clientsTimeout is how long clients wait for that by default, ours and stock ones: who gave up sooner, among thousands on a
// busy machine, would have its nodes work for nobody.
const clientsTimeout = 20 * time.Second

// refusedError is a node that does not let somebody in, and says why.
type refusedError struct{ code, message string }

func (e *refusedError) Error() string { return "refused: " + e.code + ": " + e.message }

// dialNode signs in to a node by a WebSocket.
func dialNode(ctx context.Context, addr, token string, native bool) (w *wire, err error) {
	return dialWithin(ctx, signInTimeout, addr, token, native)
}

func dialWithin(ctx context.Context, timeout time.Duration, addr, token string, native bool) (w *wire, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dialer, path := ws.Dialer{}, "/socket.io/?EIO=4&transport=websocket"
	if native {
		path, dialer.Protocols = "/ws", []string{"sockeye.v1"}
		dialer.Header = ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer " + token}})
	}
	conn, err := dialWebSocket(ctx, addr, path, dialer)
	if err != nil {
		return nil, err
	}
	w = &wire{transport: conn, native: native}
	return w, w.signInWithin(ctx, token)
}

// signInWithin signs in while ctx lasts, or closes.
func (w *wire) signInWithin(ctx context.Context, token string) (err error) {
	stop := context.AfterFunc(ctx, w.close)
	if err = w.signIn(token); err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		w.close()
	}
	return err
}

// signIn waits until the server lets the client in.
func (w *wire) signIn(token string) error {
	if !w.native {
		if err := w.write(`40{"token":` + strconv.Quote(token) + `}`); err != nil {
			return err
		}
	}
	for {
		message, err := w.message()
		if err != nil {
			return err
		}
		switch {
		case w.native && strings.HasPrefix(message, `{"type":"connection"`), strings.HasPrefix(message, "40"):
			return nil
		case strings.HasPrefix(message, "44"):
			var said struct {
				Message string
				Data    struct{ Code string }
			}
			err := json.Unmarshal([]byte(message[2:]), &said)
			return errors.Join(&refusedError{said.Data.Code, said.Message}, err)
		case strings.HasPrefix(message, "0"):
		default:
			return fmt.Errorf("unexpected %q during sign-in", message)
		}
	}
}

// message is the next one. Heartbeats are answered.
func (w *wire) message() (string, error) {
	for {
		text, err := w.read()
		if err != nil || w.native || text != "2" {
			return text, err
		}
		if err := w.write("3"); err != nil {
			return "", err
		}
	}
}

// next is the next event or answer.
func (w *wire) next() (incoming, error) {
	for {
		message, err := w.message()
		switch {
		case err != nil:
			return incoming{}, err
		case w.native:
			return readNative(message)
		case strings.HasPrefix(message, "42"):
			return readEvent(message[2:])
		case strings.HasPrefix(message, "43"):
			return readAnswer(message[2:])
		case strings.HasPrefix(message, "41"):
			return incoming{}, errors.New("the server has ended the session")
		}
	}
}

func readNative(message string) (incoming, error) {
	var frame struct {
		Type string
		Ref  *uint64
	}
	if err := json.Unmarshal([]byte(message), &frame); err != nil {
		return incoming{}, fmt.Errorf("frame %q: %w", message, err)
	}
	if frame.Type == "ack" && frame.Ref != nil {
		return incoming{number: *frame.Ref, payload: json.RawMessage(message)}, nil
	}
	return incoming{name: frame.Type, payload: json.RawMessage(message)}, nil
}

func readEvent(body string) (in incoming, err error) {
	args := []json.RawMessage{}
	if err := json.Unmarshal([]byte(body), &args); err != nil || len(args) == 0 {
		return in, fmt.Errorf("event %q: %w", body, err)
	}
	if len(args) > 1 {
		in.payload = args[1]
	}
	return in, json.Unmarshal(args[0], &in.name)
}

func readAnswer(body string) (in incoming, err error) {
	digits, rest, found := strings.Cut(body, "[")
	in.number, err = strconv.ParseUint(digits, 10, 64)
	if err != nil || !found {
		return in, fmt.Errorf("answer %q: %w", body, err)
	}
	in.payload = json.RawMessage(strings.TrimSuffix(rest, "]"))
	return in, nil
}

// request asks for something. The answer, if it comes, has the number.
func (w *wire) request(command string, payload object) (number uint64, err error) {
	w.asked++
	var encoded []byte
	if w.native {
		fields := object{"type": command, "ref": w.asked}
		for name, value := range payload {
			fields[name] = value
		}
		encoded, err = json.Marshal(fields)
		if err == nil {
			err = w.write(string(encoded))
		}
		return w.asked, err
	}
	encoded, err = json.Marshal([]any{command, payload})
	if err == nil {
		err = w.write("42" + strconv.FormatUint(w.asked, 10) + string(encoded))
	}
	return w.asked, err
}
