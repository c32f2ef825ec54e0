package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

// Finish fills in what depends on other settings and checks every value. The first error wins; it names the key, the
// value and what is allowed.
func (c *Config) Finish() error {
	if c.Listen == "" {
		c.Listen = ":3000"
		if c.Dev {
			c.Listen = "127.0.0.1:3000"
		}
	}
	for _, check := range []func() error{
		c.checkListen, c.checkOrigins, c.TLS.check, c.Account.check, c.checkRedis, c.checkCluster, c.Limits.check, c.Wire.check, c.checkWords,
		c.Files.check, c.Phones.check,
		func() error { return within("drain-timeout", c.DrainTimeout, 0, 10*time.Minute) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) checkListen() error {
	host, err := hostOf("listen", c.Listen, 0)
	if err != nil {
		return err
	}
	if c.Dev && !loopback(host) {
		return fmt.Errorf("listen is %q, but with dev, where anybody can sign in, it must be a loopback address such as 127.0.0.1:3000", c.Listen)
	}
	return nil
}

// hostOf is the host of an address with a port, which must be from least on.
func hostOf(key, address string, least int) (host string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%s is %q, which is not host:port", key, address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < least || n > 65535 {
		return "", fmt.Errorf("%s is %q, whose port is not a number from %d to 65535", key, address, least)
	}
	return host, nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && address.IsLoopback())
}

// checkOrigins wants origins as browsers send them: scheme, host, port unless it is the default, nothing else.
func (c *Config) checkOrigins() error {
	for i, origin := range c.Origins {
		if origin == "*" {
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return fmt.Errorf("origins has %q, which is neither * nor like https://app.example", origin)
		}
		c.Origins[i] = strings.ToLower(origin)
	}
	return nil
}

// hostName is a name with a dot in ASCII, no address and no wildcard: what an authority gives certificates for.
var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (t *TLS) check() error {
	if (t.Cert == "") != (t.Key == "") {
		return fmt.Errorf("tls-cert and tls-key belong together, but one of them is not set")
	}
	if t.Cert != "" && len(t.ACMEHosts) > 0 {
		return fmt.Errorf("tls-cert and acme-hosts are both set, certificates come from one of them")
	}
	for i, host := range t.ACMEHosts {
		t.ACMEHosts[i] = strings.ToLower(host)
		if len(host) > 253 || !hostName.MatchString(t.ACMEHosts[i]) {
			return fmt.Errorf("acme-hosts has %q, which is no host name such as chat.example.com", host)
		}
	}
	if u, err := url.Parse(t.ACMEDirectory); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("acme-directory is %q, which does not begin with https:// and a host", t.ACMEDirectory)
	}
	if t.ACMEEmail != "" {
		if address, err := mail.ParseAddress(t.ACMEEmail); err != nil || address.Address != t.ACMEEmail {
			return fmt.Errorf("acme-email is %q, which is no address such as admin@example.com", t.ACMEEmail)
		}
	}
	if t.HSTS != 0 && !t.On() {
		return fmt.Errorf("hsts is %v, but without tls-cert or acme-hosts there is no HTTPS", t.HSTS)
	}
	return within("hsts", t.HSTS, 0, 2*365*24*time.Hour)
}

func (a *Account) check() error {
	if a.Data == "" {
		return fmt.Errorf("data is empty, it must name a folder")
	}
	if a.JWTSecret != "" {
		if err := a.JWTSecret.Validate(); err != nil {
			return fmt.Errorf("jwt-secret: %w", err)
		}
	}
	seen := map[string]bool{}
	for i, issuer := range a.Issuers {
		if err := issuer.Validate(); err != nil {
			return fmt.Errorf("issuers, number %d: %w", i+1, err)
		}
		if seen[issuer.Issuer] {
			return fmt.Errorf("issuers, number %d: issuer %q is given twice", i+1, issuer.Issuer)
		}
		if err := issuer.ValidateUsersOf(a.Issuers); err != nil {
			return fmt.Errorf("issuers, number %d: %w", i+1, err)
		}
		seen[issuer.Issuer] = true
	}
	if a.UsersOf != "" {
		if err := oneOf("users-of", a.UsersOf, account.Owners(a.Issuers)...); err != nil {
			return err
		}
	}
	if !a.LocalAccounts.On && !a.ExternalAccounts.On {
		return fmt.Errorf("local-accounts and external-accounts are both off, nobody could sign in")
	}
	return first(
		within("jwt-leeway", a.JWTLeeway, 0, 5*time.Minute),
		within("token-ttl", a.TokenTTL, time.Minute, 10*365*24*time.Hour),
		within("refresh-for", a.RefreshFor, 0, 10*365*24*time.Hour),
	)
}

func (c *Config) checkRedis() error {
	if c.Redis != "" && c.Account.Database == "" {
		return fmt.Errorf("redis is set, and database is not: Redis is for several servers on one PostgreSQL database, and a data folder has one server alone")
	}
	return nil
}

