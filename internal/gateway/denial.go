package gateway

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
)

// denial is why a client is not let in. Its text may be shown to the client.
type denial struct {
	text   string
	reason string        // that metrics name
	status int           // of HTTP, before a connection is opened
	after  time.Duration // when it may be tried again; 0: not known
}

var (
	deniedOrigin  = &denial{text: "Origin not allowed", reason: "origin", status: http.StatusForbidden}
	deniedTooMany = &denial{text: "Too many connections", reason: "connections_per_ip", status: http.StatusTooManyRequests}
	deniedRate    = &denial{text: "Too many new connections", reason: "rate", status: http.StatusTooManyRequests}
	deniedBlocked = &denial{text: "Address is blocked", reason: "blocked", status: http.StatusTooManyRequests}
	deniedBarred  = &denial{text: "Address is blocked", reason: "blocked", status: http.StatusForbidden}
	deniedFull    = &denial{text: "Server at capacity", reason: refusedCapacity, status: http.StatusServiceUnavailable}

	// Of those who have signed in.
	deniedOfUser  = &denial{text: "Too many connections", reason: refusedPerUser}
	deniedRevoked = &denial{text: "Authentication failed", reason: refusedToken}
)

const (
	refusedToken    = "token"
	refusedCapacity = "capacity"
	refusedFault    = "fault" // of the server
	refusedPerUser  = "connections_per_user"
)

// Refusals are the reasons that metrics name.
func Refusals() []string {
	names := []string{
		refusedToken, refusedCapacity, refusedFault, refusedPerUser,
		deniedOrigin.reason, deniedTooMany.reason, deniedRate.reason, deniedBlocked.reason,
	}
	for _, why := range engineio.Refusals() { // before anybody is asked who it is; native connections have some of them
		names = append(names, string(why))
	}
	slices.Sort(names)
	return names
}

func (d *denial) Error() string { return d.text }

// until is the same denial, for a time.
func (d *denial) until(after time.Duration) *denial {
	timed := *d
	timed.after = after
	return &timed
}

// answer writes the denial as an answer of HTTP.
func (d *denial) answer(w http.ResponseWriter) {
	if d.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(d.after.Seconds()))))
	}
	http.Error(w, d.text, d.status)
}
