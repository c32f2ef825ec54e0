package gateway

import (
	"encoding/json"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
)

// moved is what the node to which a client has come is told of the session that it goes on with: what is asked of one that
// is continued.
type moved struct {
	User       account.UserID `json:"user"`
	Topics     []string       `json:"topics"`
	Subscribed bool           `json:"subscribed"`
	// Shown and Left are by the clock of the node that had it.
	Shown uint32 `json:"shown,omitempty"`
	Left  uint32 `json:"left,omitempty"`
}

// Pack makes bytes of the data of a socket whose session goes on at another node.
func (g *Gateway) Pack(data any) ([]byte, error) {
	s, ok := data.(*session)
	if !ok {
		return nil, fmt.Errorf("gateway: a socket has %T", data)
	}
	return json.Marshal(moved{s.user, s.bearer().Topics, s.subscribed.Load(), s.unread.shown.Load(), s.unread.left.Load()})
}

// Unpack makes the data of a socket that goes on with a session of another node.
func (g *Gateway) Unpack(packed []byte) (any, error) {
	var m moved
	if err := json.Unmarshal(packed, &m); err != nil {
		return nil, fmt.Errorf("gateway: a session of another node: %w", err)
	}
	s := &session{gateway: g, user: m.User, identity: &account.Identity{UserID: m.User, Topics: m.Topics}}
	s.subscribed.Store(m.Subscribed)
	s.unread.shown.Store(m.Shown)
	s.unread.left.Store(m.Left)
	return s, nil
}
