package gateway

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sockeye-im/sockeye/internal/command"
)

// maxUnderWay is how many commands of a device may be started and not answered. Then
// the next one waits, and with it what the device sends.
const maxUnderWay = 64

// underWay counts the commands of a device that are started and not answered. Its
// methods may be called concurrently.
type underWay struct {
	mu      sync.Mutex
	n       int
	changed chan struct{} // made by the first who waits, closed when n falls
}

// wait returns once there are at most so many.
func (u *underWay) wait(most int) {
	u.mu.Lock()
	for u.n > most {
		if u.changed == nil {
			u.changed = make(chan struct{})
		}
		changed := u.changed
		u.mu.Unlock()
		<-changed
		u.mu.Lock()
	}
	u.mu.Unlock()
}

func (u *underWay) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n++
}

func (u *underWay) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n--
	if u.changed != nil {
		close(u.changed)
		u.changed = nil
	}
}

// carryOut carries a command out: at once if it is one that can be started, else when
// all that were started before are answered. answer is called once, perhaps on another
// goroutine and after this has returned, and must not block. Answers come in the order
// of the commands.
func (s *session) carryOut(ctx context.Context, name string, decode command.Decode, answer func(any, *command.Refusal)) {
	g, caller := s.gateway, s.caller()
	if !g.deps.Commands.CanStart(name) {
		s.settle()
		// Answers may be large, such as those to history and sync: a device that asks
		// faster than it reads waits for them, instead of being closed.
		if s.link.AwaitRoom(ctx) != nil {
			return
		}
		answer(g.deps.Commands.Run(ctx, caller, name, decode))
		return
	}
	s.underWay.wait(maxUnderWay - 1)
	s.underWay.begin()
	g.underWay.Add()
	caller.Settle = func() { s.underWay.wait(1) } // the command itself
	var returned atomic.Bool
	g.deps.Commands.Start(ctx, caller, name, decode, func(a any, refusal *command.Refusal) {
		defer g.underWay.Done()
		defer s.underWay.end()
		if !returned.Load() {
			s.underWay.wait(1) // refused at once: not to overtake the others
		}
		answer(a, refusal)
	})
	returned.Store(true)
}

// settle returns once all commands that the device has started are answered.
func (s *session) settle() { s.underWay.wait(0) }
