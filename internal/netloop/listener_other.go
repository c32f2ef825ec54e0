//go:build !linux

package netloop

import (
	"errors"
	"net"
)

func (l *Loop) listen(inner net.Listener, _ ListenerConfig) (net.Listener, error) { return inner, nil }

// doorway is what accepts connections for a loop; here nothing does, and there are
// no arrivals.
type (
	doorway struct{}
	arrival struct{}
)

func (*doorway) leave() {}

func (*doorway) rest() {}

// rest ends the deadline of a write. mu is held.
func (c *Conn) rest() {
	if c.deadline != nil {
		c.loop.wheel.Disarm(c.deadline)
	}
}

func (c *Conn) waits() bool { return false }

func (c *Conn) countLate() {}

func (c *Conn) unclaimed() bool { return false }

func (l *Loop) take(*Hijacked, Handler) (*Conn, error) { return nil, errors.ErrUnsupported }
