package netloop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// exchange is a request that the loop serves, and the http.ResponseWriter of its answer,
// which is kept until it is whole. The connection stays with the loop for the next one;
// behind an opening handshake that is not upgraded it ends.
type exchange struct {
	door    *doorway
	conn    *Conn
	request *http.Request

	header   http.Header
	status   int // 0 until WriteHeader
	body     []byte
	shared   []byte // the rest of the body, another's
	deferred bool
	opening  bool // it asks for a WebSocket: Upgrade and Hijack may take the connection
	taken    bool // by one of them

	mu     sync.Mutex
	gone   bool               // the client is
	ended  bool               // so has the request's context: it is answered, or the client is gone
	onGone func()             // nil unless deferred
	ctx    context.Context    // what that context is for those who wait for it
	cancel context.CancelFunc // of ctx
}

// maxUnasked is how long the body of an answer may be that is no upgrade, where one was
// asked for.
const maxUnasked = 4 << 20

// exchangeOf makes the request of a connection an exchange. body, which is copied, is
// what came of its body; missing is why there is no more, nil when that is all.
func exchangeOf(c *Conn, r *http.Request, body []byte, missing error) *exchange {
	x := &exchange{door: c.arrival.door, conn: c, opening: !c.arrival.exchange}
	switch {
	case errors.Is(missing, ErrBodyRefused):
		r.Body = io.NopCloser(failing{missing})
	case missing != nil:
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(bytes.Clone(body)), failing{missing}))
	case len(body) > 0:
		whole := &wholeBody{text: bytes.Clone(body)}
		whole.Reset(whole.text)
		r.Body = whole
	default:
		r.Body = http.NoBody
	}
	if x.opening {
		x.request = r.WithContext(x.door.cfg.Context) // which a WebSocket is not to end with its handshake
	} else {
		x.request = r.WithContext((*exchangeContext)(x))
	}
	return x
}

// wholeBody is a body that is all there.
type wholeBody struct {
	bytes.Reader
	text []byte
}

// Bytes is all of it, read or not. They are the request's own.
func (b *wholeBody) Bytes() []byte { return b.text }

// Close implements io.Closer.
func (b *wholeBody) Close() error { return nil }

// failing is what is read of a body that is not there.
type failing struct{ cause error }

func (f failing) Read([]byte) (int, error) { return 0, f.cause }

// Run implements Task.
func (x *exchange) Run() {
	defer func() {
		failure := recover()
		if failure == nil {
			return
		}
		if err, _ := failure.(error); !errors.Is(err, http.ErrAbortHandler) {
			x.door.cfg.ErrorLog.Printf("netloop: panic serving %s: %v\n%s", x.request.RemoteAddr, failure, debug.Stack())
		}
		if !x.taken || x.conn.arriving() {
			x.conn.abort(ErrClosed)
		}
	}()
	x.door.cfg.Handler.ServeHTTP(x, x.request)
	switch {
	case x.taken && x.conn.arriving():
		x.conn.abort(ErrClosed) // nobody has started it
	case !x.taken && !x.deferred:
		x.Finish()
	}
}

// Header implements http.ResponseWriter.
func (x *exchange) Header() http.Header {
	if x.header == nil {
		x.header = make(http.Header)
	}
	return x.header
}

// WriteHeader implements http.ResponseWriter. Informational answers are left out.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= http.StatusOK {
		x.status = status
	}
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(b []byte) (int, error) {
	if x.taken {
		return 0, http.ErrHijacked
	}
	if x.opening && len(x.body)+len(b) > maxUnasked {
		x.conn.abort(errTooMuch)
		return 0, errTooMuch
	}
	x.WriteHeader(http.StatusOK)
	if !hasBody(x.status) {
		return 0, http.ErrBodyNotAllowed
	}
	x.body = append(append(x.body, x.shared...), b...)
	x.shared = nil
	return len(b), nil
}

// WriteShared implements SharedWriter.
func (x *exchange) WriteShared(b []byte) (int, error) {
	if x.opening || len(x.shared) > 0 || len(b) < leastShared {
		return x.Write(b)
	}
	x.WriteHeader(http.StatusOK)
	if !hasBody(x.status) {
		return 0, http.ErrBodyNotAllowed
	}
	x.shared = b
	return len(b), nil
}

// Hijack implements http.Hijacker, for opening handshakes.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	switch {
	case !x.opening:
		return nil, nil, http.ErrNotSupported
	case x.taken || x.status != 0:
		return nil, nil, http.ErrHijacked
	}
	nc, early, err := x.conn.detach(http.StateHijacked)
	if err != nil {
		return nil, nil, err
	}
	x.taken = true
	conn := &returned{nc, early}
	return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), nil
}

var errAnswered = errors.New("the request is answered already")

// upgrade gives the connection to the loop for good.
func (x *exchange) upgrade() (*Conn, error) {
	if !x.opening || x.taken || x.status != 0 {
		return nil, errAnswered
	}
	x.taken = true
	return x.conn, nil
}

// Defer implements Deferrable.
func (x *exchange) Defer(gone func()) bool {
	x.deferred = true // also when it is too late: whoever is told of the end may call Finish
	x.mu.Lock()
	tooLate := x.gone
	if !tooLate {
		x.onGone = gone
	}
	x.mu.Unlock()
	if tooLate {
		x.conn.abort(io.EOF) // it may have closed its half only, and hear no answer
	}
	return !tooLate
}

// closeHalf is the end of what the client sends. It gets the answer if that comes
// without waiting; one that waits takes it for the end of the client, and false is
// returned.
func (x *exchange) closeHalf() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.onGone != nil {
		return false
	}
	x.gone = true
	x.endContext()
	return true
}

