package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/sockeye-im/sockeye/internal/account"
)

// contactList is how a list of contacts is read: from one table, or from two of which each has a part of it. Each part has
// an index by user and time, from which a page is read without the rest of the list.
type contactList struct {
	name  account.ContactList
	parts []contactPart
}

type contactPart struct{ table, user, contact, also string }

var contactLists = []contactList{
	{account.ListFriends, []contactPart{{"friends", "user_a", "user_b", ""}, {"friends", "user_b", "user_a", ""}}},
	{account.ListSent, []contactPart{{"friend_requests", "sender_id", "receiver_id", ""}}},
	{account.ListReceived, []contactPart{{"friend_requests", "receiver_id", "sender_id", `
		AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_id = $1 AND b.blocked_id = x.sender_id)`}}},
	{account.ListBlocked, []contactPart{{"blocks", "blocker_id", "blocked_id", ""}}},
}

// page asks for the newest $4 of user $1 that come after contact $3 of time $2. Each part is read no further than that.
func (l *contactList) page() string {
	return `SELECT ` + userColumns + `, page.since FROM (
		SELECT * FROM (` + l.each(" UNION ALL ", `
			(SELECT x.%[3]s AS id, x.created_at AS since FROM %[1]s x
			WHERE x.%[2]s = $1 AND (x.created_at, x.%[3]s) < ($2, $3)%[4]s
			ORDER BY x.created_at DESC, x.%[3]s DESC LIMIT $4)`) + `) parts
		ORDER BY since DESC, id DESC LIMIT $4) page
	JOIN users u ON u.id = page.id ORDER BY page.since DESC, page.id DESC`
}

// since asks when contact $2 came into the list of user $1.
func (l *contactList) since() string {
	return l.each(" UNION ALL ", `SELECT x.created_at FROM %[1]s x WHERE x.%[2]s = $1 AND x.%[3]s = $2%[4]s`)
}

// count asks how long the list of user $1 is.
func (l *contactList) count() string {
	return `SELECT ` + l.each(" + ", `(SELECT count(*) FROM %[1]s x WHERE x.%[2]s = $1%[4]s)`)
}

// each puts the names of each part into a pattern: table, user, contact and the condition.
func (l *contactList) each(between, pattern string) string {
	parts := make([]string, len(l.parts))
	for i, p := range l.parts {
		parts[i] = fmt.Sprintf(pattern, p.table, p.user, p.contact, p.also)
	}
	return strings.Join(parts, between)
}

// Circle implements [account.Friends].
func (a *Accounts) Circle(ctx context.Context, userID account.UserID, q account.CircleQuery) (circle account.Circle, err error) {
	pages := []*[]account.Contact{&circle.Friends, &circle.Sent, &circle.Received, &circle.Blocked}
	counts := []*int{&circle.Counts.Friends, &circle.Counts.Sent, &circle.Counts.Received, &circle.Counts.Blocked}
	err = a.readers().snapshot(ctx, func(each eachRow) error {
		for i := range contactLists {
			list := &contactLists[i]
			err := each(func(row scanner) error { return row.Scan(counts[i]) }, list.count(), userID)
			if err == nil && (q.List == account.ListAll || q.List == list.name) {
				*pages[i], err = readContacts(each, list, userID, q)
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", list.name, err)
			}
		}
		return nil
	})
	return circle, err
}

func readContacts(each eachRow, list *contactList, userID account.UserID, q account.CircleQuery) ([]account.Contact, error) {
	since, after := int64(math.MaxInt64), account.UserID("")
	err := each(func(row scanner) error {
		after = q.After
		return row.Scan(&since)
	}, list.since(), userID, q.After)
	contacts := []account.Contact{}
	return contacts, errors.Join(err, each(func(row scanner) error {
		var contact account.Contact
		var since int64
		err := scanUser(row, &contact.User, &since)
		contact.Since = instant(since)
		contacts = append(contacts, contact)
		return err
	}, list.page(), userID, since, after, q.Limit))
}
