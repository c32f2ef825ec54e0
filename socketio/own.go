package socketio

import "fmt"

// ownHandlers are those of one socket. Its lock guards them.
type ownHandlers struct {
	events                    map[string][]EventHandler
	any                       []EventHandler
	disconnecting, disconnect []func(Reason, error)
}

// On adds a handler for an event of this socket. Handlers that are the same for
// all sockets are better added to the namespace, where they take no memory for
// each. It panics with ErrReservedEvent for the names for which Handlers.On does;
// OnDisconnecting and OnDisconnect are for what two of them stand for.
func (s *Socket) On(event string, f EventHandler) {
	refuseReserved(event)
	s.addOwn(func(own *ownHandlers) {
		if own.events == nil {
			own.events = make(map[string][]EventHandler)
		}
		own.events[event] = append(own.events[event], f)
	})
}

// OnAny adds a handler for all events of this socket.
func (s *Socket) OnAny(f EventHandler) {
	s.addOwn(func(own *ownHandlers) { own.any = append(own.any, f) })
}

// OnDisconnecting adds a handler for the time at which this socket leaves. It runs
// after the socket's last event and before all OnDisconnect handlers. Unlike in
// Node the socket is out of its rooms by then: what is sent to them does not wait
// for handlers. Rooms still has them.
//
// details says more than the reason where there is more to say, such as the error
// of the network or what was malformed; else it is nil.
func (s *Socket) OnDisconnecting(f func(reason Reason, details error)) {
	s.addOwn(func(own *ownHandlers) { own.disconnecting = append(own.disconnecting, f) })
}

// OnDisconnect adds a handler for the end of this socket. It runs once, after the
// socket's last event and after the handlers of Handlers.OnDisconnect; reason and
// details are those of OnDisconnecting. One that an OnConnect handler adds runs
// for certain, one that is added to a socket that has left never does.
func (s *Socket) OnDisconnect(f func(reason Reason, details error)) {
	s.addOwn(func(own *ownHandlers) { own.disconnect = append(own.disconnect, f) })
}

func (s *Socket) addOwn(add func(*ownHandlers)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handlers == nil {
		s.handlers = new(ownHandlers)
	}
	add(s.handlers)
}

// own returns the socket's own handlers of an event.
func (s *Socket) own(event string) (named, catchAll []EventHandler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handlers == nil {
		return nil, nil
	}
	return s.handlers.events[event], s.handlers.any
}

// disconnected runs the handlers of the end.
func (s *Socket) disconnected(reason Reason, details error) {
	s.mu.Lock()
	var own ownHandlers
	if s.handlers != nil {
		own = *s.handlers
	}
	s.mu.Unlock()
	s.callOwn("disconnecting", own.disconnecting, reason, details)
	s.nsp.disconnected(s, reason)
	s.callOwn("disconnect", own.disconnect, reason, details)
}

func (s *Socket) callOwn(event string, handlers []func(Reason, error), reason Reason, details error) {
	for _, f := range handlers {
		s.nsp.contain(s, event, func() error { f(reason, details); return nil })
	}
}

// refuseReserved keeps handlers from waiting for what never comes.
func refuseReserved(event string) {
	if reserved(event) {
		panic(fmt.Errorf("handler for %q: %w", event, ErrReservedEvent))
	}
}
