package storetest

import (
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
)

// known records users, so that events have their names.
func (f *fixture) known(users ...chat.UserID) {
	f.Helper()
	for _, user := range users {
		_, _, err := f.accounts.EnsureUser(f.Context(), account.EnsureUser{
			Issuer: account.OwnIssuer, ID: user, Name: actor(user).Name, At: start,
		})
		f.Must(err)
	}
}

// account makes a user with a login name.
func (f *fixture) account(id chat.UserID, login string) {
	f.Helper()
	u := account.User{ID: id, Name: actor(id).Name, Username: login, Issuer: account.OwnIssuer, CreatedAt: start}
	f.Must(f.accounts.CreateLocal(f.Context(), account.CreateLocal{User: u, PasswordHash: "hash of " + string(id)}))
}

// befriend makes friends of two users who are known.
func (f *fixture) befriend(a, b chat.UserID) { f.pair(a, b, account.Pair{Friends: true}) }

// block has one user block another; both are known.
func (f *fixture) block(blocker, blocked chat.UserID) {
	f.pair(blocker, blocked, account.Pair{Blocks: true})
}

func (f *fixture) pair(actor, target chat.UserID, to account.Pair) {
	f.Helper()
	_, err := f.accounts.ChangePair(f.Context(), account.ChangePair{
		Actor: actor, Target: target, At: start,
		Change: func(account.Pair) (account.Pair, []account.PairEvent, error) { return to, nil, nil },
	})
	f.Must(err)
}
