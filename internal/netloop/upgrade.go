package netloop

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 section 4.2.2 prescribes it; nothing rests on its strength
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 section 1.3

// HandshakeError says why a request is no valid opening handshake. Its text
// may be shown to the client.
type HandshakeError struct {
	Status int // of the HTTP answer
	Reason string
}

func (e *HandshakeError) Error() string { return e.Reason }

// UpgradeOptions say what the server's side of the handshake agrees to.
type UpgradeOptions struct {
	// Header holds further fields for the answer; values must be valid header
	// text.
	Header http.Header
	// Protocol is the sub-protocol to confirm, "" for none.
	Protocol string
	// Deflate offers permessage-deflate when not nil. Its fields allow the two
	// kinds of context takeover; without them every message stands alone.
	Deflate *Deflate
}

// Hijacked is a connection taken from net/http with the handshake's answer not
// yet written; Loop.Attach takes it over.
type Hijacked struct {
	Conn     net.Conn
	Buffered []byte // what the client sent behind its handshake
	Answer   []byte // the 101 response
	Deflate  *Deflate

	arrived *Conn // instead of Conn, when a Listener of a loop's has accepted it
}

// IsUpgrade reports whether r asks for a WebSocket.
func IsUpgrade(r *http.Request) bool {
	return hasToken(r.Header, "Upgrade", "websocket") && hasToken(r.Header, "Connection", "upgrade")
}

// Upgrade checks r as RFC 6455 section 4.2.1 says and takes its connection
// from net/http. The caller should return from its HTTP handler soon after:
// what net/http keeps for the request is freed then. A *HandshakeError means
// that w can still be answered.
func Upgrade(w http.ResponseWriter, r *http.Request, opts UpgradeOptions) (*Hijacked, error) {
	key, err := checkHandshake(r)
	if err != nil {
		return nil, err
	}
	answer, deflate := accept(r, key, opts)
	if to := arriverOf(w); to != nil {
		c, err := to.upgrade()
		return &Hijacked{arrived: c, Answer: answer, Deflate: deflate}, err
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		if errors.Is(err, http.ErrNotSupported) {
			return nil, &HandshakeError{http.StatusInternalServerError, "connection cannot be upgraded"}
		}
		return nil, fmt.Errorf("hijack: %w", err)
	}
	h := &Hijacked{Conn: conn, Answer: answer, Deflate: deflate}
	if n := rw.Reader.Buffered(); n > 0 {
		buffered, _ := rw.Peek(n) // n bytes are there
		h.Buffered = append([]byte(nil), buffered...)
	}
	return h, nil
}

// arriver is the http.ResponseWriter for a connection that a loop has already.
type arriver interface {
	upgrade() (*Conn, error)
}

// arriverOf looks for one through the wrappers of middlewares; nil when there is
// none.
func arriverOf(w http.ResponseWriter) arriver {
	for {
		switch known := w.(type) {
		case arriver:
			return known
		case interface{ Unwrap() http.ResponseWriter }:
			w = known.Unwrap()
		default:
			return nil
		}
	}
}

func checkHandshake(r *http.Request) (key string, err error) {
	switch key = r.Header.Get("Sec-Websocket-Key"); {
	case r.Method != http.MethodGet:
		return "", &HandshakeError{http.StatusMethodNotAllowed, "handshake method is not GET"}
	case !r.ProtoAtLeast(1, 1):
		return "", &HandshakeError{http.StatusBadRequest, "handshake needs HTTP/1.1"}
	case !IsUpgrade(r):
		return "", &HandshakeError{http.StatusUpgradeRequired, "no WebSocket upgrade asked for"}
	case r.Header.Get("Sec-Websocket-Version") != "13":
		return "", &HandshakeError{http.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13"}
	}
	if nonce, err := base64.StdEncoding.DecodeString(key); err != nil || len(nonce) != 16 {
		return "", &HandshakeError{http.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64"}
	}
	return key, nil
}

func accept(r *http.Request, key string, opts UpgradeOptions) ([]byte, *Deflate) {
	sum := sha1.Sum([]byte(key + acceptGUID)) //nolint:gosec // see the import
	answer := make([]byte, 0, 256)
	answer = append(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	answer = base64.StdEncoding.AppendEncode(answer, sum[:])
	answer = append(answer, "\r\n"...)
	if opts.Protocol != "" {
		answer = append(answer, "Sec-WebSocket-Protocol: "+opts.Protocol+"\r\n"...)
	}
	agreed := negotiateDeflate(r.Header.Values("Sec-Websocket-Extensions"), opts.Deflate)
	if agreed != nil {
		answer = append(answer, "Sec-WebSocket-Extensions: "+agreed.extension()+"\r\n"...)
	}
	for name, values := range opts.Header {
		for _, value := range values {
			answer = append(answer, name+": "+value+"\r\n"...)
		}
	}
	return append(answer, "\r\n"...), agreed
}

// negotiateDeflate takes the first offer that the server can honour
// (RFC 7692 section 7.1). An offer to shrink the server's window below 32 KiB
// is declined: compress/flate has one window size.
func negotiateDeflate(offers []string, allowed *Deflate) *Deflate {
	if allowed == nil {
		return nil
	}
	for _, header := range offers {
		options, ok := httphead.ParseOptions([]byte(header), nil)
		if !ok {
			continue
		}
		for _, option := range options {
			if string(option.Name) != wsflate.ExtensionName {
				continue
			}
			var offer wsflate.Parameters
			if offer.Parse(option) != nil || offer.ServerMaxWindowBits.Defined() && offer.ServerMaxWindowBits < 15 {
				continue
			}
			return &Deflate{
				ServerContext: allowed.ServerContext && !offer.ServerNoContextTakeover,
				ClientContext: allowed.ClientContext && !offer.ClientNoContextTakeover,
			}
		}
	}
	return nil
}

func (d *Deflate) extension() string {
	s := wsflate.ExtensionName
	if !d.ServerContext {
		s += "; server_no_context_takeover"
	}
	if !d.ClientContext {
		s += "; client_no_context_takeover"
	}
	return s
}

func hasToken(h http.Header, name, token string) bool {
	for _, value := range h.Values(name) {
		for part := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}
