package rows

import (
	"fmt"
	"math"
	"strings"

	"github.com/sockeye-im/sockeye/internal/account"
)

// Pair reads what is between two users.
func Pair(row Row) (p account.Pair, err error) {
	err = row.Scan(&p.Friends, &p.Sent, &p.Received, &p.Blocks, &p.BlockedBy)
	return p, err
}

// PairStatements change what is between two users, and count what one has of it.
type PairStatements struct {
	InsertFriends, DeleteFriends string // of the smaller id, and the greater
	InsertRequest, DeleteRequest string // of a sender, and a receiver
	InsertBlock, DeleteBlock     string // of who blocks, and who is blocked; what inserts has the time behind them

	CountFriends, CountRequests, CountBlocks string // of a user, or of a sender
}

// Store writes what is different. A user never blocks for another, so what the other one blocks is left alone.
func (s *PairStatements) Store(
	exec func(query string, args ...any) (rows int64, err error), cmd *account.ChangePair, before, after account.Pair,
) error {
	actor, target := cmd.Actor, cmd.Target
	for _, part := range []struct {
		was, is        bool
		insert, remove string
		first, second  account.UserID
	}{
		{before.Friends, after.Friends, s.InsertFriends, s.DeleteFriends, min(actor, target), max(actor, target)},
		{before.Sent, after.Sent, s.InsertRequest, s.DeleteRequest, actor, target},
		{before.Received, after.Received, s.InsertRequest, s.DeleteRequest, target, actor},
		{before.Blocks, after.Blocks, s.InsertBlock, s.DeleteBlock, actor, target},
	} {
		var err error
		switch {
		case part.is && !part.was:
			_, err = exec(part.insert, part.first, part.second, cmd.At.UnixMilli())
		case part.was && !part.is:
			_, err = exec(part.remove, part.first, part.second)
		}
		if err != nil {
			return fmt.Errorf("store pair: %w", err)
		}
	}
	return nil
}

// Check counts what has become more. A refusal undoes the command.
func (s *PairStatements) Check(
	row func(query string, args ...any) Row, cmd *account.ChangePair, before, after account.Pair,
) error {
	var friends, sent, blocks int
	for _, part := range []struct {
		was, is bool
		query   string
		into    *int
		of      []account.UserID
	}{
		{before.Friends, after.Friends, s.CountFriends, &friends, []account.UserID{cmd.Actor, cmd.Target}},
		{before.Sent, after.Sent, s.CountRequests, &sent, []account.UserID{cmd.Actor}},
		{before.Blocks, after.Blocks, s.CountBlocks, &blocks, []account.UserID{cmd.Actor}},
	} {
		if part.was || !part.is {
			continue
		}
		for _, user := range part.of {
			n, err := One[int](row(part.query, user))
			if err != nil {
				return fmt.Errorf("count: %w", err)
			}
			*part.into = max(*part.into, n)
		}
	}
	return after.OverLimit(before, friends, sent, blocks)
}

// Circle are the statements of the lists of contacts that a user has.
type Circle struct{ Friends, Sent, Received, Blocked ContactList }

// ContactList are the statements of one.
type ContactList struct {
	Count string // how long it is, of a user
	Since string // when a user got a contact
	Page  string // of a user, behind a time and the contact of then, at most so many, the newest first: users, and since when
}

// Read reads the lists that are asked for, and counts all.
func (c *Circle) Read(each Each, user account.UserID, q account.CircleQuery) (circle account.Circle, err error) {
	for _, list := range []struct {
		name  account.ContactList
		ask   *ContactList
		page  *[]account.Contact
		count *int
	}{
		{account.ListFriends, &c.Friends, &circle.Friends, &circle.Counts.Friends},
		{account.ListSent, &c.Sent, &circle.Sent, &circle.Counts.Sent},
		{account.ListReceived, &c.Received, &circle.Received, &circle.Counts.Received},
		{account.ListBlocked, &c.Blocked, &circle.Blocked, &circle.Counts.Blocked},
	} {
		err := each(func(row Row) error { return row.Scan(list.count) }, list.ask.Count, user)
		if err == nil && (q.List == account.ListAll || q.List == list.name) {
			*list.page, err = list.ask.contacts(each, user, q)
		}
		if err != nil {
			return account.Circle{}, fmt.Errorf("read %s: %w", list.name, err)
		}
	}
	return circle, nil
}

func (l *ContactList) contacts(each Each, user account.UserID, q account.CircleQuery) ([]account.Contact, error) {
	since, after := int64(math.MaxInt64), account.UserID("")
	err := each(func(row Row) error {
		after = q.After
		return row.Scan(&since)
	}, l.Since, user, q.After)
	if err != nil {
		return nil, err
	}
	return Collect(each, []account.Contact{}, func(row Row) (contact account.Contact, err error) {
		var since int64
		err = User(row, &contact.User, &since)
		contact.Since = Instant(since)
		return contact, err
	}, l.Page, user, since, after, q.Limit)
}

// ContactTable is a table with a list of contacts, or with a part of one: its name, the columns that have whose contact it
// is and who, and a condition more. It has an index by user and time, from which a page is read without the rest of the list.
type ContactTable struct{ Name, User, Contact, Also string }

// OfEach puts the names of each table into a pattern: %[1]s the table, %[2]s the user, %[3]s the contact, %[4]s the
// condition.
func OfEach(tables []ContactTable, between, pattern string) string {
	parts := make([]string, len(tables))
	for i, t := range tables {
		parts[i] = fmt.Sprintf(pattern, t.Name, t.User, t.Contact, t.Also)
	}
	return strings.Join(parts, between)
}
