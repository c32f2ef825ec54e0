package gateway

import (
	"net/http"
	"slices"
	"strings"
)

// allowsOrigin keeps other sites' pages from using a visitor's credentials. A
// client that is no browser sends no Origin.
func (a *admission) allowsOrigin(r *http.Request) bool {
	origin := strings.ToLower(r.Header.Get("Origin"))
	return origin == "" || slices.Contains(a.cfg.Origins, "*") || slices.Contains(a.cfg.Origins, origin) || a.isOwn(origin, r)
}

// isOwn reports whether an origin, in small letters, is where the request was sent
// to: a scheme and a host with its port, and nothing else (RFC 6454 section 6.1). A
// page that came over another scheme may have been changed on its way.
func (a *admission) isOwn(origin string, r *http.Request) bool {
	scheme, host, _ := strings.Cut(origin, "://")
	if scheme != "http" && scheme != "https" || host == "" || !strings.EqualFold(host, r.Host) {
		return false
	}
	known := a.scheme(r)
	return known == "" || known == scheme
}

// scheme is what the client asked by; empty where that is not known, as behind a
// proxy that does not say it, or that is not trusted.
func (a *admission) scheme(r *http.Request) string {
	from, ok := parseAddr(r.RemoteAddr)
	switch {
	case ok && a.trusted(from):
		return forwardedProto(r.Header)
	case r.TLS != nil:
		return "https"
	}
	return ""
}

// forwardedProto is what X-Forwarded-Proto says. Several proxies may each have
// added what they were asked by; where those differ nothing is known.
func forwardedProto(header http.Header) string {
	said := ""
	for proto := range strings.SplitSeq(strings.ToLower(strings.Join(header.Values("X-Forwarded-Proto"), ",")), ",") {
		switch proto = strings.TrimSpace(proto); proto {
		case "ws":
			proto = "http"
		case "wss":
			proto = "https"
		}
		if proto != "http" && proto != "https" || said != "" && said != proto {
			return ""
		}
		said = proto
	}
	return said
}
