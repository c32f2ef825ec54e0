package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// The operator's commands write beside a server, and so do other servers one day: what two processes do at once must come
// out as if one had done it after the other. Here each of two stores on one database stands for a process.

var at = time.UnixMilli(1_700_000_000_000).UTC()

// process is one of those that use a database.
type process struct {
	*postgres.Accounts
	events *suite.Recorder[account.Event]
}

// twoProcesses begin with users.
func twoProcesses(t *testing.T, users ...account.UserID) (address string, processes [2]process) {
	t.Helper()
	address = pgtest.Database(t)
	for i := range processes {
		events := &suite.Recorder[account.Event]{}
		processes[i] = process{openStore(t, address, discard).Accounts(events.Record), events}
	}
	for _, id := range users {
		ensure(t, processes[0].Accounts, id)
	}
	return address, processes
}

func ensure(t *testing.T, accounts *postgres.Accounts, id account.UserID) {
	t.Helper()
	_, _, err := accounts.EnsureUser(t.Context(), account.EnsureUser{ID: id, Name: "Name of " + string(id), Issuer: account.OwnIssuer, At: at})
	if err != nil {
		t.Fatal(err)
	}
}

// ask returns the number that a query finds.
func ask(t testing.TB, address, query string, args ...any) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	err = conn.QueryRow(t.Context(), query, args...).Scan(&n)
	if err := errors.Join(err, conn.Close(context.Background())); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOneLoginNameOfTwoProcesses(t *testing.T) {
	address, processes := twoProcesses(t)
	const rounds = 20
	for round := range rounds {
		// The same in another case, and what looks like it: a capital i, a small L and a one.
		names := []string{fmt.Sprintf("Bill%d-x", round+20), fmt.Sprintf("bill%d-x", round+20), fmt.Sprintf("BiIl%d-X", round+20), fmt.Sprintf("bi1l%d-x", round+20)}
		var created, alike atomic.Int32
		suite.AtOnce(len(names)*2, func(i int) {
			err := processes[i%2].CreateLocal(t.Context(), account.CreateLocal{
				User: account.User{
					ID: account.UserID(fmt.Sprintf("u_%d_%d", round, i)), Name: "Bill", Username: names[i/2],
					Issuer: account.OwnIssuer, CreatedAt: at,
				},
				PasswordHash: "x",
			})
			switch {
			case err == nil:
				created.Add(1)
			case errors.Is(err, account.ErrLoginTaken): // or alike, which has the same code
				alike.Add(1)
			default:
				t.Errorf("%s: %v", names[i/2], err)
			}
		})
		if created.Load() != 1 {
			t.Errorf("round %d: %d accounts were made of names that look alike, %d refused", round, created.Load(), alike.Load())
		}
	}
	for _, table := range []string{"users", "local_accounts"} {
		if n := ask(t, address, `SELECT count(*) FROM `+table); n != rounds {
			t.Errorf("%d rows are in %s, want %d", n, table, rounds)
		}
	}
}

func TestOneUserOfTwoProcesses(t *testing.T) {
	_, processes := twoProcesses(t)
	for round := range 20 {
		id := account.UserID(fmt.Sprintf("user%d", round))
		var created, refused atomic.Int32
		suite.AtOnce(4, func(i int) {
			_, isNew, err := processes[i%2].EnsureUser(t.Context(), account.EnsureUser{ID: id, Name: "N", Issuer: fmt.Sprint(i), At: at})
			switch {
			case err == nil && isNew:
				created.Add(1)
			case errors.Is(err, account.ErrOtherIssuer):
				refused.Add(1)
			default:
				t.Errorf("new %v, error %v", isNew, err)
			}
		})
		if created.Load() != 1 || refused.Load() != 3 {
			t.Errorf("%s was made %d times and refused %d times", id, created.Load(), refused.Load())
		}
	}
}

// ask is what both sides do to become friends.
func request(p account.Pair) (account.Pair, []account.PairEvent, error) {
	switch {
	case p.Friends || p.Sent:
		return p, nil, nil
	case p.Received:
		return account.Pair{Friends: true}, []account.PairEvent{{Kind: account.FriendAccepted}}, nil
	}
	p.Sent = true
	return p, []account.PairEvent{{Kind: account.FriendRequested}}, nil
}

