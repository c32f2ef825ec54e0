package account

import (
	"errors"
	"fmt"
	"time"
)

// Config is what an operator may choose about accounts.
type Config struct {
	// Local lets users have accounts on this server, External those of other applications sign in with their tokens.
	Local, External bool
	// Owners are the issuers to whom users can belong, see [Owners]. Empty: the server's own alone.
	Owners []string
	// Registration lets anybody make a local account; without it those that exist can still log in.
	Registration bool
	// TokenTTL is how long the tokens of local accounts last, at least a minute.
	TokenTTL time.Duration
	// RefreshFor is how long after logging in a token can be exchanged for a new one; 0 is never.
	RefreshFor time.Duration
	// Hashing is the cost of passwords.
	Hashing Hashing
}

// DefaultConfig returns the defaults: both kinds of accounts, tokens of 24 hours, refreshed for up to 30 days, 100
// connections a user.
func DefaultConfig() Config {
	return Config{
		Local: true, External: true, Registration: true,
		TokenTTL: 24 * time.Hour, RefreshFor: 30 * 24 * time.Hour,
		Hashing: DefaultHashing(),
	}
}

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	switch {
	case !c.Local && !c.External:
		return errors.New("account: local and external accounts are both off, nobody could sign in")
	case c.TokenTTL < time.Minute:
		return fmt.Errorf("account: token ttl is %s, at least 1m is needed", c.TokenTTL)
	case c.RefreshFor < 0:
		return fmt.Errorf("account: tokens can be refreshed for %s, it cannot be negative", c.RefreshFor)
	}
	return c.Hashing.Validate()
}
