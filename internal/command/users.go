package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/hub"
)

var userRows = []row{
	declare("user:get", "Failed to load user", getUser),
	declare("user:search", "Failed to search users", searchUsers),
}

type userAck struct {
	accepted
	User     hub.User         `json:"user"`
	Relation account.Relation `json:"relation,omitempty"` // what the user is to the caller, if another
}

func getUser(ctx context.Context, c *call, p userPayload) (userAck, error) {
	user, err := c.table.Accounts.User(ctx, p.UserID)
	if err != nil {
		return userAck{}, err
	}
	answer := userAck{accepted: done, User: hub.UserOf(&user)}
	if caller := string(c.Actor.ID); user.ID != caller {
		pair, err := c.table.Accounts.Pair(ctx, caller, user.ID)
		if err != nil {
			return userAck{}, err
		}
		answer.Relation = pair.Relation()
	}
	return answer, nil
}

type searchUsersPayload struct {
	Query string `json:"query"`
	Limit int    `json:"limit"`
}

type usersAck struct {
	accepted
	Users []hub.User `json:"users"`
}

func searchUsers(ctx context.Context, c *call, p searchUsersPayload) (usersAck, error) {
	users, err := c.table.Accounts.SearchUsers(ctx, p.Query, p.Limit)
	if err != nil {
		return usersAck{}, err
	}
	return usersAck{done, hub.UsersOf(users)}, nil
}
