package engineio

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// RequestError is the answer to a request that no session takes: HTTP 400 (403
// for Forbidden) with {"code","message"}. The codes are those of the Node
// server.
type RequestError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *RequestError) Error() string { return e.Message }

// Is makes errors.Is compare by code, so that a Forbidden with another message
// is still ErrForbidden.
func (e *RequestError) Is(target error) bool {
	other, ok := target.(*RequestError)
	return ok && other.Code == e.Code
}

// The errors of requests.
var (
	ErrUnknownTransport    = &RequestError{0, "Transport unknown"}
	ErrUnknownSession      = &RequestError{1, "Session ID unknown"}
	ErrBadHandshakeMethod  = &RequestError{2, "Bad handshake method"}
	ErrBadRequest          = &RequestError{3, "Bad request"}
	ErrForbidden           = &RequestError{4, "Forbidden"}
	ErrUnsupportedProtocol = &RequestError{5, "Unsupported protocol version"}
)

// ServeHTTP answers a request with the error, an opening handshake of a WebSocket too.
func (e *RequestError) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if netloop.IsUpgrade(r) {
		e.writeRaw(w)
	} else {
		e.write(w)
	}
}

func (e *RequestError) write(w http.ResponseWriter) {
	status := http.StatusBadRequest
	if e.Code == ErrForbidden.Code {
		status = http.StatusForbidden
	}
	body, _ := json.Marshal(e) // two plain fields
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// writeRaw answers a WebSocket upgrade, whose client reads no body: always
// 400, the message as text, and the connection ends.
func (e *RequestError) writeRaw(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Connection", "close")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(e.Message)))
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte(e.Message))
}

// Refusal is why a request or a session was turned away.
type Refusal string

// The reasons of a Refusal. What AllowRequest refuses is not among them.
const (
	RefusedRequest  Refusal = "request"   // no transport, method, version or id that is served
	RefusedSession  Refusal = "session"   // a session that there is not, or no longer
	RefusedSize     Refusal = "too_large" // a message or a body
	RefusedTime     Refusal = "too_slow"  // a request that was not there in time
	RefusedPartial  Refusal = "too_much"  // Config.MaxPartial
	RefusedStranger Refusal = "stranger"  // Config.MaxStrangers
	RefusedFraming  Refusal = "framing"   // a request with two lengths, see RFC 9112 section 6.3
)

// Refusals are all of them.
func Refusals() []Refusal {
	return []Refusal{
		RefusedRequest, RefusedSession, RefusedSize, RefusedTime, RefusedPartial, RefusedStranger, RefusedFraming,
	}
}

// Reason says why a session ended, in the words of the Node server.
type Reason string

// The reasons for which a session ends.
const (
	TransportError Reason = "transport error"
	TransportClose Reason = "transport close"
	ForcedClose    Reason = "forced close"
	PingTimeout    Reason = "ping timeout"
	ParseError     Reason = "parse error"
	ShuttingDown   Reason = "server shutting down"
	SlowConsumer   Reason = "slow consumer" // not in Node, which queues without bound
)
