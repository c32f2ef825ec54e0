package app

import (
	"github.com/sockeye-im/sockeye/internal/cluster/ask"
	"github.com/sockeye-im/sockeye/internal/cluster/rates"
	"github.com/sockeye-im/sockeye/internal/httpapi"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// self is the id of this node; empty where there is one.
func (s *Server) self() string {
	if s.peers == nil {
		return ""
	}
	return s.peers.Self()
}

// buildOverview shows administrators the connections of all nodes.
func (s *Server) buildOverview() error {
	if s.peers == nil {
		s.Overview = s.Gateway.Overview()
		return nil
	}
	var err error
	if s.asker, err = ask.New(ask.Deps{Peers: s.peers, Log: s.log}); err != nil {
		return err
	}
	s.parts.add("questions", func() error { s.asker.Stop(); return nil })
	s.Overview = s.Gateway.Everywhere(s.self(), s.asker)
	return nil
}

// shareRates has what is taken of rates count on all nodes.
func (s *Server) shareRates(api *httpapi.API) error {
	if s.peers == nil {
		return nil
	}
	ledgers := map[string]ratelimit.Ledger{"events": s.Commands.Ledger()}
	ledgers["connects"], ledgers["connect-sites"] = s.Door.Ledgers()
	for name, ledger := range api.Ledgers() {
		ledgers[name] = ledger
	}
	exchange, err := rates.New(rates.Deps{Peers: s.peers, Ledgers: ledgers, Log: s.log})
	if err != nil {
		return err
	}
	s.parts.add("rates", func() error { exchange.Stop(); return nil })
	return nil
}
