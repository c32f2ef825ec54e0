//go:build linux

package compare

import (
	"fmt"
	"slices"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// series holds the figure of each round that has one.
type series map[int]float64

// spread is the median of some figures between the smallest and the largest.
type spread struct {
	median, min, max float64
}

func (s series) spread() (spread, bool) {
	if len(s) == 0 {
		return spread{}, false
	}
	values := make([]float64, 0, len(s))
	for _, v := range s {
		values = append(values, v)
	}
	return spread{process.Median(values), slices.Min(values), slices.Max(values)}, true
}

// over divides the figures of one round by each other: what slowed one down slowed the other down too.
func (s series) over(other series) series {
	ratios := make(series)
	for round, v := range s {
		if w, ok := other[round]; ok && w > 0 {
			ratios[round] = v / w
		}
	}
	return ratios
}

// figure formats with three digits that count.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func (s series) median() string {
	spread, ok := s.spread()
	if !ok {
		return ""
	}
	return figure(spread.median)
}

// String is the median with the smallest and the largest.
func (s series) String() string {
	spread, ok := s.spread()
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s (%s–%s)", figure(spread.median), figure(spread.min), figure(spread.max))
}

func kibibytes(r crowd.Result) float64 { return r.Memory / 1024 }

func framesPerWrite(r crowd.Result) float64 { return r.FramesPerWrite }