// Two who ask each other at the same moment are friends: who comes second accepts.
func TestFriendsOfTwoProcesses(t *testing.T) {
	var users []account.UserID
	const rounds = 20
	for i := range rounds {
		users = append(users, account.UserID(fmt.Sprintf("a%d", i)), account.UserID(fmt.Sprintf("b%d", i)))
	}
	_, processes := twoProcesses(t, users...)
	for round := range rounds {
		pair := users[2*round : 2*round+2]
		suite.AtOnce(2, func(i int) {
			if _, err := processes[i].ChangePair(t.Context(), account.ChangePair{Actor: pair[i], Target: pair[1-i], At: at, Change: request}); err != nil {
				t.Error(err)
			}
		})
		if p, err := processes[0].Pair(t.Context(), pair[0], pair[1]); p != (account.Pair{Friends: true}) || err != nil {
			t.Errorf("%v are %+v, error %v", pair, p, err)
		}
	}
	kinds := map[account.EventKind]int{}
	for _, p := range processes {
		for _, e := range p.events.Take() {
			kinds[e.Kind]++
		}
	}
	if kinds[account.FriendRequested] != rounds || kinds[account.FriendAccepted] != rounds || len(kinds) != 2 {
		t.Errorf("told %v, want %d requested and accepted", kinds, rounds)
	}
}

// A limit holds however many processes come near it at once.
func TestLimitOfTwoProcesses(t *testing.T) {
	const room, asked = 5, 10
	users := []account.UserID{"a"}
	for i := range 2 * asked {
		users = append(users, account.UserID(fmt.Sprintf("b%d", i)))
	}
	address, processes := twoProcesses(t, users...)
	pgtest.Exec(t, address, fmt.Sprintf(`INSERT INTO friend_requests (sender_id, receiver_id, created_at)
		SELECT 'a', 'x' || i, 0 FROM generate_series(1, %d) i`, account.MaxRequests-room))
	var sent, refused atomic.Int32
	suite.AtOnce(2*asked, func(i int) {
		_, err := processes[i%2].ChangePair(t.Context(), account.ChangePair{Actor: "a", Target: users[1+i], At: at, Change: request})
		switch r := refusal.Of(err); {
		case err == nil:
			sent.Add(1)
		case r != nil && r.Limit == account.MaxRequests:
			refused.Add(1)
		default:
			t.Error(err)
		}
	})
	stored := ask(t, address, `SELECT count(*) FROM friend_requests WHERE sender_id = 'a'`)
	if sent.Load() != room || stored != account.MaxRequests {
		t.Errorf("%d more were sent and %d refused; %d are stored, the limit is %d", sent.Load(), refused.Load(), stored, account.MaxRequests)
	}
}

// Processes that note the same users in different orders wait for each other, and do not lock each other out.
func TestSeenByTwoProcesses(t *testing.T) {
	var users []account.UserID
	for i := range 200 {
		users = append(users, account.UserID(fmt.Sprintf("user%d", i)))
	}
	_, processes := twoProcesses(t)
	suite.AtOnce(len(users), func(i int) {
		_, _, err := processes[0].EnsureUser(t.Context(), account.EnsureUser{ID: users[i], Name: "N", Issuer: account.OwnIssuer, At: at})
		if err != nil {
			t.Error(err)
		}
	})
	const rounds = 20
	suite.AtOnce(2, func(i int) {
		for round := range rounds {
			seen := make([]account.Seen, len(users))
			for n, id := range users {
				if i == 1 {
					n = len(users) - 1 - n
				}
				seen[n] = account.Seen{UserID: id, At: at.Add(time.Duration(2*round+i) * time.Second)}
			}
			if err := processes[i].Seen(t.Context(), seen); err != nil {
				t.Error(err)
			}
		}
	})
	for _, id := range users {
		u, _, err := processes[0].User(t.Context(), id)
		if want := at.Add((2*rounds - 1) * time.Second); err != nil || !u.LastSeen.Equal(want) {
			t.Fatalf("%s was last seen %v, want %v, error %v", id, u.LastSeen, want, err)
		}
	}
}

func TestSignInsOfTwoProcesses(t *testing.T) {
	address, processes := twoProcesses(t, "a")
	for round := range account.MaxKnownAddresses + 20 {
		suite.AtOnce(2, func(i int) {
			from := netip.AddrFrom4([4]byte{10, 0, byte(round), byte(i)})
			if err := processes[i].NoteSignIn(t.Context(), account.SignIn{UserID: "a", From: from, At: at.Add(time.Duration(round) * time.Second)}); err != nil {
				t.Error(err)
			}
		})
		if n := ask(t, address, `SELECT count(*) FROM sign_ins`); n > account.MaxKnownAddresses {
			t.Errorf("%d addresses are remembered, the limit is %d", n, account.MaxKnownAddresses)
		}
	}
}

