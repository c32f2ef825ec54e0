package account

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Revocation says that tokens are no longer good: one, if TokenID is set, else all of a user.
type Revocation struct {
	At time.Time // of the command

	Issuer, TokenID string
	Until           time.Time // when one token can be forgotten; zero is never

	UserID   string
	IssuedBy time.Time // tokens issued then or earlier are revoked
}

// Revoked tells whether a token is revoked. It is a look into memory.
func (s *Service) Revoked(_ context.Context, identity Identity) (bool, error) {
	return s.revoked.has(&identity), nil
}

// EndReason is why a connection is ended.
type EndReason string

// The reasons.
const (
	EndRevoked      EndReason = "revoked"
	EndDisconnected EndReason = "disconnected" // by the operator; the token is still good
)

// Connect notes a connection of a verified identity with the user's stored name, so that it is ended as soon as its token
// is revoked. An identity that is revoked by now is refused with [ErrUnauthenticated]: whoever comes in by Connect cannot
// slip through between being verified and being noted.
//
// end is called at most once, by the goroutine of whoever revokes: it must not block. It may be called before Connect has
// returned, and while Leave runs. Leave must be called when the connection has gone.
func (s *Service) Connect(identity Identity, end func(EndReason)) (*Connection, error) {
	c := &Connection{in: s.revoked, identity: identity, end: end}
	if !s.revoked.enter(c) {
		return nil, refuse("token is revoked")
	}
	return c, nil
}

// Disconnect ends all connections of a user on this node, without revoking anything, and returns how many.
func (s *Service) Disconnect(userID string) int { return s.revoked.disconnect(userID) }

// ConnectedUsers returns the names of the users who have a connection on this node, by their ids.
func (s *Service) ConnectedUsers() map[string]string {
	s.revoked.mu.RLock()
	defer s.revoked.mu.RUnlock()
	names := make(map[string]string, len(s.revoked.connections))
	for id, of := range s.revoked.connections {
		names[id] = of[0].identity.Name
	}
	return names
}

// CountConnected returns how many users have a connection on this node.
func (s *Service) CountConnected() int {
	s.revoked.mu.RLock()
	defer s.revoked.mu.RUnlock()
	return len(s.revoked.connections)
}

// Connection is one that ends when its token is revoked. Its methods may be called concurrently.
type Connection struct {
	in       *revoked
	identity Identity // guarded by in.mu
	// end is nil once it is not to be called any more: what it holds can go, while the Connection may be kept. Guarded
	// by in.mu.
	end  func(EndReason)
	left bool // guarded by in.mu
}

// Name is the user's, also after [Service.Renamed].
func (c *Connection) Name() string {
	c.in.mu.RLock()
	defer c.in.mu.RUnlock()
	return c.identity.Name
}

// MayHear is [Identity.MayHear] of the token the connection has now.
func (c *Connection) MayHear(topic string) bool {
	c.in.mu.RLock()
	defer c.in.mu.RUnlock()
	return c.identity.MayHear(topic)
}

// HeardBy tells whether another identity may hear whatever the token of the connection permits. In doubt it may not.
func (c *Connection) HeardBy(other Identity) bool {
	c.in.mu.RLock()
	defer c.in.mu.RUnlock()
	if c.identity.Topics == nil {
		return other.Topics == nil
	}
	// What is like a pattern, stars and all, is like everything that is like it.
	return !slices.ContainsFunc(c.identity.Topics, func(pattern string) bool { return !other.MayHear(pattern) })
}

// Renamed gives the connections of a user another name. It is for who hears of a UserChanged.
func (s *Service) Renamed(userID, name string) {
	s.revoked.mu.Lock()
	defer s.revoked.mu.Unlock()
	for _, c := range s.revoked.connections[userID] {
		c.identity.Name = name
	}
}

// Refresh gives the connection another token, of the same user and not revoked, or else it is [ErrUnauthenticated] and
// the old one stays.
func (c *Connection) Refresh(identity Identity) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	switch {
	case identity.UserID != c.identity.UserID:
		return refuse("the new token is another user's")
	case c.left || c.in.hasLocked(&identity):
		return refuse("token is revoked")
	}
	identity.Name = c.identity.Name // as it is stored, see Renamed
	c.identity = identity
	return nil
}

