package rows

import (
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// Said reads senders, rooms and how many messages there were of each in each.
func Said(each Each, said *usage.Said, query string, args ...any) error {
	senders, in := make(map[string]bool), make(map[string]bool)
	err := each(func(row Row) error {
		var sender, room string
		var messages int
		if err := row.Scan(&sender, &room, &messages); err != nil {
			return err
		}
		said.Messages += messages
		if sender != string(chat.SystemUser) && !senders[sender] {
			senders[sender] = true
			said.Senders = append(said.Senders, sender)
		}
		if room != "" && !in[room] {
			in[room] = true
			said.Rooms = append(said.Rooms, room)
		}
		return nil
	}, query, args...)
	return err
}

// UsageCount reads a count: the day on which its unit begins, messages, users, rooms, pushes, pushes that were given up.
func UsageCount(row Row) (c usage.Count, err error) {
	var start int64
	err = row.Scan(&start, &c.Messages, &c.Users, &c.Rooms, &c.Sent, &c.Failed)
	c.Start = usage.DayOf(start)
	return c, err
}
