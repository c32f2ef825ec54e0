package netloop

import (
	"net"
	"net/http"
	"time"
)

// shown is what http.Server.ConnState gets of an arrival: a net.Conn of which only
// Close and the addresses are of use.
type shown struct {
	conn    *Conn
	arrival *arrival
}

// tell has ConnState know of an arrival.
func (a *arrival) tell(state http.ConnState) {
	if a.shown != nil {
		a.door.cfg.ConnState(a.shown, state)
	}
}

// HandleMessage implements Handler: there are none yet.
func (a *arrival) HandleMessage(*Conn, Op, []byte) {}

// HandleClose implements Handler: the connection ended before anybody had it.
func (a *arrival) HandleClose(*Conn, error) { a.tell(http.StateClosed) }

func (s *shown) Close() error {
	s.conn.Abort()
	return nil
}

func (s *shown) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.arrival.from) }
func (s *shown) LocalAddr() net.Addr  { return s.arrival.door.Addr() }

func (s *shown) Read([]byte) (int, error)         { return 0, http.ErrNotSupported }
func (s *shown) Write([]byte) (int, error)        { return 0, http.ErrNotSupported }
func (s *shown) SetDeadline(time.Time) error      { return http.ErrNotSupported }
func (s *shown) SetReadDeadline(time.Time) error  { return http.ErrNotSupported }
func (s *shown) SetWriteDeadline(time.Time) error { return http.ErrNotSupported }
