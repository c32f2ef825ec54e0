package netloop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// exchange is a request that the loop serves and is no upgrade, and the
// http.ResponseWriter of its answer, which is kept until it is whole. The connection
// stays with the loop for the next one.
type exchange struct {
	door    *doorway
	conn    *Conn
	request *http.Request

	header   http.Header
	status   int // 0 until WriteHeader
	body     []byte
	deferred bool

	mu     sync.Mutex
	gone   bool               // the client is
	ended  bool               // so has the request's context: it is answered, or the client is gone
	onGone func()             // nil unless deferred
	ctx    context.Context    // what that context is for those who wait for it
	cancel context.CancelFunc // of ctx
}

// exchangeOf makes the request of a connection an exchange. body, which is copied, is
// all that came of length bytes.
func exchangeOf(d *doorway, c *Conn, r *http.Request, body []byte, length int) *exchange {
	x := &exchange{door: d, conn: c}
	if length > 0 {
		var content io.Reader = bytes.NewReader(bytes.Clone(body))
		if len(body) < length {
			content = io.MultiReader(content, halfway{})
		}
		r.Body = io.NopCloser(content)
	}
	x.request = r.WithContext((*exchangeContext)(x))
	return x
}

// halfway is the end of a body that is not all there.
type halfway struct{}

func (halfway) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

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
		x.conn.abort(ErrClosed)
	}()
	x.door.cfg.Handler.ServeHTTP(x, x.request)
	if !x.deferred {
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
	x.WriteHeader(http.StatusOK)
	if !hasBody(x.status) {
		return 0, http.ErrBodyNotAllowed
	}
	x.body = append(x.body, b...)
	return len(b), nil
}

// Defer implements Deferrable.
func (x *exchange) Defer(gone func()) bool {
	x.deferred = true // also when it is too late: whoever is told of the end may call Finish
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gone {
		return false
	}
	x.onGone = gone
	return true
}

// Finish implements Deferrable.
func (x *exchange) Finish() {
	x.WriteHeader(http.StatusOK)
	last := x.request.Close || x.header.Get("Connection") == "close" || x.door.isShut()
	held := x.conn.respond(x.answer(last), last)
	x.end()
	if held {
		x.conn.nextRequest()
	}
}

// answer is the whole response (RFC 9112 section 4).
func (x *exchange) answer(last bool) []byte {
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
		out = strconv.AppendInt(out, int64(len(x.body)), 10)
	}
	out = append(out, "\r\n\r\n"...)
	return append(out, x.body...)
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
func (c *Conn) respond(answer []byte, last bool) (held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open {
		return false
	}
	a := c.arrival
	c.handler, a.exchange = a, false
	held = !last && (len(a.early) > 0 || c.link.(*epollLink).held)
	a.answering = held || last // behind the last answer nothing is heard
	_ = c.push(answer)
	if last {
		c.state, c.cause, c.peerClosed = closing, ErrClosed, true
		c.setDeadline(c.loop.cfg.CloseTimeout)
		c.schedule()
	}
	return held
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
	err := l.hear(c)
	c.mu.Unlock()
	if err == nil && len(early) > 0 {
		c.arrive(early)
	}
}
