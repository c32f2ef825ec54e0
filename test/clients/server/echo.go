package server

import (
	"strings"

	"github.com/sockeye-im/sockeye/engineio"
)

// echo is the Engine.IO servers' handler: it sends every message back, but for
// the texts that ask it to end the session.
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
	text := string(data)
	switch {
	case binary:
		_ = s.Send(engineio.NewBinary(data))
	case text == "close":
		s.Close()
	case strings.HasPrefix(text, "flood "):
		flood(s, text)
	default:
		_ = s.Send(engineio.NewText(data))
	}
}

// flood answers one message with ten thousand times its like.
func flood(s *engineio.Session, text string) {
	m := engineio.NewText([]byte(text))
	for range 10_000 {
		if s.Send(m) != nil {
			return
		}
	}
}

// HandleClose implements engineio.Handler.
func (e echo) HandleClose(s *engineio.Session, reason engineio.Reason, _ error) {
	e.journal.add(entry{Kind: "close", ID: s.ID(), Reason: string(reason)})
}
