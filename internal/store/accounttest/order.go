package accounttest

import (
	"github.com/sockeye-im/sockeye/internal/account"
)

// inOrder are users by the bytes of their ids, which no language puts in this order.
var inOrder = []account.UserID{"A-2", "B", "a", "a-1", "a1", "b", "Ä", "ä", "中"}

// testOrderOfIDs: ids have one order everywhere, that of their bytes.
func testOrderOfIDs(f *fixture) {
	f.user(inOrder...)
	f.user("m")
	for _, id := range inOrder {
		f.set("m", id, start, account.Pair{Friends: true})
		f.pairIs(id, "m", account.Pair{Friends: true})
		f.Must(f.store.Revoke(f.Context(), account.Revocation{At: start, UserID: id, IssuedBy: start}))
	}
	friends, err := f.store.FriendIDs(f.Context(), "m")
	f.Must(err)
	equal(f, "friends", friends, inOrder)
	circle, err := f.store.Circle(f.Context(), "m", account.CircleQuery{Limit: 100})
	f.Must(err)
	for i, contact := range circle.Friends { // the last first, of one moment
		equal(f, "contact", contact.User.ID, inOrder[len(inOrder)-1-i])
	}
	revoked, err := f.store.RevokedUsers(f.Context(), start)
	f.Must(err)
	for i, r := range revoked {
		equal(f, "revoked", r.UserID, inOrder[i])
	}
	var listed []account.UserID
	for after := account.UserID(""); ; after = listed[len(listed)-1] {
		page, err := f.store.ListUsers(f.Context(), after, 2)
		f.Must(err)
		if len(page) == 0 {
			break
		}
		for i := range page {
			if page[i].ID != "m" {
				listed = append(listed, page[i].ID)
			}
		}
	}
	equal(f, "listed", listed, inOrder)

	// Who is found by the same beginning comes by what was found, and that by its bytes too.
	for i, id := range inOrder {
		name := []string{"xa-2", "xb", "xxa", "xxa-1", "xxa1", "xxb", "xÄ", "xä", "x中"}[i]
		_, err := f.store.ChangeUser(f.Context(), account.ChangeUser{ID: id, Name: &name, At: start})
		f.Must(err)
	}
	found, err := f.store.SearchUsers(f.Context(), "x", 100)
	f.Must(err)
	var got []account.UserID
	for i := range found {
		got = append(got, found[i].ID)
	}
	equal(f, "found", got, inOrder)
}
