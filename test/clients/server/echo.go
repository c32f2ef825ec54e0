package server

import "github.com/sockeye-im/sockeye/engineio"

// echo is the Engine.IO servers' handler: it sends every message back, but for
// the text "close", which ends the session.
type echo struct{ journal *journal }

func newEcho(cfg engineio.Config, j *journal) (*engineio.Server, error) {
	cfg.OnSession = func(s *engineio.Session) engineio.Handler {
		j.add(entry{Kind: "open", ID: s.ID()})
		return echo{j}
	}
	return engineio.NewServer(cfg)
}

// HandleMessage implements engineio.Handler.
func (echo) HandleMessage(s *engineio.Session, binary bool, data []byte) {
	switch {
	case binary:
		_ = s.Send(engineio.NewBinary(data))
	case string(data) == "close":
		s.Close()
	default:
		_ = s.Send(engineio.NewText(data))
	}
}

// HandleClose implements engineio.Handler.
func (e echo) HandleClose(s *engineio.Session, reason engineio.Reason, _ error) {
	e.journal.add(entry{Kind: "close", ID: s.ID(), Reason: string(reason)})
}
