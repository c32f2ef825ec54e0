package chat

import (
	"fmt"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Quota is how much of the server one user may take: rooms made that are still there, and rooms in which the user is a
// member. 0 is no limit.
type Quota struct {
	Rooms       int
	Memberships int
}

// Holdings is what a user has of what a quota limits.
type Holdings struct {
	Rooms       int
	Memberships int
}

// MayMake is the rule for who may make a room, and MayEnter that for who may become a member of one. A driver asks them
// inside the transaction, for what the user has before it.
func (q Quota) MayMake(has Holdings) error {
	if q.Rooms > 0 && has.Rooms >= q.Rooms {
		return overQuota(ErrTooManyRooms, "You can make at most %d rooms", q.Rooms)
	}
	return q.MayEnter(has)
}

// MayEnter is described at MayMake.
func (q Quota) MayEnter(has Holdings) error {
	if q.Memberships > 0 && has.Memberships >= q.Memberships {
		return overQuota(ErrTooManyMemberships, "You can be in at most %d rooms", q.Memberships)
	}
	return nil
}

func overQuota(kind *refusal.Error, format string, limit int) *refusal.Error {
	return &refusal.Error{Code: kind.Code, Message: fmt.Sprintf(format, limit), Limit: limit}
}
