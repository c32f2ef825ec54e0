package sqlite

import (
	"context"
	"fmt"
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
		AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_id = ?1 AND b.blocked_id = x.sender_id)`}}},
	{account.ListBlocked, []contactPart{{"blocks", "blocker_id", "blocked_id", ""}}},
}

// page asks for the newest ?4 of user ?1 that come after contact ?3 of time ?2.
func (l *contactList) page() string {
	parts := make([]string, len(l.parts))
	for i, p := range l.parts {
		parts[i] = fmt.Sprintf(`SELECT x.%[3]s AS id, x.created_at AS since FROM %[1]s x
			WHERE x.%[2]s = ?1 AND (x.created_at, x.%[3]s) < (?2, ?3)%[4]s`, p.table, p.user, p.contact, p.also)
	}
	return `SELECT ` + userColumns + `, page.since FROM (` + strings.Join(parts, " UNION ALL ") + `
		ORDER BY since DESC, id DESC LIMIT ?4) page JOIN users u ON u.id = page.id ORDER BY page.since DESC, page.id DESC`
}

// since asks when contact ?2 came into the list of user ?1.
func (l *contactList) since() string {
	parts := make([]string, len(l.parts))
	for i, p := range l.parts {
		parts[i] = fmt.Sprintf(`SELECT x.created_at FROM %[1]s x WHERE x.%[2]s = ?1 AND x.%[3]s = ?2%[4]s`, p.table, p.user, p.contact, p.also)
	}
	return strings.Join(parts, " UNION ALL ")
}

// count asks how long the list of user ?1 is.
func (l *contactList) count() string {
	parts := make([]string, len(l.parts))
	for i, p := range l.parts {
		parts[i] = fmt.Sprintf(`(SELECT count(*) FROM %[1]s x WHERE x.%[2]s = ?1%[3]s)`, p.table, p.user, p.also)
	}
	return `SELECT ` + strings.Join(parts, " + ")
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

// lastMoment is after every time that is stored.
const lastMoment = 1 << 62

func readContacts(each eachRow, list *contactList, userID account.UserID, q account.CircleQuery) ([]account.Contact, error) {
	since, after := int64(lastMoment), account.UserID("")
	err := each(func(row scanner) error {
		after = q.After
		return row.Scan(&since)
	}, list.since(), userID, q.After)
	if err != nil {
		return nil, err
	}
	return collect(each, []account.Contact{}, scanContact, list.page(), userID, since, after, q.Limit)
}

func scanContact(row scanner) (contact account.Contact, err error) {
	var since int64
	err = scanUser(row, &contact.User, &since)
	contact.Since = instant(since)
	return contact, err
}
