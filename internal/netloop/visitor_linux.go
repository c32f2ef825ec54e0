package netloop

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// lingering is how long a client has to take an answer that is no upgrade before
// the connection is cut.
const lingering = 500 * time.Millisecond

// visitor is a request that is being answered. It is the handler's
// http.ResponseWriter: Upgrade takes the connection from it as it is, others can
// Hijack it, and what is written is an answer behind which the connection closes.
type visitor struct {
	door    *doorway
	conn    *Conn
	request *http.Request
	header  http.Header

	taken  bool         // by Upgrade or Hijack
	answer *net.TCPConn // of an ordinary answer, once that has begun
	out    *bufio.Writer
}

// Run implements Task.
func (v *visitor) Run() {
	defer v.finish()
	v.door.cfg.Handler.ServeHTTP(v, v.request)
}

// finish is deferred: it also sees to a handler that panics, as net/http does.
func (v *visitor) finish() {
	failure := recover()
	if err, _ := failure.(error); failure != nil && !errors.Is(err, http.ErrAbortHandler) {
		v.door.cfg.ErrorLog.Printf("netloop: panic serving %s: %v\n%s", v.request.RemoteAddr, failure, debug.Stack())
	}
	if v.taken {
		if v.conn.arriving() {
			v.conn.abort(ErrClosed) // nobody has started it
		}
		return
	}
	if failure == nil {
		v.WriteHeader(http.StatusOK)
	}
	if v.answer == nil {
		v.conn.abort(ErrClosed)
		return
	}
	if failure == nil && v.out.Flush() == nil {
		v.farewell()
	}
	_ = v.answer.Close()
}

// farewell waits for the client to close first: what it sent behind its request
// would otherwise cut off the answer.
func (v *visitor) farewell() {
	_ = v.answer.CloseWrite()
	_ = v.answer.SetReadDeadline(time.Now().Add(lingering))
	_, _ = io.CopyN(io.Discard, v.answer, maxEarly)
}

// Header implements http.ResponseWriter.
func (v *visitor) Header() http.Header {
	if v.header == nil {
		v.header = make(http.Header)
	}
	return v.header
}

// WriteHeader implements http.ResponseWriter. Informational answers are left out.
func (v *visitor) WriteHeader(status int) {
	if v.taken || v.answer != nil || status < http.StatusOK {
		return
	}
	nc, _, err := v.conn.detach(http.StateClosed)
	if err != nil {
		return // the client is gone
	}
	v.answer, v.out = nc, bufio.NewWriter(nc)
	_ = nc.SetWriteDeadline(time.Now().Add(v.door.cfg.WriteTimeout))
	h := v.Header()
	h.Del("Transfer-Encoding")
	h.Set("Connection", "close")
	if h.Get("Date") == "" {
		h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	_, _ = v.out.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n")
	_ = h.Write(v.out)
	_, _ = v.out.WriteString("\r\n")
}

// Write implements http.ResponseWriter.
func (v *visitor) Write(b []byte) (int, error) {
	if v.taken {
		return 0, http.ErrHijacked
	}
	if v.answer == nil {
		if h := v.Header(); h.Get("Content-Type") == "" {
			h.Set("Content-Type", http.DetectContentType(b))
		}
		v.WriteHeader(http.StatusOK)
	}
	if v.answer == nil {
		return 0, ErrClosed
	}
	return v.out.Write(b)
}

// FlushError is for http.ResponseController.
func (v *visitor) FlushError() error {
	v.WriteHeader(http.StatusOK)
	if v.answer == nil {
		return ErrClosed
	}
	return v.out.Flush()
}

// Hijack implements http.Hijacker.
func (v *visitor) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if v.taken || v.answer != nil {
		return nil, nil, http.ErrHijacked
	}
	nc, early, err := v.conn.detach(http.StateHijacked)
	if err != nil {
		return nil, nil, err
	}
	v.taken = true
	var conn net.Conn = nc
	if len(early) > 0 {
		conn = &returned{nc, early}
	}
	return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), nil
}

var errAnswered = errors.New("the request is answered already")

// upgrade gives the connection to the loop for good.
func (v *visitor) upgrade() (*Conn, error) {
	if v.taken || v.answer != nil {
		return nil, errAnswered
	}
	v.taken = true
	return v.conn, nil
}
