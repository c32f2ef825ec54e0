package httpapi

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// Config is what an operator may choose about the HTTP API.
type Config struct {
	// Origins are the web origins, in small letters, whose pages may use the API beside the server's own; * allows all.
	Origins []string
	// Requests is how many requests an IP address may make. Zero is no limit, here and below.
	Requests ratelimit.Rate
	// KeyRequests is how many requests may be made with one API key; these do not count for the address.
	KeyRequests ratelimit.Rate
	// Logins is how often an IP address may try to log in or register, and how often it may be tried for one account.
	Logins ratelimit.Rate
	// MaxBody is the size of the largest body of a request, in bytes.
	MaxBody int64
	// BodyTimeout is how long a body may take to arrive.
	BodyTimeout time.Duration
	// MaxText is how many characters a text may have by the rules of the chat. Only the document says it.
	MaxText int
	// Version is the program's, for the document.
	Version string
}

// DefaultConfig returns the defaults: 1,000 requests in 15 minutes for an address, 6,000 a minute for an API key, 10 logins
// a minute, bodies of 1 MB in 30 s, texts of 10,000 characters, no other origins.
func DefaultConfig() Config {
	return Config{
		Requests:    ratelimit.Rate{Events: 1000, Per: 15 * time.Minute},
		KeyRequests: ratelimit.Rate{Events: 6000, Per: time.Minute},
		Logins:      ratelimit.Rate{Events: 10, Per: time.Minute},
		MaxBody:     1_000_000,
		BodyTimeout: 30 * time.Second,
		MaxText:     10_000,
	}
}

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	for _, rate := range []struct {
		of string
		ratelimit.Rate
	}{{"requests", c.Requests}, {"requests of a key", c.KeyRequests}, {"logins", c.Logins}} {
		if rate.Events < 0 || rate.Events > 0 && rate.Per < time.Second {
			return fmt.Errorf("httpapi: the rate of %s is %d in %s, it must be positive, in at least 1s", rate.of, rate.Events, rate.Per)
		}
	}
	for _, origin := range c.Origins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme+"://"+u.Host != origin) {
			return fmt.Errorf("httpapi: origin %q is neither * nor like https://app.example", origin)
		}
	}
	switch {
	case c.MaxBody < 1:
		return errors.New("httpapi: the largest body must have at least 1 byte")
	case c.BodyTimeout <= 0:
		return errors.New("httpapi: the time for a body must be positive")
	case c.MaxText < 1:
		return errors.New("httpapi: a text must be allowed at least 1 character")
	}
	return nil
}
