package gateway

import (
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/socketio"
)

// endedIdle: clients are not to come back by themselves, or nothing would be saved.
var endedIdle = ending{closeCode: closeIdle, refusal: command.Refusal{
	Code: command.CodeIdle, Message: "Idle for too long",
}}

// idleTimeout is why a connection has ended that sent nothing for too long.
const idleTimeout socketio.Reason = "idle timeout"

// idling ends a connection that sends no event for too long. Events do not move its
// deadline: once that has come, it is looked when the last one was.
type idling struct {
	deadline deadline
	ended    atomic.Bool
}

// endWhenIdle is for a session that has entered. Where no connection is idle for
// too long it costs nothing.
func (s *session) endWhenIdle(l link) {
	if s.gateway.cfg.IdleTimeout == 0 {
		return
	}
	s.idling = new(idling)
	s.idling.deadline.due = func() { s.lookIdle(l) }
	s.gateway.expiry.set(&s.idling.deadline, s.idleAt())
}

func (s *session) lookIdle(l link) {
	if at := s.idleAt(); at.After(s.gateway.deps.Now()) {
		s.gateway.expiry.set(&s.idling.deadline, at)
		return
	}
	s.idling.ended.Store(true)
	l.End(endedIdle)
}

// idleAt is when the session has been idle for too long, if nothing comes. When it
// was active last is known to the second: it is never too early.
func (s *session) idleAt() time.Time {
	return time.Unix(int64(s.active.Load())+1, 0).Add(s.gateway.cfg.IdleTimeout)
}

// whyIdle is the reason of an end, which may be that the session was idle.
func (s *session) whyIdle(why socketio.Reason) socketio.Reason {
	if s.idling != nil && s.idling.ended.Load() {
		return idleTimeout
	}
	return why
}
