package gateway_test

import (
	"errors"
	"net/http"
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
