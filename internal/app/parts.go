package app

import (
	"log/slog"
	"slices"
)

// parts are what was started, in order.
type parts []part

type part struct {
	name string
	stop func() error
}

func (p *parts) add(name string, stop func() error) { *p = append(*p, part{name, stop}) }

// stop stops all parts, the last one first. Every part is stopped, whatever
// another says.
func (p *parts) stop(log *slog.Logger) {
	for _, part := range slices.Backward(*p) {
		if err := part.stop(); err != nil {
			log.Error("part did not stop cleanly", "part", part.name, "err", err)
		}
	}
}
