package rows

import (
	"fmt"
	"strconv"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Line is a line of a conversation's log.
type Line struct {
	Event chat.Event
	Room  string // empty for a direct conversation

	message string
	user    chat.UserID
	name    string
	detail  string
}

// ReadLine reads a line, and further columns into more.
func ReadLine(row Row, line *Line, more ...any) error {
	e := &line.Event
	var at int64
	err := row.Scan(append([]any{
		&e.Seq, (*string)(&e.Kind), &line.message, (*string)(&line.user), &line.name, (*string)(&e.By), &line.detail, &at,
	}, more...)...)
	e.At = Instant(at)
	return err
}

// Log are the statements of a conversation's log and of what its lines point to.
type Log struct {
	Lines    string // of a conversation, behind a seq, at most so many
	Messages string // those of a list of ids
	Room     string // the one with an id
	Came     string // who still is a member of a conversation by a seq, at most so many: users
	Names    string // see [Names]
	Fill     Fill
}

// After reads events of a conversation, or of a room, with what they point to as it is now.
func (l *Log) After(each Each, conversation, room string, since int64, limit int) ([]chat.Event, error) {
	lines, err := Collect(each, nil, func(row Row) (Line, error) {
		line := Line{Event: chat.Event{ConversationID: conversation}, Room: room}
		err := ReadLine(row, &line)
		return line, err
	}, l.Lines, conversation, since, limit)
	if err != nil {
		return nil, err
	}
	return l.Events(each, lines, chat.ListedMembers)
}

// Events makes events of lines, with what they point to as it is now. Of many who became members at once some are named.
func (l *Log) Events(each Each, lines []Line, named int) ([]chat.Event, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	messages, err := l.pointedTo(each, lines)
	if err != nil {
		return nil, err
	}
	events := make([]chat.Event, len(lines))
	for i := range lines {
		if events[i], err = l.complete(each, &lines[i], messages, named); err != nil {
			return nil, err
		}
	}
	return events, NameEvents(each, l.Names, events)
}

// pointedTo reads the messages that lines point to.
func (l *Log) pointedTo(each Each, lines []Line) (map[string]*chat.Message, error) {
	var ids []string
	for i := range lines {
		if lines[i].message != "" {
			ids = append(ids, lines[i].message)
		}
	}
	found, err := Messages(each, l.Messages, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*chat.Message, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	return byID, l.Fill(each, found)
}

// complete adds to a line what it points to.
func (l *Log) complete(each Each, line *Line, messages map[string]*chat.Message, named int) (chat.Event, error) {
	e, room := line.Event, line.Room
	//exhaustive:enforce
	switch e.Kind {
	case chat.MessageCreated, chat.MessageEdited, chat.MessageDeleted, chat.MessagePinned, chat.MessageUnpinned:
		e.Message = messages[line.message]
		if e.Message == nil {
			// Retention has removed it: its age is that of its creation.
			e.Message = &chat.Message{ID: line.message, ConversationID: e.ConversationID, RoomID: room, DeletedAt: e.At}
		}
	case chat.ReactionAdded, chat.ReactionRemoved:
		e.Reaction = &chat.Reaction{MessageID: line.message, RoomID: room, UserID: line.user, UserName: line.name, Emoji: line.detail}
	case chat.MembersAdded:
		count, err := strconv.Atoi(line.detail)
		if err != nil {
			return e, fmt.Errorf("count of event %d: %w", e.Seq, err)
		}
		came, err := Collect(each, []chat.UserID{}, One[chat.UserID], l.Came, e.ConversationID, e.Seq, named)
		e.Added = &chat.Added{RoomID: room, Count: count, Users: came}
		return e, err
	case chat.RoomUpdated, chat.RoomDeleted:
		err := each(func(row Row) error {
			r, err := Room(row)
			e.Room = &r
			return err
		}, l.Room, room)
		return e, err
	case chat.MemberJoined, chat.MemberLeft, chat.MemberRole, chat.MemberBanned, chat.MemberUnbanned:
		e.Membership = &chat.Membership{RoomID: room, UserID: line.user, UserName: line.name}
		if e.Kind == chat.MemberLeft {
			e.Membership.Reason = chat.LeaveReason(line.detail)
		} else {
			e.Membership.Role = chat.Role(line.detail)
		}
	case chat.MessageRead, chat.ConversationRead, chat.MemberInvited, chat.ScheduledChanged: // are not logged
	}
	return e, nil
}
