package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/gateway"
)

// queueJobs is how many frames of a connection may wait to be handled in these tests.
const queueJobs = gateway.MaxUnhandled

// situation is a node with one native connection, whose peer reads only what a test reads.
type situation struct {
	*node
	clock  atomic.Int64 // what the gateway's is ahead
	conn   net.Conn
	from   io.Reader
	err    error // of the handshake
	handle gateway.Handle
	queued int           // frames that wait in the queue
	down   chan struct{} // closed after Shutdown; nil before

	verify, admit, sync barrier
	acks                []string // refs that were answered
}

func situate(t *testing.T) *situation {
	s := new(situation)
	s.node = serve(t, limits(gateway.Config{MaxConnections: 1}), func(o *setup) {
		o.Native = gateway.NativeConfig{
			MaxFrame: 1 << 20, AuthTimeout: patience, Heartbeat: time.Hour,
		}
		o.Now = func() time.Time { return time.Now().Add(time.Duration(s.clock.Load())) }
		o.SignIn = func(inner gateway.Accounts) gateway.Accounts { return slowSignIn{inner, s} }
		o.Chats = func(inner chat.Store) chat.Store { return slowSync{inner, s} }
	})
	t.Cleanup(s.release) // before the node stops
	return s
}

// barrier holds up the next caller, once it is closed.
type barrier struct {
	closed  atomic.Bool
	reached chan struct{}
	opened  chan struct{}
	open    func()
}

func (b *barrier) close() {
	b.reached, b.opened = make(chan struct{}), make(chan struct{})
	b.open = sync.OnceFunc(func() { close(b.opened) })
	b.closed.Store(true)
}

func (b *barrier) pass() {
	if b.closed.CompareAndSwap(true, false) {
		close(b.reached)
		<-b.opened
	}
}

func (b *barrier) release() {
	if b.open != nil {
		b.open()
	}
}

// slowSignIn holds up its callers once they have their answers, which may be outdated then.
type slowSignIn struct {
	gateway.Accounts
	s *situation
}

func (a slowSignIn) Verify(ctx context.Context, token string) (account.Identity, error) {
	identity, err := a.Accounts.Verify(ctx, token)
	a.s.verify.pass()
	return identity, err
}

func (a slowSignIn) SignIn(ctx context.Context, identity account.Identity) (account.User, error) {
	user, err := a.Accounts.SignIn(ctx, identity)
	a.s.admit.pass()
	return user, err
}

type slowSync struct {
	chat.Store
	s *situation
}

func (h slowSync) Sync(ctx context.Context, q chat.SyncQuery) (chat.Synced, error) {
	h.s.sync.pass()
	return h.Store.Sync(ctx, q)
}

// release lets everything go on that was held up.
func (s *situation) release() {
	s.verify.release()
	s.admit.release()
	s.sync.release()
}

// fresh is a token that outlives all that happens to others.
func (s *situation) fresh() string { return s.tokenFor("ada", 100*time.Hour) }

// dial opens the connection.
func (s *situation) dial(token string) {
	s.t.Helper()
	if s.conn, s.from, s.err = s.handshake(token); s.err != nil {
		s.t.Fatal(s.err)
	}
	eventually(s.t, "the connection", func() bool { return s.native.Open() == 1 })
	s.handle = s.native.Only()
}

