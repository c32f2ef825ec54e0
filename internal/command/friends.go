package command

import (
	"context"
	"fmt"
	"slices"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
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
	UserID string `json:"userId"`
}

type relationAck struct {
	accepted
	Relation account.Relation `json:"relation"` // what the user is to the caller now
}

// relate changes what another user is to the caller.
func relate(change func(*account.Service, context.Context, account.Actor, string) (account.Relation, error)) func(context.Context, *call, userPayload) (relationAck, error) {
	return func(ctx context.Context, c *call, p userPayload) (relationAck, error) {
		relation, err := change(c.table.Accounts, ctx, c.accountActor(), p.UserID)
		return relationAck{done, relation}, err
	}
}

func (c *call) accountActor() account.Actor {
	return account.Actor{ID: string(c.Actor.ID), Origin: c.Actor.Origin}
}

// MaxContacts is how many of each list friend:list returns at most, and unless
// asked for fewer.
const MaxContacts = 500

// listFriendsPayload asks for the first of all lists, or for a page of one.
type listFriendsPayload struct {
	List  string `json:"list"`
	After string `json:"after"` // a user id; with List only
	Limit int    `json:"limit"`
}

// friendsAck has the newest of each list first, of those that were asked for.
type friendsAck struct {
	accepted
	Friends  []hub.Contact `json:"friends,omitzero"`
	Sent     []hub.Contact `json:"sent,omitzero"`     // requests that wait for the others
	Received []hub.Contact `json:"received,omitzero"` // requests that wait for the caller
	Blocked  []hub.Contact `json:"blocked,omitzero"`
	Counts   contactCounts `json:"counts"`
}

// contactCounts is how long the lists are, whatever was asked for.
type contactCounts struct {
	Friends  int `json:"friends"`
	Sent     int `json:"sent"`
	Received int `json:"received"`
	Blocked  int `json:"blocked"`
}

func listFriends(ctx context.Context, c *call, p listFriendsPayload) (friendsAck, error) {
	if err := p.check(); err != nil {
		return friendsAck{}, err
	}
	circle, err := c.table.Accounts.Friends(ctx, string(c.Actor.ID))
	if err != nil {
		return friendsAck{}, err
	}
	answer := friendsAck{accepted: done, Counts: contactCounts{
		Friends: len(circle.Friends), Sent: len(circle.Sent), Received: len(circle.Received), Blocked: len(circle.Blocked),
	}}
	for _, list := range []struct {
		name string
		from []account.Contact
		to   *[]hub.Contact
	}{
		{"friends", circle.Friends, &answer.Friends},
		{"sent", circle.Sent, &answer.Sent},
		{"received", circle.Received, &answer.Received},
		{"blocked", circle.Blocked, &answer.Blocked},
	} {
		if p.List == "" || p.List == list.name {
			*list.to = hub.ContactsOf(p.page(list.from))
		}
	}
	c.addPresence(answer.Friends)
	return answer, nil
}

func (p *listFriendsPayload) check() error {
	switch {
	case !slices.Contains([]string{"", "friends", "sent", "received", "blocked"}, p.List):
		return &chat.Error{Code: chat.CodeInvalidField, Message: "list must be friends, sent, received or blocked", Field: "list"}
	case p.After != "" && p.List == "":
		return &chat.Error{Code: chat.CodeInvalidField, Message: "after needs a list", Field: "after"}
	case p.Limit < 0 || p.Limit > MaxContacts:
		return &chat.Error{
			Code: chat.CodeInvalidField, Message: fmt.Sprintf("limit must be 1 to %d", MaxContacts), Field: "limit", Limit: MaxContacts,
		}
	case p.Limit == 0:
		p.Limit = MaxContacts
	}
	return nil
}

// page is what comes after a contact, which may have gone: then it is from the
// beginning, and nobody is left out.
func (p *listFriendsPayload) page(all []account.Contact) []account.Contact {
	if at := slices.IndexFunc(all, func(c account.Contact) bool { return c.User.ID == p.After }); at >= 0 {
		all = all[at+1:]
	}
	return all[:min(len(all), p.Limit)]
}

// addPresence tells which of the friends are online.
func (c *call) addPresence(friends []hub.Contact) {
	ids := make([]string, len(friends))
	for i := range friends {
		ids[i] = friends[i].UserID
	}
	here := make(map[string]bool, len(ids))
	for _, id := range c.table.Presence.Online(ids) {
		here[id] = true
	}
	for i := range friends {
		online := here[friends[i].UserID]
		friends[i].Online = &online
	}
}
