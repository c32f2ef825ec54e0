package gateway

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

const (
	// blockTime is how long an address that would not stop is shut out.
	blockTime = time.Hour
	// blockAfter is how many refused attempts in a row are taken for not
	// stopping.
	blockAfter = 100
	// maxAddresses bounds the addresses that are remembered, sweepEvery how
	// often it is looked which of them can be forgotten.
	maxAddresses = 100_000
	sweepEvery   = time.Minute
	// strangers is how many connections beyond the capacity may be open without
	// having signed in, as a share of it and at least.
	strangersShare, strangersAtLeast = 10, 100
)

var (
	errOrigin      = errors.New("Origin not allowed")       //nolint:staticcheck // shown to clients
	errTooManyHere = errors.New("Too many connections")     //nolint:staticcheck // shown to clients
	errTooFast     = errors.New("Too many new connections") //nolint:staticcheck // shown to clients
	errBlocked     = errors.New("Address is blocked")       //nolint:staticcheck // shown to clients
	errFull        = errors.New("Server at capacity")       //nolint:staticcheck // shown to clients
)

// admission decides by the address and origin of a request. It may be used
// concurrently.
type admission struct {
	cfg      Config
	now      func() time.Time
	barred   func(netip.Addr) bool // by administrators; nil is nobody
	connects *ratelimit.Buckets[netip.Addr]

	mu        sync.Mutex
	addresses map[netip.Addr]*address
	nextSweep time.Time
}

// address is what is known of an IP address.
type address struct {
	connections int
	refused     int
	blocked     time.Time // until then
}

func newAdmission(cfg Config, now func() time.Time, barred func(netip.Addr) bool) *admission {
	if barred == nil {
		barred = func(netip.Addr) bool { return false }
	}
	return &admission{
		cfg:       cfg,
		now:       now,
		barred:    barred,
		connects:  ratelimit.New[netip.Addr](cfg.Connects, now),
		addresses: make(map[netip.Addr]*address),
	}
}

// Admit is asked before a connection is opened. Its error may be shown to the
// client. open is the number of connections that are.
func (g *Gateway) Admit(r *http.Request, open int) error {
	err := g.admission.admit(r)
	if slack := max(g.cfg.MaxConnections/strangersShare, strangersAtLeast); err == nil && open >= g.cfg.MaxConnections+slack {
		err = errFull
	}
	if err != nil {
		g.Metrics.ConnectionRefused(refusalNames[err])
	}
	return err
}

// Refusals are the reasons that metrics name.
func Refusals() []string {
	names := []string{refusedToken, refusedCapacity, refusedFault}
	for _, name := range refusalNames {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

const (
	refusedToken    = "token"
	refusedCapacity = "capacity"
	refusedFault    = "fault" // of the server
)

var refusalNames = map[error]string{
	errOrigin:      "origin",
	errTooManyHere: "connections_per_ip",
	errTooFast:     "rate",
	errBlocked:     "blocked",
	errFull:        refusedCapacity,
}

func (a *admission) admit(r *http.Request) error {
	if !a.allowsOrigin(r) {
		return errOrigin
	}
	from := a.clientIP(r.RemoteAddr, r.Header)
	if a.barred(from) {
		return errBlocked
	}
	wait := a.connects.Take(from)
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.addresses[from]
	if known == nil {
		known = new(address)
	}
	switch {
	case a.now().Before(known.blocked):
		return errBlocked
	case wait > 0:
		known.refused++
		if known.refused >= blockAfter {
			known.blocked = a.now().Add(blockTime)
		}
		a.remember(from, known)
		return errTooFast
	case a.cfg.MaxConnectionsPerIP > 0 && known.connections >= a.cfg.MaxConnectionsPerIP:
		return errTooManyHere
	}
	known.refused = 0
	return nil
}

// remember keeps what is known of an address. Where there are too many, those
// that nothing is held against go; if that does not help, what is new is not
// kept.
func (a *admission) remember(from netip.Addr, known *address) {
	if now := a.now(); len(a.addresses) >= maxAddresses && !now.Before(a.nextSweep) {
		a.nextSweep = now.Add(sweepEvery)
		for other, k := range a.addresses {
			if k.connections == 0 && !now.Before(k.blocked) {
				delete(a.addresses, other)
			}
		}
	}
	if _, kept := a.addresses[from]; kept || len(a.addresses) < maxAddresses {
		a.addresses[from] = known
	}
}

// enter counts a connection that has signed in, and leave one that ended. With an
// error nothing is counted: the address has enough of them, or was blocked. They
// may have been opened, and admitted, before.
func (a *admission) enter(from netip.Addr) error {
	if a.barred(from) {
		return errBlocked
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.addresses[from]
	if known == nil {
		known = new(address)
		a.remember(from, known)
	}
	if most := a.cfg.MaxConnectionsPerIP; most > 0 && known.connections >= most {
		return errTooManyHere
	}
	known.connections++
	return nil
}

func (a *admission) leave(from netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.addresses[from]
	if known == nil {
		return
	}
	known.connections--
	if known.connections <= 0 && known.refused == 0 && !a.now().Before(known.blocked) {
		delete(a.addresses, from)
	}
}

// allowsOrigin keeps other sites' pages from using a visitor's credentials. A
// client that is no browser sends no Origin.
func (a *admission) allowsOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(a.cfg.Origins, "*") {
		return true
	}
	if slices.Contains(a.cfg.Origins, strings.ToLower(origin)) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// ClientIP is the address by which a client counts: an IPv6 client owns a /64.
func (g *Gateway) ClientIP(remote string, header http.Header) netip.Addr {
	return g.admission.clientIP(remote, header)
}

// clientIP is the address of the client. Behind trusted proxies it is the last
// one in X-Forwarded-For that is none of theirs: what stands before it is only
// the client's own word.
func (a *admission) clientIP(remote string, header http.Header) netip.Addr {
	from, ok := parseAddr(remote)
	if !ok || !a.trusted(from) {
		return network(from)
	}
	hops := strings.Split(strings.Join(header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		ip, ok := parseAddr(strings.TrimSpace(hop))
		if !ok {
			break
		}
		from = ip
		if !a.trusted(ip) {
			break
		}
	}
	return network(from)
}

func (a *admission) trusted(ip netip.Addr) bool {
	return slices.ContainsFunc(a.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// parseAddr reads an address with or without a port.
func parseAddr(s string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		withPort, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		ip = withPort.Addr()
	}
	return ip.Unmap().WithZone(""), true
}

// network is what counts as one address: an IPv6 client owns a /64.
func network(ip netip.Addr) netip.Addr {
	if !ip.Is6() || ip.IsLoopback() {
		return ip
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return ip
	}
	return prefix.Masked().Addr()
}
