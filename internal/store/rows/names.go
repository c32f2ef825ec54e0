package rows

import (
	"fmt"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Names looks up how users are called, by a query for the id, the name and the login name, or none, of a list of users. Who
// is not known is left out.
func Names(each Each, query string, ids []chat.UserID) (names chat.Names, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	err = each(func(row Row) error {
		var id chat.UserID
		var named chat.Named
		err := row.Scan(&id, &named.Name, &named.Login)
		if names == nil {
			names = make(chat.Names, len(ids))
		}
		names[id] = named
		return err
	}, query, ids)
	if err != nil {
		return nil, fmt.Errorf("look up names: %w", err)
	}
	return names, nil
}

// NameMessages adds to messages how those are called whom they have by their ids. The query is that of [Names].
func NameMessages(each Each, query string, messages []chat.Message) error {
	var all []chat.UserID
	for i := range messages {
		all = append(all, messages[i].Nameless()...)
	}
	names, err := Names(each, query, all)
	for i := range messages {
		messages[i].Names = names.Of(messages[i].Nameless())
	}
	return err
}

// NameEvents does so for events.
func NameEvents(each Each, query string, events []chat.Event) error {
	var all []chat.UserID
	for i := range events {
		all = append(all, events[i].Nameless()...)
	}
	names, err := Names(each, query, all)
	for i := range events {
		events[i].Names = names.Of(events[i].Nameless())
	}
	return err
}

// nameBans adds how those are called who have banned.
func nameBans(each Each, query string, bans []chat.Ban) error {
	by := make([]chat.UserID, len(bans))
	for i := range bans {
		by[i] = bans[i].By
	}
	names, err := Names(each, query, by)
	for i := range bans {
		bans[i].Names = names.Of(by[i : i+1])
	}
	return err
}
