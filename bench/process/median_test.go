//go:build linux

package process_test

import (
	"testing"

	"github.com/sockeye-im/sockeye/bench/process"
)

func TestMedian(t *testing.T) {
	for want, figures := range map[float64][]float64{0: nil, 3: {3}, 2: {3, 1}, 1: {9, 1, 0}, 2.5: {9, 2, 3, 1}} {
		if got := process.Median(figures); got != want {
			t.Errorf("of %v: %v, want %v", figures, got, want)
		}
	}
}
