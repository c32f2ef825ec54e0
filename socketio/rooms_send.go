package socketio

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strconv"
)

// emitTo sends an event to one socket. It can be recovered like a
// broadcast. Before a socket is let in that continues none nothing can be.
func (l *Rooms) emitTo(s *Socket, p *Packet, how Selection) error {
	if l.log == nil || !s.recoverable || s.isNew() || how.unlogged() {
		if !s.Connected() {
			return ErrDisconnected
		}
		encoded, err := l.encode(p, how)
		if err != nil {
			return err
		}
		l.nsp.sent(p, s)
		l.nsp.server.sent.Add(1)
		s.deliver(encoded, how.Volatile)
		return nil
	}
	how.Socket = s.id
	return l.Broadcast(p, how)
}

// unlogged tells whether the packet is not for clients that come back.
func (s *Selection) unlogged() bool { return s.Volatile || s.Transient }

// Broadcast sends an event to the selected sockets, and keeps it for those that may come
// back. p may be used on.
func (l *Rooms) Broadcast(p *Packet, to Selection) error {
	broadcast := l.broadcastLogged
	if l.log == nil || to.unlogged() {
		broadcast = l.broadcast
	}
	receivers, err := broadcast(p, to)
	l.nsp.sent(p, receivers...)
	return err
}

// broadcast sends a packet that will not be recovered. It returns the receivers
// if somebody wants to know them.
func (l *Rooms) broadcast(p *Packet, to Selection) (receivers []*Socket, err error) {
	encoded, err := l.encode(p, to)
	if err != nil {
		return nil, err
	}
	watched := l.nsp.watched()
	l.sending.Lock()
	defer l.sending.Unlock()
	l.mu.RLock()
	defer l.mu.RUnlock()
	reached := 0
	defer func() { l.nsp.server.sent.Add(uint64(reached)) }()
	l.each(to, func(s *Socket) {
		reached++
		s.deliver(encoded, to.Volatile)
		if watched {
			receivers = append(receivers, s)
		}
	})
	return receivers, nil
}

// broadcastLogged sends a packet and keeps it for clients that lose their
// connection. Those find its offset as a last argument; clients that were given
// no private id have no use for it and do not get it.
func (l *Rooms) broadcastLogged(p *Packet, to Selection) (receivers []*Socket, err error) {
	offset := l.offsets.Add(1)
	logged := *p
	logged.Args = append(append(make([]any, 0, len(p.Args)+1), p.Args...), formatOffset(offset))
	withOffset, err := l.encode(&logged, to)
	if err != nil {
		return nil, err
	}
	var plain Encoded
	watched := l.nsp.watched()
	l.sending.Lock()
	defer l.sending.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log.append(offset, to, withOffset)
	reached := 0
	defer func() { l.nsp.server.sent.Add(uint64(reached)) }()
	l.each(to, func(s *Socket) {
		reached++
		encoded := withOffset
		if !s.recoverable {
			if plain == nil {
				plain, _ = l.encode(p, to) // it could be encoded above
			}
			encoded = plain
		}
		s.deliver(encoded, false)
		if watched {
			receivers = append(receivers, s)
		}
	})
	return receivers, nil
}

func (l *Rooms) encode(p *Packet, how Selection) (Encoded, error) { return l.nsp.encode(p, how) }

// BroadcastWithAck sends an event that the selected sockets are to acknowledge, under an id
// of this server's own. It tells acks once how many they are, which is final, and their
// replies until stop is called.
func (l *Rooms) BroadcastWithAck(p *Packet, to Selection, acks AckCollector) (stop func(), err error) {
	id, asking := l.nsp.nextAckID(), *p
	asking.AckID = &id
	encoded, err := l.encode(&asking, to)
	if err != nil {
		return nil, err
	}
	asked := l.ask(id, encoded, to, acks)
	acks.Expect(len(asked), true)
	l.nsp.sent(p, asked...)
	return func() {
		for _, s := range asked {
			s.forget(id)
		}
	}, nil
}

func (l *Rooms) ask(id uint64, encoded Encoded, to Selection, acks AckCollector) (asked []*Socket) {
	l.sending.Lock()
	defer l.sending.Unlock()
	l.mu.RLock()
	defer l.mu.RUnlock()
	l.each(to, func(s *Socket) {
		reply := func(body Value, err error) {
			if err != nil {
				acks.Lost()
				return
			}
			args, err := s.splitAck(body)
			if err != nil {
				acks.Lost()
				return
			}
			acks.Reply(args)
		}
		if s.expect(id, reply) {
			asked = append(asked, s)
			s.deliver(encoded, false)
		}
	})
	return asked
}

// each calls f for every selected socket, once. The lock is held.
func (l *Rooms) each(of Selection, f func(*Socket)) {
	except := l.exceptions(of.Except)
	visit := func(s *Socket) {
		if _, skip := except[s]; !skip {
			f(s)
		}
	}
	if of.Socket != "" {
		if s := l.sockets[of.Socket]; s != nil {
			f(s)
		}
		return
	}
	switch len(of.Rooms) {
	case 0:
		for _, s := range l.sockets {
			visit(s)
		}
	case 1:
		l.eachIn(of.Rooms[0], visit)
	default:
		seen := make(map[*Socket]struct{})
		for _, name := range of.Rooms {
			l.eachIn(name, func(s *Socket) {
				if _, again := seen[s]; !again {
					seen[s] = struct{}{}
					visit(s)
				}
			})
		}
	}
}

// eachIn visits a room, and the socket whose id is the room's name: its own
// room exists only in name.
func (l *Rooms) eachIn(name string, f func(*Socket)) {
	if s := l.sockets[name]; s != nil {
		f(s)
	}
	if r := l.rooms[name]; r != nil {
		for _, s := range r.sockets {
			f(s)
		}
	}
}

func (l *Rooms) exceptions(rooms []string) map[*Socket]struct{} {
	if len(rooms) == 0 {
		return nil
	}
	except := make(map[*Socket]struct{})
	for _, name := range rooms {
		l.eachIn(name, func(s *Socket) { except[s] = struct{}{} })
	}
	return except
}

// sent tells the OnAnyOutgoing handlers. They may call back: no lock is held.
func (n *Namespace) sent(p *Packet, to ...*Socket) {
	n.mu.RLock()
	outgoing := n.outgoing
	n.mu.RUnlock()
	if len(outgoing) == 0 {
		return
	}
	for _, s := range to {
		for _, f := range outgoing {
			n.contain(s, p.Event, func() error { f(s, p.Event, p.Args); return nil })
		}
	}
}

// watched reports whether there are OnAnyOutgoing handlers.
func (n *Namespace) watched() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.outgoing) > 0
}

// firstOffset is behind which offset a server begins whose clients may come from others: no packet of another one has the
// same as one that is kept here.
func firstOffset() uint64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return uint64(binary.BigEndian.Uint32(b[:])) << 20
}

func formatOffset(offset uint64) string { return strconv.FormatUint(offset, 36) }

var errOffset = errors.New("socketio: malformed offset")

func parseOffset(s string) (uint64, error) {
	offset, err := strconv.ParseUint(s, 36, 64)
	if err != nil {
		return 0, errOffset
	}
	return offset, nil
}
