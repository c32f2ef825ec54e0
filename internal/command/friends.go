package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/wire"
)

var friendRows = []row{
	declare("friend:request", "Failed to request friendship", relate((*account.Service).RequestFriend)),
	declare("friend:accept", "Failed to accept friend", relate((*account.Service).AcceptFriend)),
	declare("friend:decline", "Failed to decline friend", relate((*account.Service).DeclineFriend)),
	declare("friend:remove", "Failed to remove friend", relate((*account.Service).RemoveFriend)),
	declare("friend:list", "Failed to list friends", listFriends),
	declare("user:block", "Failed to block user", relate((*account.Service).Block)),
	declare("user:unblock", "Failed to unblock user", relate((*account.Service).Unblock)),
}

type userPayload struct {
	UserID account.UserID `json:"userId"`
}

type relationAck struct {
	accepted
	Relation account.Relation `json:"relation"` // what the user is to the caller now
}

// relate changes what another user is to the caller.
func relate(change func(*account.Service, context.Context, account.Actor, account.UserID) (account.Relation, error)) func(context.Context, *call, userPayload) (relationAck, error) {
	return func(ctx context.Context, c *call, p userPayload) (relationAck, error) {
		relation, err := change(c.table.deps.Accounts, ctx, c.Actor, p.UserID)
		return relationAck{done, relation}, err
	}
}

// listFriendsPayload asks for the first of all lists, or for a page of one.
type listFriendsPayload struct {
	List  account.ContactList `json:"list" need:"optional"`
	After account.UserID      `json:"after" need:"optional" doc:"The id of a user: those after it. With list only."`
	Limit int                 `json:"limit" default:"500" max:"500"`
}

// friendsAck has the newest of each list first, of those that were asked for.
type friendsAck struct {
	accepted
	Friends  []wire.Contact `json:"friends,omitzero"`
	Sent     []wire.Contact `json:"sent,omitzero"`     // requests that wait for the others
	Received []wire.Contact `json:"received,omitzero"` // requests that wait for the caller
	Blocked  []wire.Contact `json:"blocked,omitzero"`
	Counts   contactCounts  `json:"counts"`
}

// contactCounts is how long the lists are, whatever was asked for.
type contactCounts struct {
	Friends  int `json:"friends"`
	Sent     int `json:"sent"`
	Received int `json:"received"`
	Blocked  int `json:"blocked"`
}

func listFriends(ctx context.Context, c *call, p listFriendsPayload) (friendsAck, error) {
	circle, err := c.table.deps.Accounts.Friends(ctx, c.Actor.ID, account.CircleQuery{List: p.List, After: p.After, Limit: p.Limit})
	if err != nil {
		return friendsAck{}, err
	}
	answer := friendsAck{
		accepted: done, Counts: contactCounts(circle.Counts),
		Friends: contactsOf(circle.Friends), Sent: contactsOf(circle.Sent), Received: contactsOf(circle.Received), Blocked: contactsOf(circle.Blocked),
	}
	c.addPresence(answer.Friends)
	return answer, nil
}

// contactsOf leaves out a list that was not asked for.
func contactsOf(list []account.Contact) []wire.Contact {
	if list == nil {
		return nil
	}
	return wire.ContactsOf(list)
}

// addPresence tells which of the friends are online.
func (c *call) addPresence(friends []wire.Contact) {
	ids := make([]account.UserID, len(friends))
	for i := range friends {
		ids[i] = friends[i].UserID
	}
	here := make(map[account.UserID]bool, len(ids))
	for _, id := range c.table.deps.Presence.Online(ids) {
		here[id] = true
	}
	for i := range friends {
		friends[i].Online = new(here[friends[i].UserID])
	}
}
