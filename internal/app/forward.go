package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster/forward"
	"github.com/sockeye-im/sockeye/internal/ops"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
)

// connectTimeout is how long connecting to another node may take. One that is silent altogether is gone sooner.
const connectTimeout = 10 * time.Second

// answerGrace is how much longer than a client waits for the answer to a poll another node may take for it.
const answerGrace = 5 * time.Second

// buildForwarder listens for the other nodes, and makes what passes requests on to them. It knows of none before joinOthers.
func (s *Server) buildForwarder(ctx context.Context) (err error) {
	if s.settings.Account.Database == "" {
		return nil
	}
	here := s.hereForOthers(ctx)
	listen := s.settings.Cluster.Listen
	if listen == "" {
		listen = net.JoinHostPort(here, "0")
	}
	if s.forOthers, err = (&net.ListenConfig{}).Listen(ctx, "tcp", listen); err != nil {
		return fmt.Errorf("cluster-listen: %w", err)
	}
	s.parts.add("listener for other nodes", func() error { return unlessClosed(s.forOthers.Close()) })
	s.forwarder, err = forward.New(forward.Config{
		Address:        reachable(s.settings.Cluster.Address, s.forOthers.Addr(), here),
		ConnectTimeout: connectTimeout, AnswerTimeout: s.settings.Wire.PingInterval + s.settings.Wire.PingTimeout + answerGrace,
		WriteStall:    s.settings.Limits.WriteStall,
		MaxRequests:   2 * s.settings.Limits.MaxConnections, // a poll and a post for each
		MaxWebSockets: s.settings.Limits.MaxConnections,
	})
	if err != nil {
		return err
	}
	s.parts.add("forwarder", s.forwarder.Stop)
	return nil
}

// hereForOthers is the address by which this machine reaches the database, and so most likely the one by which other nodes
// reach this machine.
func (s *Server) hereForOthers(ctx context.Context) string {
	at, err := postgres.Address(string(s.settings.Account.Database))
	if err == nil {
		var conn net.Conn
		if conn, err = (&net.Dialer{}).DialContext(ctx, "udp", at); err == nil { // which sends nothing
			defer func() { _ = conn.Close() }()
			return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("").String()
		}
	}
	s.log.Warn("it is not known by which address other nodes reach this one: without cluster-listen only those of this machine do", "err", err)
	return "127.0.0.1"
}

// reachable is where other nodes are told to go: to the address that is set, with the port on which this one listens if it
// has none. Without one it is where this node listens; here, if it does so everywhere.
func reachable(set string, listens net.Addr, here string) string {
	host, port, _ := net.SplitHostPort(listens.String())
	if at, err := netip.ParseAddr(host); err == nil && at.IsUnspecified() {
		host = here
	}
	if set == "" {
		return net.JoinHostPort(host, port)
	}
	if _, _, err := net.SplitHostPort(set); err == nil {
		return set
	}
	return net.JoinHostPort(strings.Trim(set, "[]"), port)
}

// startForwarder has other nodes hear of this one, and lets them pass requests on to it.
func (s *Server) startForwarder() error {
	return s.forwarder.Start(forward.Deps{
		Listener: s.forOthers, Sessions: s.Sockets, Peers: s.peers, Vouch: s.Door.Vouch, Log: s.log, Now: time.Now,
		Questions: s.answerNode,
	})
}

// passedOn is how many WebSockets are passed on, for the door.
func (s *Server) passedOn() func() int {
	if s.forwarder == nil {
		return func() int { return 0 }
	}
	return s.forwarder.WebSockets
}

// vouch is told of each request of somebody who has signed in. The connection is another node's where that has passed the
// request on.
func (s *Server) vouch(r *http.Request) {
	if !forward.Vouch(r) {
		s.Door.Vouch(r.RemoteAddr)
	}
}

// othersReachable is an aid: without it who comes to the wrong node has to open another session.
func (s *Server) othersReachable() ops.Check {
	return ops.Check{Name: "other nodes", Run: func(context.Context) error {
		if lost := s.forwarder.Unreachable(); len(lost) > 0 {
			return fmt.Errorf("not reachable: %s", strings.Join(lost, ", "))
		}
		return nil
	}}
}

// watchForwarder adds the figures of what is passed on.
func (s *Server) watchForwarder() error {
	m, f := s.counts, s.forwarder
	errs := []error{
		m.WatchTotal("sockeye_passed_requests_total", "Requests of the polling transport that came here and were answered by another node.", func() float64 { return float64(f.Figures().Requests) }),
		m.WatchTotal("sockeye_passed_websockets_total", "WebSockets that came here for a session of another node.", func() float64 { return float64(f.Figures().WebSockets) }),
		m.Watch("sockeye_passed_websockets", "Of these, those that are open.", func() float64 { return float64(f.WebSockets()) }),
		m.WatchTotal("sockeye_passed_taken_total", "Requests and WebSockets that came to another node and were answered here.", func() float64 { return float64(f.Figures().Taken) }),
		m.WatchTotal("sockeye_passed_strangers_total", "Connections to the port for other nodes that were refused for their certificate.", func() float64 { return float64(f.Figures().Strangers) }),
	}
	for _, cause := range forward.Causes() {
		errs = append(errs, m.WatchTotalOf("sockeye_passed_failed_total", "Requests that came here for a session of another node and got no answer of it, by cause.", "cause", string(cause),
			func() float64 { return float64(f.Failed(cause)) }))
	}
	return errors.Join(errs...)
}
