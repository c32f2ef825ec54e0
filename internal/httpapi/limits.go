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

	ledgers func() map[string]ratelimit.Ledger
}

func newLimits(cfg Config, now func() time.Time) *limits {
	requests, logins := ratelimit.NewAddresses(cfg.Requests, now), ratelimit.NewAddresses(cfg.Logins, now)
	keys, accounts := ratelimit.New[string](cfg.KeyRequests, now), ratelimit.New[string](cfg.Logins, now)
	return &limits{
		requests: limit[netip.Addr]{"requests", requests}, keys: limit[string]{"key", keys},
		logins: limit[netip.Addr]{"logins", logins}, accounts: limit[string]{"logins", accounts},
		ledgers: func() map[string]ratelimit.Ledger {
			all := map[string]ratelimit.Ledger{"keys": ratelimit.Text(keys), "accounts": ratelimit.Text(accounts)}
			all["requests"], all["request-sites"] = requests.Ledgers()
			all["logins"], all["login-sites"] = logins.Ledgers()
			return all
		},
	}
}

// Ledgers are what was taken of the rates, by names of theirs, for other nodes.
func (a *API) Ledgers() map[string]ratelimit.Ledger { return a.limits.ledgers() }

// limit is a rate with the name of its policy.
type limit[K comparable] struct {
	policy string
	allowance[K]
}

// allowance is of each key, see ratelimit.Buckets and ratelimit.Addresses.
type allowance[K comparable] interface {
	Rate() ratelimit.Rate
	Take(key K) (wait time.Duration)
	Left(key K) (left int, full time.Duration)
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

// attempt is one on the password of an account.
type attempt struct {
	from netip.Addr
	name string // the login name, or a user id
	// known: somebody who knew the password has come from there before.
	known bool
}

// account is for whom the attempt counts: for all who guess at the account together, but for who comes from a known
// address by itself, so that guesses from elsewhere do not keep the owner out. An account has few known addresses, which
// bounds the guesses all the same.
func (a attempt) account() string {
	if a.known {
		return a.from.String() + "\x00" + account.Fold(a.name) // no name has a control character
	}
	return account.Fold(a.name)
}

// login counts an attempt, for the address and for the account. It is nil or an error: the types differ.
func (l *limits) login(a attempt) error {
	from, name := a.from, a.name
	if wait := l.logins.Take(from); wait > 0 {
		return tooSoon(l.logins.Rate(), wait)
	}
	if len(name) > account.MaxUserIDBytes {
		return nil // nobody is called so, and it need not be remembered
	}
	if wait := l.accounts.Take(a.account()); wait > 0 {
		return tooSoon(l.accounts.Rate(), wait)
	}
	return nil
}
