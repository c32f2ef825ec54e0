package app

import (
	"context"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/outbound"
	"github.com/sockeye-im/sockeye/internal/push"
)

// dialPush is how long the connection to a push service may take.
const dialPush = 10 * time.Second

// buildPush makes what brings notifications to devices that are not connected.
func (s *Server) buildPush(ctx context.Context) (err error) {
	var allow outbound.Allowed
	if s.settings.Push.AllowPrivate {
		s.log.Warn("push-allow-private is on: whoever signs in can have this server send requests to any address. It is for tests")
		allow = outbound.Allowed{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	}
	sender := outbound.NewClient(outbound.Config{Allow: allow, DialTimeout: dialPush, Roots: s.settings.PushRoots})
	s.parts.add("push client", func() error { sender.Close(); return nil })
	pushes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sockeye_pushes_total", Help: "Notifications to devices that are not connected, by what came of each attempt.",
	}, []string{"type", "outcome"})
	for _, of := range push.Types {
		for _, outcome := range push.Outcomes {
			pushes.WithLabelValues(string(of), string(outcome)) // there from the start
		}
	}
	if err := s.Registry.Register(pushes); err != nil {
		return err
	}
	s.Push, err = push.New(ctx, push.Config{AllowPrivate: s.settings.Push.AllowPrivate, Subject: s.settings.Push.Subject, LookFor: s.settings.LookFor}, push.Deps{
		Store: s.Store, Sender: sender, Presence: s.Presence, Chats: s.Store, Blocks: s.Store, Log: s.log, Now: time.Now, NewID: chat.NewID,
		Observe: func(of push.Type, outcome push.Outcome) { pushes.WithLabelValues(string(of), string(outcome)).Inc() },
	})
	if err != nil {
		return err
	}
	s.parts.add("push", func() error { s.Push.Stop(); return nil })
	s.follow(func(chats []chat.Event, _ []account.Event) []job.Job { return s.Push.Follow(chats) })
	return nil
}
