package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/wire"
)

var userRows = []row{
	declare("user:get", "Failed to load user", getUser),
	declare("user:search", "Failed to search users", searchUsers),
}

type userAck struct {
	accepted
	User     wire.User        `json:"user"`
	Relation account.Relation `json:"relation,omitempty"` // what the user is to the caller, if another
}

func getUser(ctx context.Context, c *call, p userPayload) (userAck, error) {
	user, err := c.table.deps.Accounts.User(ctx, p.UserID)
	if err != nil {
		return userAck{}, err
	}
	answer := userAck{accepted: done, User: wire.UserOf(&user)}
	if user.ID != c.Actor.ID {
		pair, err := c.table.deps.Accounts.Pair(ctx, c.Actor.ID, user.ID)
		if err != nil {
			return userAck{}, err
		}
		answer.Relation = pair.Relation()
	}
	return answer, nil
}

type searchUsersPayload struct {
	Query string `json:"query" max:"100"`
	Limit int    `json:"limit" default:"20" max:"100"`
}

type usersAck struct {
	accepted
	Users []wire.User `json:"users"`
}

func searchUsers(ctx context.Context, c *call, p searchUsersPayload) (usersAck, error) {
	users, err := c.table.deps.Accounts.SearchUsers(ctx, p.Query, p.Limit)
	return usersAck{done, wire.UsersOf(users)}, err
}
