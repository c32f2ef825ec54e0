package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

// protocol is how frames are written and read. It keeps no state.
type protocol interface {
	// address is what to dial, for a server mounted at base.
	address(base string) string
	// options are what the handshake asks for.
	options(token string) websocket.DialOptions
	// hello is what a client sends once the connection is open, if anything.
	hello(token string) []byte
	// request writes a command whose answer bears the number.
	request(number uint64, command string, payload any) ([]byte, error)
	// parse reads a frame. It never fails for what it does not know.
	parse(frame []byte) (incoming, error)
	// probe is sent after as long a silence as patience says, if anything.
	probe() []byte
}

// incoming is what a frame says.
type incoming struct {
	kind    kind
	name    string          // of an event
	number  uint64          // of the request that is answered
	payload json.RawMessage // of an event, an answer or a refusal
	id      string          // of the connection, in a welcome
	node    string          // of the server, in a welcome, if that says it
	reply   []byte          // to be sent back at once, if any
	// patience is, in an opening, how long the server may be silent; zero if it
	// does not say.
	patience time.Duration
}

type kind int

const (
	noise   kind = iota // nothing for those above
	opening             // the connection is open, the hello can be sent
	welcome             // signed in
	refused             // not signed in; payload is an Error
	event
	answer
	farewell // the server is about to close
)

// link is an open WebSocket with its two goroutines. It ends when the connection
// does, or with close.
type link struct {
	speaks  protocol
	conn    *websocket.Conn
	in      chan incoming // closed at the end, after which err says why
	out     chan []byte
	err     error
	heard   atomic.Int64 // when something came last, in Unix nanoseconds
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// maxUnwritten is how many frames may wait to be written. A peer that takes so
// little is as good as gone.
const maxUnwritten = 256

var errSlowPeer = errors.New("the server takes nothing")

// dialLink opens a WebSocket. ctx bounds the handshake alone.
func dialLink(ctx context.Context, base string, speaks protocol, httpClient *http.Client, token string, writeTimeout time.Duration) (*link, error) {
	l := &link{speaks: speaks, in: make(chan incoming, 64), out: make(chan []byte, maxUnwritten)}
	options := speaks.options(token)
	options.HTTPClient = httpClient
	options.OnPingReceived = func(context.Context, []byte) bool { l.touch(); return true }
	conn, response, err := websocket.Dial(ctx, speaks.address(base), &options) //nolint:bodyclose // the library does
	if err != nil {
		if response != nil && response.StatusCode == http.StatusUnauthorized {
			return nil, &Error{Code: codeUnauthenticated, Message: "Authentication failed"}
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn.SetReadLimit(maxMessageBytes)
	l.conn = conn
	l.touch()
	var alive context.Context
	alive, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.running.Go(func() { l.read(alive) })
	l.running.Go(func() { l.write(alive, writeTimeout) })
	return l, nil
}

func (l *link) touch() { l.heard.Store(time.Now().UnixNano()) }

// silent is how long nothing has come.
func (l *link) silent() time.Duration { return time.Since(time.Unix(0, l.heard.Load())) }

func (l *link) read(ctx context.Context) {
	defer close(l.in)
	for {
		in, err := l.next(ctx)
		if err == nil && in.reply != nil {
			err = l.send(in.reply)
		}
		if err != nil {
			l.err = ended(err)
			l.cancel()
			return
		}
		if in.kind == noise {
			continue
		}
		select {
		case l.in <- in:
		case <-ctx.Done():
			l.err = ctx.Err()
			return
		}
	}
}

// ended says in few words why a connection has.
func ended(err error) error {
	var closing websocket.CloseError
	switch {
	case errors.As(err, &closing) && closing.Reason != "":
		return fmt.Errorf("closed by the server: %s (%d)", closing.Reason, closing.Code)
	case errors.As(err, &closing):
		return fmt.Errorf("closed by the server (%d)", closing.Code)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return errFarewell
	}
	return err
}

func (l *link) next(ctx context.Context) (incoming, error) {
	_, frame, err := l.conn.Read(ctx)
	if err != nil {
		return incoming{}, err
	}
	l.touch()
	return l.speaks.parse(frame)
}

func (l *link) write(ctx context.Context, timeout time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case frame := <-l.out:
			ctx, cancel := context.WithTimeout(ctx, timeout)
			err := l.conn.Write(ctx, websocket.MessageText, frame)
			cancel()
			if err != nil {
				_ = l.conn.CloseNow() // the reader tells why
				return
			}
		}
	}
}

// send queues a frame. It does not block.
func (l *link) send(frame []byte) error {
	select {
	case l.out <- frame:
		return nil
	default:
		return errSlowPeer
	}
}

// drop ends the connection at once and waits for its goroutines.
func (l *link) drop() {
	l.cancel()
	_ = l.conn.CloseNow()
	l.running.Wait()
}

// leave says goodbye first, and waits some seconds for an answer.
func (l *link) leave() {
	drained := make(chan struct{})
	go func() { // what comes meanwhile is for nobody, but the reader must not wait
		defer close(drained)
		for range l.in {
		}
	}()
	_ = l.conn.Close(websocket.StatusNormalClosure, "")
	l.drop()
	<-drained
}
