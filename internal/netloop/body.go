package netloop

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Guard bounds the bodies of requests that net/http serves, as a Listener does those that
// the loop serves: their size, their time and what is kept of all of them. An answer
// never waits for the rest of a body. It may be used concurrently.
type Guard struct {
	// Stranger is what is granted to a body until Body.Trust is called, Known from then
	// on. A Max or Time of 0 is no limit.
	Stranger, Known Terms
	Partial         *Partial
	Refused         func(Refusal) // of requests that are turned away; may be nil
}

// Handler has next get bodies that are a *Body.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w, r, body := g.Take(w, r)
		defer body.Release()
		next.ServeHTTP(w, r)
	})
}

// Take returns what to serve a request with, and its body, of which Release is to be
// called when the handler is done. The body is nil, and all is as it was, for a request
// that has none, or that the loop serves.
func (g *Guard) Take(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request, *Body) {
	if r.ContentLength == 0 || r.Body == nil {
		return w, r, nil
	}
	if _, guarded := r.Body.(*Body); guarded {
		return w, r, nil
	}
	b := &Body{guard: g, w: w, conn: http.NewResponseController(w), inner: r.Body, terms: g.Stranger, since: time.Now()}
	b.terms.Stranger = true
	if r.ContentLength > 0 && b.terms.Max > 0 {
		b.announced = int(min(r.ContentLength, int64(b.terms.Max)))
	}
	b.early = r.Header.Get("Expect") == ""
	if b.wait() != nil {
		return w, r, nil // not by net/http
	}
	if len(r.TransferEncoding) > 0 {
		// With a Content-Length beside, which net/http passes over, a proxy may see other
		// requests in it than this server (RFC 9112 section 6.1).
		w.Header().Set("Connection", "close")
	}
	guarded := *r // net/http looks at the body of its own
	guarded.Body = b
	return &guardedWriter{w, b}, &guarded, b
}

// ErrTooMuch is what reading a body fails with when too much is half here already.
var ErrTooMuch = errors.New("netloop: too many requests are under way")

// Body is the body of a request under a Guard. It is not for concurrent use, but for Stop.
type Body struct {
	guard *Guard
	w     http.ResponseWriter
	conn  *http.ResponseController
	inner io.ReadCloser
	terms Terms
	since time.Time
	come  int
	kept  claim
	// announced is how much a stranger's body will have: where that is too much it is
	// refused before memory is taken for it.
	announced int
	early     bool // it may be read though nobody has asked the client for it
	streams   bool // what is read is not kept
	ended     bool // by an answer

	mu      sync.Mutex
	whole   bool // it was read to its end
	stopped bool // by Stop
}

// Trust grants the body what those who are known are granted.
func (b *Body) Trust() {
	b.terms, b.announced = b.guard.Known, 0
}

// Stream says that what is read is handed on and not kept: the body may have what those
// who are known may, and counts for nothing.
func (b *Body) Stream() {
	b.Trust()
	b.streams = true
}

// Stop has a Read that is under way fail, and all that follow, unless the body was read to
// its end. It is to be called before the answer.
func (b *Body) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.whole {
		b.stopped = true
		_ = b.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// Read implements io.Reader. It fails with an http.MaxBytesError, with ErrTooMuch, or
// with os.ErrDeadlineExceeded.
func (b *Body) Read(p []byte) (int, error) {
	if b.ended && !b.isWhole() {
		return 0, ErrBodyRefused
	}
	if err := b.wait(); err != nil {
		return 0, err
	}
	n, err := b.inner.Read(p)
	b.come += n
	switch {
	case b.terms.Max > 0 && b.come > b.terms.Max:
		b.refused(RefusedSize)
		return 0, &http.MaxBytesError{Limit: int64(b.terms.Max)}
	case errors.Is(err, io.EOF):
		b.finish() // what comes in one piece counts nothing
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.late()
	case b.streams:
	case !b.kept.set(b.guard.Partial.budget(b.terms.Stranger), max(b.come, b.announced)):
		b.refused(RefusedPartial)
		return 0, ErrTooMuch
	}
	return n, err
}

// Close implements io.Closer.
func (b *Body) Close() error { return b.inner.Close() }

// Release forgets what is kept of the body.
func (b *Body) Release() {
	if b != nil {
		b.end()
		b.kept.release()
	}
}

func (b *Body) refused(why Refusal) {
	if b.guard.Refused != nil {
		b.guard.Refused(why)
	}
}

// late counts a body that was not there in time.
func (b *Body) late() {
	b.mu.Lock()
	stopped := b.stopped
	b.mu.Unlock()
	if !stopped {
		b.refused(RefusedTime)
	}
}

// wait gives the client the time that it has left.
func (b *Body) wait() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return ErrBodyRefused
	}
	if b.terms.Time == 0 {
		return b.conn.SetReadDeadline(time.Time{})
	}
	deadline := b.since.Add(b.terms.Time)
	if b.terms.Rate > 0 {
		deadline = deadline.Add(time.Duration(b.come) * time.Second / time.Duration(b.terms.Rate))
	}
	return b.conn.SetReadDeadline(deadline)
}

// finish is the body's end: what net/http reads from here on has a time of its own.
func (b *Body) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.whole = true
	_ = b.conn.SetReadDeadline(time.Time{})
}

func (b *Body) isWhole() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.whole
}

// maxRest is how much of a body that nobody reads is taken from what has come already,
// so that the connection can stay.
const maxRest = 64 << 10

// end is the beginning of an answer. net/http would read the rest of the body before it
// sends that, however long it takes to come.
func (b *Body) end() {
	if b.ended || b.isWhole() {
		return
	}
	b.ended = true
	_ = b.conn.SetReadDeadline(time.Unix(1, 0)) // only what is here already is read
	if b.early {
		if _, err := io.CopyN(io.Discard, b.inner, maxRest); errors.Is(err, io.EOF) {
			b.finish()
			return
		}
	}
	// This is how net/http is told to close the connection behind the answer, but only
	// after the client has had time to read it.
	limit := http.MaxBytesReader(b.w, io.NopCloser(strings.NewReader("x")), 0)
	_, _ = limit.Read(make([]byte, 1))
	b.w.Header().Set("Connection", "close")
}

// guardedWriter begins the answer to a request whose body may be on its way.
type guardedWriter struct {
	http.ResponseWriter
	body *Body
}

// WriteHeader implements http.ResponseWriter.
func (w *guardedWriter) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		w.body.end()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *guardedWriter) Write(b []byte) (int, error) {
	w.body.end()
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *guardedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
