package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
)

const (
	// shortBody is how long a body is at most that goes by the connection which all share.
	shortBody = 64 << 10
	// writeStep is how much a client that takes an answer from net/http must take within Config.WriteStall.
	writeStep = 16 << 10
)

// poll has the node answer a request of the long-polling transport.
func (p *peer) poll(life context.Context, w http.ResponseWriter, r *http.Request) {
	f := p.forwarder
	if !f.requests.enter() {
		f.refuse(w, r, Busy)
		return
	}
	defer f.requests.leave()
	p.now.Add(1)
	defer p.now.Add(-1)
	ctx, cancel := context.WithTimeout(r.Context(), f.cfg.AnswerTimeout)
	defer cancel()
	defer context.AfterFunc(life, cancel)()

	up := uploadOf(r)
	status, header, body, err := p.carry(ctx, r, up)
	up.stop()
	switch {
	case err == nil:
		f.figures.requests.Add(1)
		p.requests.Add(1)
		f.answer(w, r, status, header, body)
	case up.failed():
		f.refuse(w, r, Cut)
	case life.Err() == nil && r.Context().Err() != nil:
		engineio.ErrUnknownSession.ServeHTTP(w, r) // if it hears: to its node it has gone
	default:
		f.refuse(w, r, causeOf(ctx, life, err))
	}
}

// carry takes a request to the node, and its whole answer back.
func (p *peer) carry(ctx context.Context, r *http.Request, up *upload) (status int, _ http.Header, body []byte, err error) {
	by := p.shared
	if up.long {
		by = p.own
	}
	p.acquaint(ctx)
	answer, err := patiently(ctx, p.forwarder.cfg.ConnectTimeout, up.again, func() (*http.Response, error) {
		out := p.outgoing(ctx, r)
		out.Body, out.ContentLength = up.reader(), r.ContentLength
		return by.RoundTrip(out)
	})
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	var text bytes.Buffer
	text.Grow(int(max(answer.ContentLength, 0)) + bytes.MinRead)
	_, err = text.ReadFrom(answer.Body)
	return answer.StatusCode, answer.Header, text.Bytes(), err
}

// errOver is that of a body of which no more is to be read.
var errOver = errors.New("forward: the body is not read any more")

// outgoing is a request as the node gets it, without its body. What a client says that only nodes may say is left out.
func (p *peer) outgoing(ctx context.Context, r *http.Request) *http.Request {
	header := r.Header.Clone()
	for _, named := range header.Values("Connection") {
		for name := range strings.SplitSeq(named, ",") {
			header.Del(textproto.TrimString(name))
		}
	}
	for _, name := range ofConnection {
		header.Del(name)
	}
	for name := range header {
		if strings.HasPrefix(name, ours) {
			delete(header, name)
		}
	}
	if _, said := header["User-Agent"]; !said {
		header["User-Agent"] = nil // or net/http says one
	}
	header.Set(clientHeader, r.RemoteAddr)
	to := url.URL{Scheme: "https", Host: p.at.Address, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	out := &http.Request{Method: r.Method, URL: &to, Host: r.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	return out.WithContext(ctx)
}

// ofConnection are the fields that concern one connection alone (RFC 9110 section 7.6.1), and what the other node need not
// be asked for.
var ofConnection = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect"}

// answer gives a client the answer of the node.
func (f *Forwarder) answer(w http.ResponseWriter, r *http.Request, status int, header http.Header, body []byte) {
	if header.Get(knownHeader) != "" {
		f.deps.Vouch(r.RemoteAddr)
	}
	take(w.Header(), header)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if shared, ok := w.(interface{ WriteShared([]byte) (int, error) }); ok { // where the loop serves
		_, _ = shared.WriteShared(body)
		return
	}
	control := http.NewResponseController(w)
	for len(body) > 0 {
		_ = control.SetWriteDeadline(time.Now().Add(f.cfg.WriteStall))
		n, err := w.Write(body[:min(len(body), writeStep)])
		if err != nil {
			return
		}
		body = body[n:]
	}
}

// take puts what another node has said into the header of an answer.
func take(to, from http.Header) {
	for _, name := range ofConnection {
		from.Del(name)
	}
	for name, values := range from {
		if !strings.HasPrefix(name, ours) {
			to[name] = values
		}
	}
}

// upload is the body of a request on its way.
type upload struct {
	body io.ReadCloser
	text []byte // all of it, where it is here already
	long bool   // it is not, or is too long for the shared connection

	mu   sync.Mutex // held while some of the body is read
	sent bool       // some was
	err  error      // with which it ended
	over bool       // by stop
}

func uploadOf(r *http.Request) *upload {
	u := &upload{body: r.Body}
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		u.body = nil
		return u
	}
	if whole, ok := r.Body.(interface{ Bytes() []byte }); ok { // read by the loop
		u.text = whole.Bytes()
	}
	u.long = u.text == nil || len(u.text) > shortBody
	return u
}

// reader is the body from its beginning.
func (u *upload) reader() io.ReadCloser {
	switch {
	case u.body == nil:
		return http.NoBody
	case u.text != nil:
		return io.NopCloser(bytes.NewReader(u.text))
	default:
		return io.NopCloser(u)
	}
}

// again tells whether nothing was read of it that cannot be read again.
func (u *upload) again() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.sent
}

// Read implements io.Reader, for a body that is not here yet.
func (u *upload) Read(b []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.err != nil:
		return 0, u.err
	case u.over:
		return 0, errOver
	}
	u.sent = true
	n, err := u.body.Read(b)
	u.err = err
	return n, err
}

// stop returns when nobody reads the body any more.
func (u *upload) stop() {
	if stopping, ok := u.body.(interface{ Stop() }); ok {
		stopping.Stop()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
}

// failed tells whether the client has not sent all.
func (u *upload) failed() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err != nil && !errors.Is(u.err, io.EOF)
}
