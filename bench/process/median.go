//go:build linux

package process

import "slices"

// Median is the middle of some figures, or the mean of the two there; 0 of none.
func Median(figures []float64) float64 {
	n := len(figures)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(figures))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// MedianOf is the median of a figure over rounds.
func MedianOf[T any](rounds []T, of func(T) float64) float64 {
	figures := make([]float64, len(rounds))
	for i, round := range rounds {
		figures[i] = of(round)
	}
	return Median(figures)
}
