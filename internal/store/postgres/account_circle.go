package postgres

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// circle are the lists of contacts. Those of friends are in two parts: a friendship stands in its table once.
var circle = rows.Circle{
	Friends: contactList(
		rows.ContactTable{Name: "friends", User: "user_a", Contact: "user_b"},
		rows.ContactTable{Name: "friends", User: "user_b", Contact: "user_a"}),
	Sent: contactList(rows.ContactTable{Name: "friend_requests", User: "sender_id", Contact: "receiver_id"}),
	Received: contactList(rows.ContactTable{Name: "friend_requests", User: "receiver_id", Contact: "sender_id", Also: `
		AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_id = $1 AND b.blocked_id = x.sender_id)`}),
	Blocked: contactList(rows.ContactTable{Name: "blocks", User: "blocker_id", Contact: "blocked_id"}),
}

func contactList(tables ...rows.ContactTable) rows.ContactList {
	return rows.ContactList{
		Count: `SELECT ` + rows.OfEach(tables, " + ", `(SELECT count(*) FROM %[1]s x WHERE x.%[2]s = $1%[4]s)`),
		Since: rows.OfEach(tables, " UNION ALL ", `SELECT x.created_at FROM %[1]s x WHERE x.%[2]s = $1 AND x.%[3]s = $2%[4]s`),
		// Each part is read no further than the page.
		Page: `
			SELECT ` + userColumns + `, page.since FROM (
				SELECT * FROM (` + rows.OfEach(tables, " UNION ALL ", `
					(SELECT x.%[3]s AS id, x.created_at AS since FROM %[1]s x
					WHERE x.%[2]s = $1 AND (x.created_at, x.%[3]s) < ($2, $3)%[4]s
					ORDER BY x.created_at DESC, x.%[3]s DESC LIMIT $4)`) + `) parts
				ORDER BY since DESC, id DESC LIMIT $4) page
			JOIN users u ON u.id = page.id ORDER BY page.since DESC, page.id DESC`,
	}
}

// Circle implements [account.Friends].
func (a *Accounts) Circle(ctx context.Context, userID account.UserID, q account.CircleQuery) (account.Circle, error) {
	return rows.Result(ctx, a.readers().snapshot, func(each rows.Each) (account.Circle, error) { return circle.Read(each, userID, q) })
}