func (s *situation) handshake(token string) (net.Conn, io.Reader, error) {
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	d := ws.Dialer{Timeout: patience, Protocols: []string{"sockeye.v1"}, Header: ws.HandshakeHeaderHTTP(header)}
	conn, buffered, _, err := d.Dial(s.t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/ws")
	if err != nil {
		return nil, nil, err
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if buffered == nil {
		return conn, conn, nil
	}
	return conn, io.MultiReader(io.LimitReader(buffered, int64(buffered.Buffered())), conn), nil
}

func (s *situation) stranger() { s.dial("") }

// present sends a token, and waits until the server has come to a barrier with it.
func (s *situation) present(at *barrier) {
	at.close()
	s.send(`{"type":"auth","ref":"token","token":"` + s.token("ada") + `"}`)
	<-at.reached
}

func (s *situation) open() {
	s.dial(s.token("ada"))
	s.frame("connection")
	s.frame("presence") // the last that comes unasked
	lives(s)
}

// pause fills the connection's queue behind a command that the store holds up.
func (s *situation) pause() {
	s.open()
	s.sync.close()
	s.handle.Receive(`{"type":"sync","ref":"first","conversations":{}}`)
	<-s.sync.reached
	for s.queued = 0; s.queued <= queueJobs; s.queued++ {
		s.handle.Receive(fmt.Sprintf(`{"type":"sync","ref":"queued %d","conversations":{}}`, s.queued))
	}
}

func (s *situation) drain() {
	s.open()
	if err := s.native.Quiesce(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// sendAway has the server close, which the peer does not answer.
func (s *situation) sendAway() {
	s.open()
	s.revoke()
	if code, _ := s.untilClose(); code != 4401 {
		s.t.Fatalf("sent away with %d", code)
	}
}

func (s *situation) revoke() {
	s.t.Helper()
	if err := s.accounts.RevokeUser(s.t.Context(), "ada"); err != nil {
		s.t.Fatal(err)
	}
	for now := time.Now().UnixMilli(); time.Now().UnixMilli() == now; {
	} // tokens of the same millisecond are revoked too
}

// fill has somebody else take the one place there is, or be turned away if the connection has it.
func (s *situation) fill() {
	s.t.Helper()
	bob := s.mustDial(4, nil, nil)
	bob.send("0" + text(map[string]string{"token": s.token("bob")}))
	bob.find("an answer", func(p *packet) bool { return p.kind == '0' })
	counted := func(status string) float64 { return s.count("websocket_connections_total", "status", status) }
	eventually(s.t, "the end of it", func() bool {
		return counted("connected") == 1 && s.gateway.Connections() == 1 || counted("connected") == 2 || counted("refused") == 1
	})
}

func (s *situation) shutDown() {
	s.down = make(chan struct{})
	go func() {
		defer close(s.down)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.native.Shutdown(ctx); err != nil {
			s.t.Errorf("shutdown: %v", err)
		}
	}()
	eventually(s.t, "the shutdown to begin", s.native.Stopping)
}

func (s *situation) send(text string) {
	s.t.Helper()
	if err := ws.WriteFrame(s.conn, ws.MaskFrame(ws.NewTextFrame([]byte(text)))); err != nil {
		s.t.Fatal(err)
	}
}

// read returns the next frame that is no ping; nil and the code for a close frame.
func (s *situation) read() (f map[string]any, code ws.StatusCode, err error) {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		op, payload, err := readFrame(s.from)
		switch {
		case err != nil:
			return nil, 0, err
		case op == ws.OpClose:
			code, _ := ws.ParseCloseFrameData([]byte(payload))
			return nil, code, nil
		case op == ws.OpText:
			if err := json.Unmarshal([]byte(payload), &f); err != nil {
				s.t.Fatal(err)
			}
			if f["type"] == "ack" {
				s.acks = append(s.acks, fmt.Sprint(f["ref"]))
			}
			return f, 0, nil
		}
	}
}

// frame waits for one of a type.
func (s *situation) frame(kind string) map[string]any {
	s.t.Helper()
	for {
		f, code, err := s.read()
		switch {
		case err != nil, f == nil:
			s.t.Fatalf("%s did not come: closed with %d, %v", kind, code, err)
		case f["type"] == kind:
			return f
		}
	}
}

// untilClose returns the code of the close frame and of the error that came last before it.
func (s *situation) untilClose() (code ws.StatusCode, refusal string) {
	s.t.Helper()
	for {
		f, code, err := s.read()
		switch {
		case err != nil:
			s.t.Fatalf("no close frame came: %v", err)
		case f == nil:
			return code, refusal
		case f["type"] == "error":
			refusal = fmt.Sprint(f["code"])
		}
	}
}

// forgotten waits until nothing is left of the connection on the server.
func (s *situation) forgotten() {
	s.t.Helper()
	eventually(s.t, "the connection to be forgotten", func() bool {
		return s.native.Open() == 0 && s.presence.Devices("ada") == 0
	})
	if s.down != nil {
		<-s.down
	}
}
