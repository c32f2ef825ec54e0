package doctor

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"github.com/sockeye-im/sockeye/internal/config"
)

// checkSettings finds settings that are good one by one, and not together.
func checkSettings(_ context.Context, p *Patient, found *findings) {
	c := &p.Config
	if c.Account.Registration.On && !c.Account.LocalAccounts.On {
		found.note("Nothing, or set registration to off, so that the settings say what is so.", "registration is on, but without local-accounts nobody can register")
	}
	if c.Account.ExternalAccounts.On && !c.Account.LocalAccounts.On && len(c.Account.Issuers) == 0 && c.Account.JWTSecret == "" {
		found.note("Give the application the secret of the data folder, or name its keys in issuers.",
			"there are no local accounts and no issuers: only who has the secret of the data folder can make tokens")
	}
	if c.Wire.PingTimeout < c.Wire.PingInterval/10 {
		found.warn("Set ping-timeout to at least a few seconds; 60s is the default.",
			"ping-timeout is %v: phones that sleep for a moment are disconnected", c.Wire.PingTimeout)
	}
	if int64(c.Limits.QueueBytes) > int64(c.Limits.QueueMemory) && c.Limits.QueueMemory > 0 {
		found.warn("Set queue-bytes below queue-memory; one slow client could push out all others otherwise.",
			"queue-bytes (%d) of one connection is more than queue-memory (%d) of all", int64(c.Limits.QueueBytes), int64(c.Limits.QueueMemory))
	}
	if host, _, err := net.SplitHostPort(c.Cluster.Listen); err == nil && c.Cluster.Address == "" && isLoopback(host) {
		found.note("Nothing, if all servers run on this machine; else set cluster-listen to an address that the others reach.",
			"cluster-listen is %s: servers on other machines cannot pass on requests to this one", c.Cluster.Listen)
	}
	if c.Limits.QueueFrames != 0 {
		found.warn("Remove it: queue-bytes bounds what may wait.", "queue-frames is set, and is ignored")
	}
}

// checkVariables finds slips in the names of variables.
func checkVariables(_ context.Context, p *Patient, found *findings) {
	for _, warning := range config.UnknownVariables(p.Environ) {
		found.warn("Correct the name, or remove the variable. `sockeye serve --help` lists all.", "%s", warning)
	}
}

// checkExposure finds what lets in more people than there should be.
func checkExposure(_ context.Context, p *Patient, found *findings) {
	c := &p.Config
	host, _, _ := net.SplitHostPort(c.Listen)
	public := !isLoopback(host)
	if c.Dev {
		found.warn("Start without --dev before anybody else can reach the server, also through a proxy.", "dev is on: anybody can sign in as a demo user, and as Admin")
	}
	if !c.Limits.Limits.On {
		found.warn("Remove it; it is for load tests. Single limits can be raised.", "limits are off: one client can take all that the server has")
	}
	if slices.Contains(c.Origins, "*") {
		found.warn("List the origins of your pages in origins.", "origins has *: any page in the web can act for its visitors who are signed in by a token in it")
	}
	if c.Pprof.On && public {
		found.warn("Set pprof to off, or listen on a loopback address.", "pprof is on: whoever reaches the server can read parts of its memory, and slow it down")
	}
	for _, network := range c.Limits.TrustedProxies {
		if prefix := netip.Prefix(network.Prefix); prefix.Bits() == 0 {
			found.trouble("Name the addresses of your proxies only.", "trusted-proxies has %s: anybody can claim any address, and no limit per address holds", prefix)
		}
	}
	if c.Account.JWTSecret != "" && slices.ContainsFunc(p.Environ, isSecretFlag) {
		found.note("", "the secret is set in the environment, and is in no backup: keep it elsewhere too")
	}
	if c.Metrics.On && public {
		found.note("Nothing, where figures may be seen; else let your proxy refuse /metrics, or set metrics to off.", "/metrics can be read by whoever reaches the server")
	}
	if c.Account.AdminClaims.On {
		found.note("Nothing, if only the operator can sign such tokens.", "admin-claims is on: a token of the server's own secret can name its user an administrator")
	}
	if !c.TLS.On() && public && len(c.Limits.TrustedProxies) == 0 {
		found.warn("Set acme-hosts or tls-cert, or put a proxy in front that speaks TLS and name it in trusted-proxies.",
			"the server speaks plain HTTP on %s: passwords, tokens and messages can be read on the way", c.Listen)
	}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func isSecretFlag(variable string) bool {
	const name = "SOCKEYE_JWT_SECRET="
	return len(variable) > len(name) && variable[:len(name)] == name
}
