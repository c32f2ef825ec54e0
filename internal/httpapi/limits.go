package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// The headers that tell clients of rates, as in draft-ietf-httpapi-ratelimit-headers-10: what is allowed, and what is
// left of it. Each names its policy.
const (
	headerPolicy = "RateLimit-Policy"
	headerLeft   = "RateLimit"
)

// limits is how often may be asked.
type limits struct {
	requests limit[netip.Addr]
	keys     limit[string] // by the id of an API key
	logins   limit[netip.Addr]
	accounts limit[string] // by a login name or a user
}

func newLimits(cfg Config, now func() time.Time) *limits {
	return &limits{
		requests: limit[netip.Addr]{"requests", ratelimit.New[netip.Addr](cfg.Requests, now)},
		keys:     limit[string]{"key", ratelimit.New[string](cfg.KeyRequests, now)},
		logins:   limit[netip.Addr]{"logins", ratelimit.New[netip.Addr](cfg.Logins, now)},
		accounts: limit[string]{"logins", ratelimit.New[string](cfg.Logins, now)},
	}
}

// limit is a rate with the name of its policy.
type limit[K comparable] struct {
	policy string
	*ratelimit.Buckets[K]
}

// take takes one from what is allowed and says in the headers what is left.
func (l *limit[K]) take(h http.Header, key K) *problem {
	if l.Rate().Events == 0 {
		return nil
	}
	wait := l.Take(key)
	left, full := l.Left(key)
	tell(h, l.policy, l.Rate(), left, full)
	if wait > 0 {
		return tooSoon(l.Rate(), wait)
	}
	return nil
}

// require is take without taking.
func (l *limit[K]) require(h http.Header, key K) *problem {
	if l.Rate().Events == 0 {
		return nil
	}
	left, full := l.Left(key)
	if left > 0 {
		return nil
	}
	tell(h, l.policy, l.Rate(), left, full)
	return tooSoon(l.Rate(), l.Rate().Per/time.Duration(l.Rate().Events))
}

func tell(h http.Header, policy string, rate ratelimit.Rate, left int, full time.Duration) {
	h.Add(headerPolicy, fmt.Sprintf("%q;q=%d;w=%d", policy, rate.Events, wholeSeconds(rate.Per)))
	h.Add(headerLeft, fmt.Sprintf("%q;r=%d;t=%d", policy, left, wholeSeconds(full)))
}

func tooSoon(rate ratelimit.Rate, wait time.Duration) *problem {
	p := newProblem(http.StatusTooManyRequests, command.CodeRateLimited, "", "Too many requests")
	p.Limit, p.RetryAfter = rate.Events, wholeSeconds(wait)
	return p
}

// wholeSeconds rounds up: who waits that long has waited enough.
func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// login counts an attempt on an account, for the address and for the account. It is nil or an error: the types differ.
func (l *limits) login(from netip.Addr, name string) error {
	if wait := l.logins.Take(from); wait > 0 {
		return tooSoon(l.logins.Rate(), wait)
	}
	if len(name) > account.MaxUserIDBytes {
		return nil // nobody is called so, and it need not be remembered
	}
	if wait := l.accounts.Take(account.Fold(name)); wait > 0 {
		return tooSoon(l.accounts.Rate(), wait)
	}
	return nil
}