// Leave forgets the connection. It may be called more than once.
func (c *Connection) Leave() { c.in.leave(c) }

// tokenKey names a token: ids are unique for each issuer only.
type tokenKey struct{ issuer, id string }

// revoked is what is revoked, and the connections to end by it. Safe for concurrent use.
type revoked struct {
	mu          sync.RWMutex
	users       map[string]time.Time     // issued by then
	tokens      map[tokenKey]time.Time   // until
	connections map[string][]*Connection // by user, who has few
	sweepAt     int                      // how many tokens make it worth looking for those that can be forgotten
}

const leastSweep = 256

func newRevoked() *revoked {
	return &revoked{
		users: make(map[string]time.Time), tokens: make(map[tokenKey]time.Time),
		connections: make(map[string][]*Connection), sweepAt: leastSweep,
	}
}

func (r *revoked) has(identity *Identity) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.hasLocked(identity)
}

func (r *revoked) hasLocked(identity *Identity) bool {
	if by, ok := r.users[identity.UserID]; ok && !identity.IssuedAt.After(by) {
		return true
	}
	if identity.TokenID == "" {
		return false
	}
	_, ok := r.tokens[tokenKey{identity.Issuer, identity.TokenID}]
	return ok
}

// cutoff returns the time of issue up to which a user's tokens are revoked.
func (r *revoked) cutoff(userID string) time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.users[userID]
}

// add makes a revocation hold. It does not end connections yet.
func (r *revoked) add(one Revocation, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one.TokenID == "" {
		if one.IssuedBy.After(r.users[one.UserID]) {
			r.users[one.UserID] = one.IssuedBy
		}
		return
	}
	r.tokens[tokenKey{one.Issuer, one.TokenID}] = one.Until
	if len(r.tokens) < r.sweepAt {
		return
	}
	for key, until := range r.tokens {
		if !until.IsZero() && until.Before(now) {
			delete(r.tokens, key)
		}
	}
	r.sweepAt = max(leastSweep, 2*len(r.tokens))
}

func (r *revoked) enter(c *Connection) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hasLocked(&c.identity) {
		return false
	}
	user := c.identity.UserID
	r.connections[user] = append(r.connections[user], c)
	return true
}

func (r *revoked) leave(c *Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaveLocked(c)
}

func (r *revoked) leaveLocked(c *Connection) {
	if c.left {
		return
	}
	c.left, c.end = true, nil
	user := c.identity.UserID
	of := r.connections[user]
	if at := slices.Index(of, c); at >= 0 {
		of = slices.Delete(of, at, at+1)
	}
	if len(of) == 0 {
		delete(r.connections, user)
		return
	}
	r.connections[user] = of
}

// end ends the connections that a revocation concerns. A single token may be anybody's, so all are looked at: some
// microseconds for a thousand.
func (r *revoked) end(one Revocation) {
	var ending []*Connection
	r.mu.Lock()
	collect := func(of []*Connection) {
		for _, c := range of {
			if r.hasLocked(&c.identity) {
				ending = append(ending, c)
			}
		}
	}
	if one.TokenID == "" {
		collect(r.connections[one.UserID])
	} else {
		for _, of := range r.connections {
			collect(of)
		}
	}
	r.endLocked(ending, EndRevoked)
}

func (r *revoked) disconnect(userID string) int {
	var ending []*Connection
	r.mu.Lock()
	ending = append(ending, r.connections[userID]...)
	r.endLocked(ending, EndDisconnected)
	return len(ending)
}

// endLocked forgets connections, unlocks, and ends them.
func (r *revoked) endLocked(ending []*Connection, why EndReason) {
	ends := make([]func(EndReason), len(ending))
	for i, c := range ending {
		ends[i] = c.end
		r.leaveLocked(c)
	}
	r.mu.Unlock()
	for _, end := range ends {
		end(why)
	}
}
