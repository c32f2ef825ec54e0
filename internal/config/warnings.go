package config

import (
	"fmt"
	"slices"

	"github.com/sockeye-im/sockeye/internal/account"
)

// Warnings lists settings that work but deserve a second look before strangers can reach the server. It prints no secret.
func (c *Config) Warnings() []string {
	var list []string
	if !c.Limits.Limits.On {
		list = append(list, "limits are off: no rates and no counts per IP address hold")
	}
	if slices.Contains(c.Origins, "*") {
		list = append(list, "origins: pages of every web origin may connect")
	}
	if c.Pprof.On {
		list = append(list, "pprof: /debug/pprof/ is open to whoever can reach the server")
	}
	weak := fmt.Sprintf("has fewer than %d bytes and can be guessed", account.StrongSecretBytes)
	if c.Account.JWTSecret != "" && c.Account.JWTSecret.Weak() {
		list = append(list, "jwt-secret "+weak)
	}
	for _, issuer := range c.Account.Issuers {
		if issuer.Secret != "" && issuer.Secret.Weak() {
			list = append(list, fmt.Sprintf("the secret of issuer %q %s", issuer.Issuer, weak))
		}
	}
	return list
}
