package gateway

import (
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/socketio"
)

// roster is who is here: every connection that has signed in, by its user and its address.
// What is asked about connections is asked here, and what ends some of them finds them here.
// It may be used concurrently.
type roster struct {
	cfg      Config
	accounts Accounts
	// elsewhere is how many connections a user has on other nodes, and crowd how many addresses have there.
	elsewhere func(account.UserID) int
	crowd     *crowd

	mu    sync.RWMutex
	users map[account.UserID][]*session // without those that are being ended
	all   map[*session]struct{}
	from  headcount
	peak  int // the most there were at a time
	slow  int // how many were closed because their clients did not read

	activity activity
}

func newRoster(cfg Config, accounts Accounts, elsewhere func(account.UserID) int) *roster {
	return &roster{
		cfg: cfg, accounts: accounts, elsewhere: elsewhere, crowd: newCrowd(), from: newHeadcount(),
		users: make(map[account.UserID][]*session), all: make(map[*session]struct{}),
	}
}

// enter gives a session its place, from when on it can be ended over its link, or says why it
// gets none. One whose token is revoked meanwhile, or whose address is blocked, is refused here or
// found by those who end connections: they look only when it holds.
func (r *roster) enter(s *session, l link) *denial {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.accounts.AddressBlocked(s.from):
		return deniedBarred
	case r.fullLocked(s.from):
		return deniedTooMany
	case len(r.all) >= r.cfg.MaxConnections:
		return deniedFull
	case r.accounts.Revoked(s.identity):
		return deniedRevoked
	case r.cfg.MaxConnectionsPerUser > 0 && len(r.users[s.user])+r.elsewhere(s.user) >= r.cfg.MaxConnectionsPerUser:
		return deniedOfUser
	}
	s.link, s.here = l, true
	r.all[s] = struct{}{}
	r.users[s.user] = append(r.users[s.user], s)
	r.count(s.from, 1)
	r.peak = max(r.peak, len(r.all))
	return nil
}

// leave takes a session out that has entered.
func (r *roster) leave(s *session, why socketio.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.link, s.here = nil, false
	delete(r.all, s)
	r.activity.move(s.active.Load(), 0)
	r.strike(s)
	r.count(s.from, -1)
	if why == socketio.SlowConsumer {
		r.slow++
	}
}

// strike has a session be none of its user's any more: it is being ended, and the user may
// have another one in its place. It may be struck already.
func (r *roster) strike(s *session) (struck bool) {
	of := r.users[s.user]
	at := slices.Index(of, s)
	if at < 0 {
		return false
	}
	if of = slices.Delete(of, at, at+1); len(of) > 0 {
		r.users[s.user] = of
	} else {
		delete(r.users, s.user)
	}
	return true
}

// heard takes in what any node has committed: it ends the connections whose tokens are good no
// longer, and gives others the new name of their user.
func (r *roster) heard(events []account.Event) {
	for i := range events {
		switch e := &events[i]; e.Kind {
		case account.TokensRevoked:
			r.endRevoked(e.Revocation.UserID, endedRevoked)
		case account.UserReassigned:
			r.endRevoked(e.Actor.ID, endedRevoked)
		case account.UserDisabled:
			r.endRevoked(e.Actor.ID, endedDisabled)
		case account.UserChanged:
			r.rename(e.Actor)
		}
	}
}

// endRevoked ends the connections of a user whose tokens are good no longer. Without a user one token
// is, which may be anybody's: all are looked at, some microseconds for a thousand.
func (r *roster) endRevoked(user account.UserID, why ending) {
	r.mu.Lock()
	of := r.users[user]
	if user == "" {
		of = slices.Concat(slices.Collect(maps.Values(r.users))...)
	}
	of = slices.DeleteFunc(slices.Clone(of), func(s *session) bool { return !r.accounts.Revoked(s.identity) })
	r.endLocked(of, why)
}

// endUser ends the connections of a user, and returns how many.
func (r *roster) endUser(id account.UserID) int {
	r.mu.Lock()
	of := slices.Clone(r.users[id])
	r.endLocked(of, endedByOperator)
	return len(of)
}

// endAll ends all connections, and returns how many.
func (r *roster) endAll() int {
	r.mu.Lock()
	of := slices.Concat(slices.Collect(maps.Values(r.users))...)
	r.endLocked(of, endedBehind)
	return len(of)
}

// endLocked unlocks and ends connections of users.
func (r *roster) endLocked(sessions []*session, why ending) {
	var links []link
	for _, s := range sessions {
		if r.strike(s) {
			links = append(links, s.link)
		}
	}
	r.mu.Unlock()
	for _, l := range links {
		l.End(why)
	}
}

func (r *roster) rename(who account.Person) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.users[who.ID] {
		s.identity.Name = who.Name
	}
}

// refresh gives a session another token of its user, unless that is revoked or the session
// is being ended.
func (r *roster) refresh(s *session, identity account.Identity) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.users[s.user], s) || r.accounts.Revoked(&identity) {
		return account.ErrUnauthenticated
	}
	identity.Name = s.identity.Name // as it is stored
	s.identity = &identity
	return nil
}

// bearer is who a session speaks for, by the token that it has now.
func (r *roster) bearer(s *session) account.Identity {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return *s.identity
}

// entry is a connection that is here, with the name of its user.
type entry struct {
	link
	session *session
	name    string
	active  uint32           // see Gateway.seconds
	traffic engineio.Traffic // of one moment
	place   monitor.Place    // in the order that is asked for
}

// entries are all who are here, in no order.
func (r *roster) entries() []entry {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]entry, 0, len(r.all))
	for s := range r.all {
		all = append(all, entry{link: s.link, session: s, name: s.identity.Name})
	}
	return all
}

// full reports whether an address, or its site, has as many connections as it may.
func (r *roster) full(from netip.Addr) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.fullLocked(from)
}

func (r *roster) fullLocked(from netip.Addr) bool {
	return r.crowd.full(r.from, from, r.cfg.MaxConnectionsPerIP)
}

// count counts connections of an address, here and for the other nodes.
func (r *roster) count(from netip.Addr, by int) {
	r.from.add(from, by)
	r.crowd.tell(from, r.from)
}

// size is how many are here.
func (r *roster) size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.all)
}

// counts are the figures, at a second.
func (r *roster) counts(now uint32) Counts {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return Counts{Open: len(r.all), Peak: r.peak, Users: len(r.users), Active: r.activity.count(now), Slow: r.slow}
}