// Finish implements Deferrable.
func (x *exchange) Finish() {
	x.WriteHeader(http.StatusOK)
	last := x.opening || x.request.Close || x.header.Get("Connection") == "close" || x.door.isShut() || x.conn.isDeaf()
	held := x.conn.respond(x.answer(last), last)
	x.end()
	if held {
		x.conn.nextRequest()
	}
}

// answer is the whole response (RFC 9112 section 4): one message, and a body that is
// shared behind it.
func (x *exchange) answer(last bool) []*Message {
	h := x.Header()
	if h.Get("Content-Type") == "" && len(x.body) > 0 {
		h.Set("Content-Type", http.DetectContentType(x.body))
	}
	out := make([]byte, 0, 256+len(x.body))
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(x.status), 10)
	out = append(out, ' ')
	out = append(out, http.StatusText(x.status)...)
	out = append(out, "\r\nDate: "...)
	out = time.Now().UTC().AppendFormat(out, http.TimeFormat)
	for name, values := range h {
		switch name {
		case "Content-Length", "Transfer-Encoding", "Connection", "Date":
			continue // what is said of them here is true
		}
		for _, value := range values {
			out = append(out, "\r\n"...)
			out = append(out, name...)
			out = append(out, ": "...)
			out = append(out, oneLine.Replace(value)...)
		}
	}
	if last {
		out = append(out, "\r\nConnection: close"...)
	}
	if hasBody(x.status) {
		out = append(out, "\r\nContent-Length: "...)
		out = strconv.AppendInt(out, int64(len(x.body)+len(x.shared)), 10)
	}
	out = append(append(out, "\r\n\r\n"...), x.body...)
	if len(x.shared) > 0 {
		return []*Message{raw(out), raw(x.shared)}
	}
	return []*Message{raw(out)}
}

// hasBody tells whether an answer has a body, if an empty one (RFC 9110 section 6.4.1).
func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// oneLine keeps a value of a field from beginning another, as net/http does.
var oneLine = strings.NewReplacer("\n", " ", "\r", " ")

// HandleMessage implements Handler: there are none.
func (x *exchange) HandleMessage(*Conn, Op, []byte) {}

// HandleClose implements Handler: the connection has ended before the answer.
func (x *exchange) HandleClose(c *Conn, cause error) {
	c.arrival.HandleClose(c, cause)
	x.mu.Lock()
	x.gone = true
	gone := x.onGone
	x.mu.Unlock()
	x.end()
	if gone != nil {
		gone()
	}
}

// end ends the request's context.
func (x *exchange) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.endContext()
}

// endContext does that. mu is held.
func (x *exchange) endContext() {
	x.ended = true
	if x.cancel != nil {
		x.cancel()
	}
}

// exchangeContext is the context of a request: it ends with its answer, or when the
// client goes away. Only those who wait for that make it a context of its own.
type exchangeContext exchange

func (c *exchangeContext) Deadline() (deadline time.Time, ok bool) {
	return c.door.cfg.Context.Deadline()
}

func (c *exchangeContext) Value(key any) any { return c.door.cfg.Context.Value(key) }

func (c *exchangeContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil {
		c.ctx, c.cancel = context.WithCancel(c.door.cfg.Context)
		if c.ended {
			c.cancel()
		}
	}
	return c.ctx.Done()
}

func (c *exchangeContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ctx != nil:
		return c.ctx.Err()
	case c.ended:
		return context.Canceled
	default:
		return c.door.cfg.Context.Err()
	}
}

// respond queues the answer to the request that was under way, the last one closes
// the connection behind it. held tells whether something came behind the request: the
// reader keeps away until nextRequest has looked at that. Without it the next request
// may have come and be another's by the time this returns.
func (c *Conn) respond(answer []*Message, last bool) (held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open {
		return false
	}
	a := c.arrival
	c.handler, a.exchange = a, false
	last = last || a.deaf
	held = !last && (len(a.early) > 0 || c.link.(*epollLink).held)
	a.answering = held || last // behind the last answer nothing is heard
	c.kept.set(c.kept.of, cap(a.early))
	_ = c.push(answer...)
	if last && c.state == open {
		c.sayLast()
	}
	return held
}

// sayLast closes the connection behind what is queued. mu is held.
func (c *Conn) sayLast() {
	c.leaveOpen(ErrClosed)
	wait := c.loop.cfg.CloseTimeout
	if c.arrival.unread {
		// To close with input unread would send a reset, which can overtake the answer.
		c.refused, wait = true, lingering
	} else {
		c.peerClosed = true
	}
	c.setDeadline(wait)
	c.schedule()
}

// turnAway answers a request that nobody is to have.
func (c *Conn) turnAway(status int) {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open {
		return
	}
	a := c.arrival
	a.head, a.answering, a.deaf, a.unread = nil, true, true, true
	c.kept.release()
	_ = c.push(raw([]byte("HTTP/1.1 " + text + "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" + text)))
	c.sayLast()
}

// isDeaf tells whether the answer under way is the last one.
func (c *Conn) isDeaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.arrival != nil && c.arrival.deaf
}

// nextRequest looks at what respond has held. It must not be called by the poller.
func (c *Conn) nextRequest() {
	l := c.link.(*epollLink)
	l.p.passMu.Lock() // nothing is read until what came before is looked at
	defer l.p.passMu.Unlock()
	c.mu.Lock()
	if c.state != open {
		c.mu.Unlock()
		return
	}
	early := c.arrival.early
	c.arrival.early = nil
	c.arrival.answering = false
	c.kept.release()
	err := l.hear(c)
	c.mu.Unlock()
	if err == nil && len(early) > 0 {
		c.arrive(early)
	}
}
