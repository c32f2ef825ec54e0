package monitor

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// Buckets of durations, in microseconds: up to 8 one each, from there on 8 for each power of two, so that a quantile is
// off by at most an eighth. The last one also has what is longer than two minutes.
const (
	perPower  = 8
	powerBits = 3
	maxBits   = 27
	buckets   = (maxBits - powerBits + 1) * perPower
)

// Latencies counts durations. Observe may be called concurrently and allocates nothing. The zero value is ready.
type Latencies struct {
	counts [buckets]atomic.Uint32
}

// Quantiles are those of the durations of a sample, in milliseconds; 0 when there were none.
type Quantiles struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
}

// Observe counts a duration.
func (l *Latencies) Observe(took time.Duration) {
	l.counts[bucketOf(took)].Add(1)
}

func bucketOf(took time.Duration) int {
	us := uint64(max(took, 0) / time.Microsecond)
	if us < perPower {
		return int(us)
	}
	shift := bits.Len64(us) - powerBits - 1
	return min(shift*perPower+int(us>>shift), buckets-1)
}

// longest is the upper end of a bucket, in milliseconds.
func longest(bucket int) float64 {
	if bucket < perPower {
		return float64(bucket+1) / 1000
	}
	shift := bucket/perPower - 1
	us := (uint64(bucket-shift*perPower) + 1) << shift
	return float64(us) / 1000
}

// counts are durations by their buckets. A bucket is left out where it has none.
type counts map[int]uint64

// take returns what was counted and begins anew.
func (l *Latencies) take() counts {
	taken := make(counts)
	for i := range l.counts {
		if n := l.counts[i].Swap(0); n > 0 {
			taken[i] = uint64(n)
		}
	}
	return taken
}

// add counts others too.
func (c counts) add(others counts) {
	for i, n := range others {
		c[i] += n
	}
}

func (c counts) quantiles() Quantiles {
	total := uint64(0)
	for _, n := range c {
		total += n
	}
	q := Quantiles{Count: int(total)}
	if total > 0 {
		q.P50, q.P95, q.P99 = c.quantile(total, 0.5), c.quantile(total, 0.95), c.quantile(total, 0.99)
	}
	return q
}

func (c counts) quantile(total uint64, share float64) float64 {
	rank := uint64(math.Ceil(share * float64(total)))
	seen := uint64(0)
	for i := range buckets {
		n := c[i]
		if seen += n; seen >= rank {
			return longest(i)
		}
	}
	return longest(buckets - 1)
}
