package engineio

import (
	"errors"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// v3OpenDelay keeps the open packet out of the TCP segment of the handshake's
// answer. Clients of version 3 are of a time when listeners were added after
// the open event; some lose a packet that arrives with it.
const v3OpenDelay = 10 * time.Millisecond

func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request, req request) {
	if req.session != nil {
		s.probe(w, r, req.session)
		return
	}
	session, err := s.newSession(r, req)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer s.opening.Done()
	hijacked := s.upgrade(w, r, session)
	if hijacked == nil {
		session.end(TransportError, nil, false)
		return
	}
	conn, err := s.loop.Attach(hijacked, session)
	if err != nil {
		session.end(TransportError, err, false)
		return
	}
	if session.protocol == v3 {
		time.Sleep(v3OpenDelay)
	}
	session.mu.Lock()
	session.conn = conn
	session.restrict(conn)
	session.sendControl(packetOpen, session.openPacket(WebSocket))
	if session.closed { // by Shutdown, which found no connection to close
		conn.Close(0, "")
	}
	session.mu.Unlock()
	session.live()
	conn.Start(hijacked.Buffered)
}

// upgrade performs the opening handshake; nil when it has answered otherwise.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, session *Session) *netloop.Hijacked {
	opts := netloop.UpgradeOptions{Header: w.Header()}
	if r.URL.Query().Get("sid") == "" {
		s.setCookie(opts.Header, session)
	}
	if pmd := s.cfg.PerMessageDeflate; pmd != nil {
		opts.Deflate = &netloop.Deflate{ServerContext: pmd.ServerContextTakeover, ClientContext: pmd.ClientContextTakeover}
	}
	hijacked, err := netloop.Upgrade(w, r, opts)
	if err != nil {
		var handshake *netloop.HandshakeError
		if errors.As(err, &handshake) {
			(&RequestError{ErrBadRequest.Code, handshake.Reason}).writeRaw(w)
		}
		return nil
	}
	return hijacked
}

func (s *Server) setCookie(h http.Header, session *Session) {
	if s.cfg.Cookie == nil {
		return
	}
	cookie := *s.cfg.Cookie
	cookie.Value = session.id
	h.Add("Set-Cookie", cookie.String())
}

// HandleMessage is for the connection loop: a frame has come.
func (s *Session) HandleMessage(_ *netloop.Conn, op netloop.Op, payload []byte) {
	if s.ended() {
		return
	}
	p, err := decodeFrame(s.protocol, op == netloop.Binary, payload)
	if err != nil {
		s.end(ParseError, err, true)
		return
	}
	s.receive(p)
}

// decodeFrame also takes base64 in text, which clients without binary send.
func decodeFrame(protocol int, binary bool, payload []byte) (packet, error) {
	switch {
	case binary:
		return decodeBinary(protocol, payload)
	case protocol == v4:
		return decodeEntryV4(payload)
	default:
		return decodeEntryV3(payload)
	}
}

// HandleClose is for the connection loop: the WebSocket has closed.
func (s *Session) HandleClose(_ *netloop.Conn, cause error) {
	s.end(closeReason(cause), cause, false)
}

func closeReason(cause error) Reason {
	var peer *netloop.CloseError
	switch {
	case errors.Is(cause, netloop.ErrSlowConsumer):
		return SlowConsumer
	case errors.Is(cause, netloop.ErrStopped):
		return ShuttingDown
	case errors.As(cause, &peer), errors.Is(cause, netloop.ErrClosed), netloop.IsEOF(cause):
		return TransportClose
	default:
		return TransportError
	}
}

// probe lets a WebSocket take a polling session over: the client sends
// "2probe", is answered "3probe", and sends "5" when its last poll has ended.
type probe struct {
	session *Session
	timer   netloop.Timer
	conn    *netloop.Conn
	probed  bool // touched by HandleMessage only
}

func (s *Server) probe(w http.ResponseWriter, r *http.Request, session *Session) {
	p := &probe{session: session}
	p.timer.Owner = p
	reserved := session.beginUpgrade(p)
	hijacked := s.upgrade(w, r, session)
	if hijacked == nil {
		session.abandonUpgrade(p)
		return
	}
	conn, err := s.loop.Attach(hijacked, p)
	if err != nil {
		session.abandonUpgrade(p)
		return
	}
	if !reserved || !session.attachProbe(p, conn) {
		conn.Close(0, "")
	}
	conn.Start(hijacked.Buffered)
}

// HandleMessage is for the connection loop.
func (p *probe) HandleMessage(c *netloop.Conn, op netloop.Op, payload []byte) {
	switch text := string(payload); {
	case op == netloop.Text && text == "2probe" && !p.probed:
		p.probed = true
		_ = c.Send(control(packetPong, []byte("probe")))
		p.session.probed()
	case op == netloop.Text && text == "5" && p.probed && p.session.upgraded(p, c):
		p.session.server.loop.Wheel().Disarm(&p.timer)
	default:
		p.session.abandonUpgrade(p)
		c.Close(0, "")
	}
}

// HandleClose is for the connection loop. After the upgrade the session is the
// connection's handler.
func (p *probe) HandleClose(c *netloop.Conn, cause error) {
	p.session.server.loop.Wheel().Disarm(&p.timer)
	if !p.session.abandonUpgrade(p) && p.session.runsOn(c) {
		p.session.HandleClose(c, cause) // it closed while the session moved to it
	}
}

// Expire is for the timing wheel: the upgrade took too long.
func (p *probe) Expire(*netloop.Timer) {
	if p.session.abandonUpgrade(p) {
		p.conn.Close(0, "")
	}
}
