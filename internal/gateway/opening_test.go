package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/gateway"
)

// A connection that is being opened while the server begins to drain does not sign in behind the drain's back: it is
// refused, and told why.
func TestOpeningDuringADrain(t *testing.T) {
	s := new(situation)
	s.node = serve(t, func(o *setup) {
		o.SignIn = func(inner gateway.Accounts) gateway.Accounts { return slowSignIn{inner, s} }
	})
	t.Cleanup(s.release)
	s.verify.close()
	s.admit.close() // nobody comes to it
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		s.conn, s.from, s.err = s.handshake(s.token("ada"))
	}()
	<-s.verify.reached
	if err := s.native.Quiesce(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.verify.release()
	<-opened
	if status := new(ws.StatusError); !errors.As(s.err, status) || *status != http.StatusServiceUnavailable {
		t.Errorf("opening it ended with %v", s.err)
	}
	select {
	case <-s.admit.reached:
		t.Error("it has signed in")
	default:
	}
}

// A queue that has been worked off reads on, but not behind a drain that has begun meanwhile and has not waited for it.
func TestFullQueueDuringADrain(t *testing.T) {
	s := situate(t)
	s.pause()
	s.beginDrain()
	answersTheQueue(s)
	unread(s)
}

// Nor when the drain begins at the very moment at which the queue is about to read on: one of them waits for the other.
func TestQueueThatReadsOnAsADrainBegins(t *testing.T) {
	s := situate(t)
	s.pause()
	unlock := sync.OnceFunc(s.native.Lock())
	t.Cleanup(unlock) // before the node stops
	s.release()
	eventually(t, "the queue to wait for the lock", func() bool { return waits("sync.Mutex.Lock", "(*native).Resume") })
	begun := make(chan struct{})
	go func() {
		defer close(begun)
		s.beginDrain()
	}()
	eventually(t, "the drain to wait for the lock", func() bool { return waits("sync.Mutex.Lock", "(*Native).Quiesce") })
	unlock()
	<-begun
	answersTheQueue(s)
	unread(s)
}

// beginDrain has the drain begin, and not wait for what was received.
func (s *situation) beginDrain() {
	ended, cancel := context.WithCancel(s.t.Context())
	cancel()
	if err := s.native.Quiesce(ended); !errors.Is(err, context.Canceled) {
		s.t.Errorf("the drain: %v", err)
	}
}

// unread: the server does not hear the peer. A silent one that it reads it would drop.
func unread(s *situation) {
	s.t.Helper()
	s.handle.Tick()
	s.handle.Tick()
	s.send(`{"type":"sync","ref":"event","conversations":{}}`)
	unheard(s)
}

// waits reports whether a goroutine waits in a method, in that way.
func waits(state, method string) bool {
	stacks := make([]byte, 4<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if head, _, _ := strings.Cut(stack, "\n"); strings.Contains(head, "["+state) && strings.Contains(stack, method+"(") {
			return true
		}
	}
	return false
}