func (c *Config) checkCluster() error {
	if c.Cluster != (Cluster{}) && c.Account.Database == "" {
		return fmt.Errorf("cluster-listen or cluster-address is set, and database is not: only servers on one PostgreSQL database have others beside them")
	}
	if c.Cluster.Listen != "" {
		if _, err := hostOf("cluster-listen", c.Cluster.Listen, 0); err != nil {
			return err
		}
	}
	if c.Cluster.Address == "" || !strings.Contains(c.Cluster.Address, ":") || loneIPv6(c.Cluster.Address) {
		return nil // a host alone
	}
	host, err := hostOf("cluster-address", c.Cluster.Address, 1)
	if err == nil && host == "" {
		err = fmt.Errorf("cluster-address is %q, which names no host", c.Cluster.Address)
	}
	return err
}

// loneIPv6 tells whether a text is an IPv6 address without a port.
func loneIPv6(text string) bool {
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return err == nil && address.Is6()
}

func (l *Limits) check() error {
	return first(
		within("max-connections", l.MaxConnections, 1, 10_000_000),
		within("max-connections-per-ip", l.MaxConnectionsPerIP, 0, 10_000_000),
		within("max-connections-per-user", l.MaxConnectionsPerUser, 0, 10_000_000),
		l.checkIdle(),
		within("auth-timeout", l.AuthTimeout, 100*time.Millisecond, 5*time.Minute),
		within("auth-payload", l.AuthPayload, 1000, 100_000_000),
		within("max-partial", l.MaxPartial, 1_000_000, 1<<40),
		within("quota-rooms", l.QuotaRooms, 0, 1_000_000),
		within("quota-memberships", l.QuotaMemberships, 0, 1_000_000),
		within("text-limit", l.TextLimit, 1, 1_000_000),
		within("max-payload", l.MaxPayload, 1000, 100_000_000),
		within("queue-bytes", l.QueueBytes, 1000, 1<<30),
		within("write-stall", l.WriteStall, 100*time.Millisecond, 10*time.Minute),
	)
}

func (f *Files) check() error {
	for _, kind := range f.UploadTypes {
		if !typeName.MatchString(kind) {
			return fmt.Errorf("upload-types has %q, which is not the name of a type such as image/png", kind)
		}
	}
	return first(
		within("upload-max-size", f.UploadMaxSize, 1, 1<<40),
		within("upload-quota", f.UploadQuota, 0, 1<<50),
		func() error {
			if len(f.UploadTypes) == 0 {
				return fmt.Errorf("upload-types is empty, it needs at least one, such as image/png")
			}
			return nil
		}(),
	)
}

// typeName is how RFC 6838 names types, in small letters.
var typeName = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*$`)

func (l *Limits) checkIdle() error {
	if l.IdleTimeout == 0 {
		return nil
	}
	return within("idle-timeout", l.IdleTimeout, 5*time.Second, 30*24*time.Hour)
}

func (w *Wire) check() error {
	if len(w.Transports) == 0 {
		return fmt.Errorf("transports is empty, it needs at least one of websocket, polling")
	}
	for i, transport := range w.Transports {
		if err := oneOf("transports", transport, "websocket", "polling"); err != nil {
			return err
		}
		if slices.Contains(w.Transports[:i], transport) {
			return fmt.Errorf("transports has %q twice", transport)
		}
	}
	return first(
		within("ping-interval", w.PingInterval, 100*time.Millisecond, time.Hour),
		within("ping-timeout", w.PingTimeout, 100*time.Millisecond, time.Hour),
		within("recovery", w.Recovery, 0, 24*time.Hour),
	)
}

// check wants all of what Apple's service needs, or nothing of it. What is in the files is seen when the server starts.
func (p *Phones) check() error {
	switch {
	case p.APNsKeyFile == "" && (p.APNsKeyID != "" || p.APNsTeamID != ""):
		return errors.New("apns-key-id or apns-team-id is set, and apns-key-file is not: Apple's service takes all three")
	case p.APNsKeyFile != "" && (p.APNsKeyID == "" || p.APNsTeamID == ""):
		return errors.New("apns-key-file is set, and apns-key-id or apns-team-id is not: Apple's service takes all three")
	}
	return nil
}

func (c *Config) checkWords() error {
	return first(
		oneOf("chat-dm-policy", c.Chat.DMPolicy, "anyone", "friends"),
		within("chat-dm-retention", c.Chat.DMRetention, 0, 100*365*24*time.Hour),
		within("chat-room-retention", c.Chat.RoomRetention, 0, 100*365*24*time.Hour),
		wholeDays("chat-room-retention", c.Chat.RoomRetention),
		within("chat-edit-window", c.Chat.EditWindow, time.Second, 100*365*24*time.Hour),
		within("chat-offline-grace", c.Chat.OfflineGrace, 0, 10*time.Minute),
		within("chat-typing-lifetime", c.Chat.TypingLifetime, time.Second, time.Minute),
		oneOf("log-level", c.Log.Level, "debug", "info", "warn", "error"),
		oneOf("log-format", c.Log.Format, "json", "text"),
	)
}

func within[T cmp.Ordered](key string, value, least, most T) error {
	if value < least || value > most {
		return fmt.Errorf("%s is %v, it must be from %v to %v", key, value, least, most)
	}
	return nil
}

func wholeDays(key string, value time.Duration) error {
	if value%(24*time.Hour) != 0 {
		return fmt.Errorf("%s is %v, it must be whole days of 24h", key, value)
	}
	return nil
}

func oneOf(key, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("%s is %q, it must be one of %s", key, value, strings.Join(allowed, ", "))
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
