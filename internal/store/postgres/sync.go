package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// syncRead is one sync on its way through a snapshot, with what is left of its
// limits.
type syncRead struct {
	each   eachRow
	q      *chat.SyncQuery
	events int
	bytes  int
	out    chat.Synced
}

// Sync implements [chat.CatchUp].
func (s *Store) Sync(ctx context.Context, q chat.SyncQuery) (synced chat.Synced, err error) {
	err = s.readers.snapshot(ctx, func(each eachRow) error {
		r := &syncRead{each: each, q: &q, events: q.MaxEvents, bytes: q.MaxBytes}
		r.out.Epoch = s.epoch
		if err := r.named(); err != nil {
			return err
		}
		if err := r.fresh(); err != nil {
			return err
		}
		synced = r.out
		return nil
	})
	return synced, err
}

// ends are those of a log as a member sees it.
type ends struct {
	first, head, mark int64
	room              string
}

// named answers about the conversations that the caller has named.
func (r *syncRead) named() error {
	ids := make([]string, 0, len(r.q.Since))
	for id := range r.q.Since {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	known, err := r.ends(ids)
	if err != nil {
		return fmt.Errorf("read ends of logs: %w", err)
	}
	r.out.Conversations = make([]chat.SyncedConversation, 0, len(ids))
	for _, id := range ids {
		c := chat.SyncedConversation{ConversationID: id}
		at, member := known[id]
		since := r.q.Since[id]
		switch {
		case !member:
			c.Gone = true
		default:
			c.FirstSeq, c.Seq, c.Mark = at.first, at.head, at.mark
			c.Reset = r.q.Unknown(r.out.Epoch, since, at.first, at.head)
		}
		if member && !c.Reset && since < at.head {
			if c.Events, err = r.after(id, at.room, since); err != nil {
				return fmt.Errorf("read events of %s: %w", id, err)
			}
			if since+int64(len(c.Events)) < at.head {
				r.out.More = true
			}
		}
		r.out.Conversations = append(r.out.Conversations, c)
	}
	return nil
}

func (r *syncRead) ends(ids []string) (map[string]ends, error) {
	known := make(map[string]ends, len(ids))
	err := r.each(func(row scanner) error {
		var id string
		var at ends
		err := row.Scan(&id, &at.first, &at.head, &at.mark, &at.room)
		known[id] = at
		return err
	}, `SELECT c.id, c.first_seq, c.head_seq, coalesce(rm.seq, 0), coalesce(r.id, '')
		FROM unnest($2::text[]) j (value)
		JOIN members mb ON mb.conversation_id = j.value AND mb.user_id = $1
		JOIN conversations c ON c.id = mb.conversation_id
		LEFT JOIN rooms r ON r.conversation_id = c.id
		LEFT JOIN read_marks rm ON rm.conversation_id = c.id AND rm.user_id = $1`, r.q.User, ids)
	return known, err
}

// portion is how many events are read at once: events are small, but what they
// point to is read with them.
const portion = 100

// after reads as many events as there is room for.
func (r *syncRead) after(conversation, room string, since int64) ([]chat.Event, error) {
	events := []chat.Event{}
	for r.events > 0 {
		limit := min(portion, r.events)
		next, err := readEvents(r.each, conversation, room, since, limit)
		if err != nil {
			return nil, err
		}
		for i := range next {
			size := next[i].Size()
			if size > r.bytes && r.events < r.q.MaxEvents {
				r.events = 0
				return events, nil
			}
			r.bytes -= size
			r.events--
			since = next[i].Seq
			events = append(events, next[i])
		}
		if len(next) < limit {
			break
		}
	}
	return events, nil
}

const newQuery = `
	WITH page AS MATERIALIZED (
		SELECT c.id, c.last_at FROM members mb JOIN conversations c ON c.id = mb.conversation_id
		WHERE mb.user_id = $1 AND c.id <> ALL($3)
		ORDER BY c.last_at DESC, c.id DESC LIMIT $4
	)
	SELECT ` + summaryColumns + `, ` + unreadCount + `, ` + mentionCount + `
	FROM page p JOIN conversations c ON c.id = p.id` + summaryTables + `
	ORDER BY p.last_at DESC, p.id DESC`

// fresh introduces the conversations that the caller has not named.
func (r *syncRead) fresh() error {
	ids := make([]string, 0, len(r.q.Since))
	for id := range r.q.Since {
		ids = append(ids, id)
	}
	found, err := summaries(r.each, newQuery, r.q.User, chat.MaxUnreadCount, ids, r.q.MaxNew+1)
	if err != nil {
		return err
	}
	r.out.New = found
	for i := range found {
		r.bytes -= found[i].Size()
		if i == r.q.MaxNew || r.bytes < 0 && i > 0 {
			r.out.New, r.out.More = found[:i], true
			break
		}
	}
	return nil
}

// logged is a line of the log.
type logged struct {
	event   chat.Event
	message string
	user    chat.UserID
	name    string
	detail  string
}

// readEvents reads events with what they point to as it is now.
func readEvents(each eachRow, conversation, room string, since int64, limit int) ([]chat.Event, error) {
	lines, err := readLog(each, conversation, since, limit)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	messages, err := pointedTo(each, lines)
	if err != nil {
		return nil, err
	}
	events := make([]chat.Event, len(lines))
	for i := range lines {
		if events[i], err = lines[i].complete(each, room, messages); err != nil {
			return nil, err
		}
	}
	return events, nameEvents(each, events)
}

func readLog(each eachRow, conversation string, since int64, limit int) ([]logged, error) {
	var lines []logged
	err := each(func(row scanner) error {
		line := logged{event: chat.Event{ConversationID: conversation}}
		e := &line.event
		var message, user, name, detail zeronull.Text
		var at int64
		err := row.Scan(&e.Seq, &e.Kind, &message, &user, &name, &e.By, &detail, &at)
		e.At = instant(at)
		line.message, line.user, line.name, line.detail = string(message), chat.UserID(user), string(name), string(detail)
		lines = append(lines, line)
		return err
	}, eventsQuery, conversation, since, limit)
	return lines, err
}

const eventsQuery = `
	SELECT e.seq, e.kind, e.message_id, e.user_id, coalesce(u.name, e.user_id), e.actor_id, e.detail, e.at
	FROM (SELECT * FROM events WHERE conversation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) e
	LEFT JOIN users u ON u.id = e.user_id ORDER BY e.seq`

// pointedTo reads the messages that lines point to.
func pointedTo(each eachRow, lines []logged) (map[string]*chat.Message, error) {
	var ids []string
	for i := range lines {
		if lines[i].message != "" {
			ids = append(ids, lines[i].message)
		}
	}
	found, err := readMessages(each, `SELECT `+messageColumns+` FROM messages m
		WHERE m.id = ANY($1)`, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*chat.Message, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	return byID, fillMessages(each, found)
}

// complete adds to a line what it points to.
func (l *logged) complete(each eachRow, room string, messages map[string]*chat.Message) (chat.Event, error) {
	e := l.event
	//exhaustive:enforce
	switch e.Kind {
	case chat.MessageCreated, chat.MessageEdited, chat.MessageDeleted, chat.MessagePinned, chat.MessageUnpinned:
		e.Message = messages[l.message]
		if e.Message == nil {
			// Retention has removed it: its age is that of its creation.
			e.Message = &chat.Message{ID: l.message, ConversationID: e.ConversationID, RoomID: room, DeletedAt: e.At}
		}
	case chat.ReactionAdded, chat.ReactionRemoved:
		e.Reaction = &chat.Reaction{MessageID: l.message, RoomID: room, UserID: l.user, UserName: l.name, Emoji: l.detail}
	case chat.MembersAdded:
		count, err := strconv.Atoi(l.detail)
		if err != nil {
			return e, fmt.Errorf("count of event %d: %w", e.Seq, err)
		}
		e.Added = &chat.Added{RoomID: room, Count: count}
		return e, l.whoCame(each, e.Added)
	case chat.RoomUpdated, chat.RoomDeleted:
		return e, each(func(row scanner) error {
			r, err := scanRoom(row)
			e.Room = &r
			return err
		}, roomQuery, room)
	case chat.MemberJoined, chat.MemberLeft, chat.MemberRole, chat.MemberBanned, chat.MemberUnbanned:
		e.Membership = &chat.Membership{RoomID: room, UserID: l.user, UserName: l.name}
		if e.Kind == chat.MemberLeft {
			e.Membership.Reason = chat.LeaveReason(l.detail)
		} else {
			e.Membership.Role = chat.Role(l.detail)
		}
	case chat.MessageRead, chat.ConversationRead, chat.MemberInvited: // are not logged
	}
	return e, nil
}

const cameQuery = `SELECT user_id FROM members WHERE conversation_id = $1 AND joined_seq = $2 ORDER BY user_id LIMIT $3`

// whoCame lists those who still are members by this event.
func (l *logged) whoCame(each eachRow, added *chat.Added) error {
	added.Users = []chat.UserID{}
	return each(func(row scanner) error {
		var user chat.UserID
		err := row.Scan(&user)
		added.Users = append(added.Users, user)
		return err
	}, cameQuery, l.event.ConversationID, l.event.Seq, chat.ListedMembers)
}
