// Package ratelimit counts what happens too often: a token bucket for each key,
// such as a user or an address.
package ratelimit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets is how many buckets there may be before the full ones, which are
// like new ones, are thrown away.
const maxBuckets = 10_000

// Rate allows a number of events in a time. The zero Rate is no limit.
type Rate struct {
	Events int
	Per    time.Duration
}

func (r Rate) limit() rate.Limit { return rate.Limit(float64(r.Events) / r.Per.Seconds()) }

// Buckets holds a token bucket for each key, which holds all that is allowed in
// the rate's time. It may be used concurrently.
type Buckets[K comparable] struct {
	rate Rate
	now  func() time.Time

	mu      sync.Mutex
	buckets map[K]*rate.Limiter
	sweepAt int       // how many buckets start the next sweep
	spent   map[K]int // what was taken and is not told yet; nil where nobody wants to know
}

// New makes buckets, all of the same rate.
func New[K comparable](r Rate, now func() time.Time) *Buckets[K] {
	return &Buckets[K]{rate: r, now: now, buckets: make(map[K]*rate.Limiter), sweepAt: maxBuckets}
}

// Rate is what the buckets allow.
func (r *Buckets[K]) Rate() Rate { return r.rate }

// Take takes one from the allowance of key. When there is none it returns how
// long to wait for it.
func (r *Buckets[K]) Take(key K) (wait time.Duration) {
	if r.rate.Events <= 0 {
		return 0
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	bucket := r.bucket(key, now)
	if bucket.AllowN(now, 1) {
		if r.spent != nil {
			r.spent[key]++
		}
		return 0
	}
	missing := 1 - bucket.TokensAt(now)
	return time.Duration(missing / float64(bucket.Limit()) * float64(time.Second))
}

// bucket returns that of key. The caller holds mu.
func (r *Buckets[K]) bucket(key K, now time.Time) *rate.Limiter {
	bucket := r.buckets[key]
	if bucket == nil {
		if len(r.buckets) >= r.sweepAt {
			r.sweep(now)
		}
		bucket = rate.NewLimiter(r.rate.limit(), r.rate.Events)
		r.buckets[key] = bucket
	}
	return bucket
}

// Left returns how many are left of the allowance of key, and how long it takes
// until all of it is there again.
func (r *Buckets[K]) Left(key K) (left int, full time.Duration) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	bucket := r.buckets[key]
	if bucket == nil {
		return r.rate.Events, 0
	}
	tokens := bucket.TokensAt(now)
	full = time.Duration((float64(bucket.Burst()) - tokens) / float64(bucket.Limit()) * float64(time.Second))
	return max(0, int(tokens)), full
}

// sweep throws full buckets away. A bucket that is not used is full within the
// rate's time, so what stays was used in that; sweepAt grows with it, so that
// sweeps stay rare.
func (r *Buckets[K]) sweep(now time.Time) {
	for key, bucket := range r.buckets {
		if bucket.TokensAt(now) >= float64(bucket.Burst()) {
			delete(r.buckets, key)
		}
	}
	r.sweepAt = max(maxBuckets, 2*len(r.buckets))
}
