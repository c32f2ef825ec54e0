package gateway

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets is how many buckets there may be before the full ones, which are
// like new ones, are thrown away.
const maxBuckets = 10_000

// rates holds a token bucket for each key, of a minute's allowance. It may be
// used concurrently.
type rates[K comparable] struct {
	perMinute int // 0: no limit
	now       func() time.Time

	mu      sync.Mutex
	buckets map[K]*rate.Limiter
	sweepAt int // how many buckets start the next sweep
}

func newRates[K comparable](perMinute int, now func() time.Time) *rates[K] {
	return &rates[K]{perMinute: perMinute, now: now, buckets: make(map[K]*rate.Limiter), sweepAt: maxBuckets}
}

// take takes one from the allowance of key. When there is none it returns how
// long to wait for it.
func (r *rates[K]) take(key K) (wait time.Duration) {
	if r.perMinute <= 0 {
		return 0
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	bucket := r.buckets[key]
	if bucket == nil {
		if len(r.buckets) >= r.sweepAt {
			r.sweep(now)
		}
		bucket = rate.NewLimiter(rate.Limit(float64(r.perMinute)/60), r.perMinute)
		r.buckets[key] = bucket
	}
	if bucket.AllowN(now, 1) {
		return 0
	}
	missing := 1 - bucket.TokensAt(now)
	return time.Duration(missing / float64(bucket.Limit()) * float64(time.Second))
}

// sweep throws full buckets away. Within a minute every bucket that is not used
// is full, so what stays was used in the last one; sweepAt grows with that, so
// that sweeps stay rare.
func (r *rates[K]) sweep(now time.Time) {
	for key, bucket := range r.buckets {
		if bucket.TokensAt(now) >= float64(bucket.Burst()) {
			delete(r.buckets, key)
		}
	}
	r.sweepAt = max(maxBuckets, 2*len(r.buckets))
}
