package postgres

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// permit is what decides whether a message may be appended.
type permit struct {
	used         bool   // the sender's clientMsgId
	conversation string // empty if there is none: no such room, or nobody has written to the user
	thread       string // of what the message replies to, empty if that is not in the conversation

	member   bool // of a room
	settings chat.RoomSettings

	friends, blocked bool // sender and recipient
}

// The questions before messages, which are asked for many at once: of senders, their clientMsgIds, rooms or users, and what
// is replied to; of direct messages the conversation too. EXISTS is not asked: while the database believes a table to be
// small, it would hash all of it for that.
const (
	permitRoom = `
		SELECT x.n, (SELECT true FROM sends s WHERE s.sender_id = x.sender AND s.client_msg_id = x.client) IS TRUE,
			r.conversation_id,
			(SELECT coalesce(p.thread_id, p.id) FROM messages p WHERE p.id = x.reply AND p.conversation_id = r.conversation_id),
			(SELECT true FROM members m WHERE m.conversation_id = r.conversation_id AND m.user_id = x.sender) IS TRUE,
			coalesce(r.allow_file_upload, false), coalesce(r.allow_voice_message, false)
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY x (sender, client, room, reply, n)
		LEFT JOIN LATERAL (SELECT * FROM rooms o WHERE o.id = x.room LIMIT 1) r ON true` // the limit keeps it from a hash of all rooms
	permitDirect = `
		SELECT x.n, (SELECT true FROM sends s WHERE s.sender_id = x.sender AND s.client_msg_id = x.client) IS TRUE,
			(SELECT c.id FROM conversations c WHERE c.id = x.conversation),
			(SELECT coalesce(p.thread_id, p.id) FROM messages p WHERE p.id = x.reply AND p.conversation_id = x.conversation),
			(SELECT true FROM friends f
				WHERE f.user_a = least(x.sender COLLATE "C", x.recipient) AND f.user_b = greatest(x.sender COLLATE "C", x.recipient)) IS TRUE,
			(SELECT true FROM blocks b WHERE b.blocker_id = x.sender AND b.blocked_id = x.recipient) IS TRUE
				OR (SELECT true FROM blocks b WHERE b.blocker_id = x.recipient AND b.blocked_id = x.sender) IS TRUE
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
			WITH ORDINALITY x (sender, client, recipient, reply, conversation, n)`
)

// questions ask for the permits of messages.
func questions(messages []*appending) (asked []question) {
	var rooms, directs []*appending
	for _, a := range messages {
		if a.m.RoomID != "" {
			rooms = append(rooms, a)
		} else {
			directs = append(directs, a)
		}
	}
	column := func(of []*appending, field func(*chat.Message) string) []string {
		values := make([]string, len(of))
		for i, a := range of {
			values[i] = field(&a.m)
		}
		return emptied(values)
	}
	sender := func(m *chat.Message) string { return string(m.SenderID) }
	client := func(m *chat.Message) string { return m.ClientMsgID }
	reply := func(m *chat.Message) string { return m.ReplyTo }
	if len(rooms) > 0 {
		room := func(m *chat.Message) string { return m.RoomID }
		asked = append(asked, question{
			statement{permitRoom, []any{column(rooms, sender), column(rooms, client), column(rooms, room), column(rooms, reply)}},
			permits(rooms, func(p *permit) []any {
				return []any{&p.member, &p.settings.AllowFileUpload, &p.settings.AllowVoiceMessage}
			}),
		})
	}
	if len(directs) > 0 {
		recipient := func(m *chat.Message) string { return string(m.RecipientID) }
		conversation := func(m *chat.Message) string { return m.ConversationID }
		asked = append(asked, question{
			statement{permitDirect, []any{
				column(directs, sender), column(directs, client), column(directs, recipient), column(directs, reply), column(directs, conversation),
			}},
			permits(directs, func(p *permit) []any { return []any{&p.friends, &p.blocked} }),
		})
	}
	return asked
}

// permits reads what was found about messages, with the columns that are of their kind alone.
func permits(of []*appending, columns func(*permit) []any) func(pgx.BatchResults) error {
	return eachRowOf(func(row rows.Row) error {
		var n int
		var conversation, thread zeronull.Text
		p := &permit{}
		if err := row.Scan(append([]any{&n, &p.used, &conversation, &thread}, columns(p)...)...); err != nil {
			return err
		}
		p.conversation, p.thread = string(conversation), string(thread)
		of[n-1].permit = p
		return nil
	})
}

// lookUp asks for the permit of one message, unless what was found ahead of all commands holds still. A message may
// reply to one before it in the same transaction.
func (t *tx) lookUp(a *appending) error {
	if a.permit != nil && !t.appends.outdated && (a.m.ReplyTo == "" || a.permit.thread != "") {
		return nil
	}
	if err := t.open(); err != nil {
		return err
	}
	return t.send(questions([]*appending{a})...)
}

// permitted checks that the sender may write there, and what m replies to. It sets the conversation of a room, and the
// thread.
func (a *appending) permitted() error {
	m, p := &a.m, a.permit
	if m.RoomID == "" {
		if a.cmd.RequireFriends && !p.friends || !a.cmd.RequireFriends && p.blocked { // friends have no blocks
			return chat.ErrNotFriends
		}
	} else {
		switch {
		case p.conversation == "":
			return chat.ErrRoomNotFound
		case !p.member && m.Type != chat.TypeSystem:
			return chat.ErrNotInRoom
		}
		if err := p.settings.MayPost(m); err != nil {
			return err
		}
		m.ConversationID = p.conversation
	}
	if m.ReplyTo != "" && p.thread == "" {
		return chat.ErrMessageNotFound.In("replyTo")
	}
	m.ThreadID = p.thread
	return nil
}