// What looks alike from before that was refused is copied here as it was, and nothing new may look like it.
func TestCopiedLookAlikes(t *testing.T) {
	address, processes := twoProcesses(t, "u_1", "u_2")
	pgtest.Exec(t, address, `
		INSERT INTO login_skeletons (user_id, skeleton, claimed) VALUES ('u_1', 'pear', true), ('u_2', 'pear', false)`)
	create := func(id account.UserID, login string) error {
		return processes[0].CreateLocal(t.Context(), account.CreateLocal{
			User: account.User{ID: id, Name: "N", Username: login, Issuer: account.OwnIssuer, CreatedAt: at}, PasswordHash: "x",
		})
	}
	if err := create("u_3", "Pear"); !errors.Is(err, account.ErrLoginAlike) {
		t.Errorf("it looks like two: %v", err)
	}
	pgtest.Exec(t, address, `DELETE FROM login_skeletons WHERE user_id = 'u_1'`)
	if err := create("u_3", "Pear"); !errors.Is(err, account.ErrLoginAlike) {
		t.Errorf("it looks like the one that claims nothing: %v", err)
	}
	pgtest.Exec(t, address, `DELETE FROM login_skeletons WHERE user_id = 'u_2'`)
	if err := create("u_3", "Pear"); err != nil {
		t.Errorf("it looks like none: %v", err)
	}
}

// The id of a token is another application's: any text, up to what fits a token.
func TestRevokeAnyTokenID(t *testing.T) {
	_, processes := twoProcesses(t)
	var long strings.Builder
	for i := 0; long.Len() < 7<<10; i++ { // nothing that could be compressed much
		fmt.Fprintf(&long, "%x", uint64(i)*0x9e3779b97f4a7c15)
	}
	ids := map[string]bool{"a\x00b": true, "a": true, "\x00": true, "'; --": true, long.String(): true, long.String() + "x": true}
	for id := range ids {
		for _, p := range processes {
			if err := p.Revoke(t.Context(), account.Revocation{At: at, Issuer: "shop", TokenID: id}); err != nil {
				t.Errorf("%.20q: %v", id, err)
			}
		}
	}
	read := 0
	err := processes[0].Revoked(t.Context(), at, func(r account.Revocation) {
		read++
		if !ids[r.TokenID] {
			t.Errorf("%.20q was never revoked", r.TokenID)
		}
	})
	if err != nil || read != len(ids) {
		t.Errorf("%d of %d are revoked, error %v", read, len(ids), err)
	}
}

// Whoever publishes to a sink that ends after the store must not find it ended.
func TestCloseWaitsForAccountEvents(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var published atomic.Bool
	store, err := postgres.Open(t.Context(), postgres.DefaultConfig(pgtest.Database(t)), discard)
	if err != nil {
		t.Fatal(err)
	}
	accounts := store.Accounts(func([]account.Event) {
		close(entered)
		<-release
		published.Store(true)
	})
	ensure(t, accounts, "ada")
	renamed := make(chan error, 1)
	go func() {
		name := "Countess"
		_, err := accounts.ChangeUser(t.Context(), account.ChangeUser{ID: "ada", Name: &name, At: at})
		renamed <- err
	}()
	<-entered
	closed := make(chan bool, 1)
	go func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		closed <- published.Load()
	}()
	ended := suite.Ended(t.Context()) // so that nobody waits for a place in the queue
	ask := func() error { _, err := accounts.RevokeAPIKey(ended, "none", at); return err }
	for !errors.Is(ask(), postgres.ErrClosed) { //nolint:revive // until it is closing
	}
	for range 500 { // time enough to be closed
		if _, err := accounts.Admins(t.Context()); err != nil {
			t.Errorf("a read before the last event was published: %v", err)
			break
		}
	}
	close(release)
	if err := <-renamed; err != nil {
		t.Error(err)
	}
	if !<-closed {
		t.Error("the store was closed before its last event was published")
	}
}

// Administrators of two processes take each other's place away: one is left.
func TestLastAdminOfTwoProcesses(t *testing.T) {
	_, processes := twoProcesses(t, "ada", "bob")
	yes, no := true, false
	for round := range 20 {
		for _, id := range []account.UserID{"ada", "bob"} {
			if _, err := processes[0].ChangeUser(t.Context(), account.ChangeUser{ID: id, Admin: &yes, At: at}); err != nil {
				t.Fatal(err)
			}
		}
		var done, refused atomic.Int32
		suite.AtOnce(2, func(i int) {
			_, err := processes[i].ChangeUser(t.Context(), account.ChangeUser{ID: []account.UserID{"ada", "bob"}[i], Admin: &no, KeepAdmin: true, At: at})
			switch {
			case err == nil:
				done.Add(1)
			case errors.Is(err, account.ErrLastAdmin):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
		if done.Load() != 1 || refused.Load() != 1 {
			t.Fatalf("round %d: %d were done, %d refused", round, done.Load(), refused.Load())
		}
	}
}
