package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/batch"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// appends are messages that are checked and not inserted yet: all that stand together in a transaction are inserted by a few
// statements, before anything else is asked. Their senders are answered after the commit anyway.
type appends struct {
	waiting []*appending
	sent    map[sentKey]bool // what is inserted by this transaction
	// outdated tells that permits that were looked up ahead do not hold any more.
	outdated bool
	// locked tells that the conversations were locked before permits were looked up. Else heads has how far the logs of rooms
	// went then.
	locked bool
	heads  map[string]int64
}

type sentKey struct {
	sender      chat.UserID
	clientMsgID string
}

func (all *appends) reset() {
	all.waiting, all.outdated = nil, false
	clear(all.sent)
	clear(all.heads)
}

func (all *appends) add(a *appending) {
	all.waiting = append(all.waiting, a)
	if a.m.ClientMsgID != "" {
		if all.sent == nil {
			all.sent = make(map[sentKey]bool)
		}
		all.sent[sentKey{a.m.SenderID, a.m.ClientMsgID}] = true
	}
}

func (all *appends) has(m *chat.Message) bool {
	return m.ClientMsgID != "" && all.sent[sentKey{m.SenderID, m.ClientMsgID}]
}

// insertAppended gives the messages that wait their places, and has them inserted with the next statement.
func (t *tx) insertAppended() error {
	waiting := t.appends.waiting
	if len(waiting) == 0 {
		return t.lost
	}
	t.appends.waiting = nil
	t.ahead = append(t.ahead, newDirects(waiting)...)
	if err := t.advanceAll(waiting); err != nil {
		return fmt.Errorf("advance conversations: %w", err)
	}
	inserts, err := insertsOf(waiting)
	if err != nil {
		return err
	}
	t.ahead = append(t.ahead, inserts...)
	for _, a := range waiting {
		t.emit(chat.NewMessageEvent(rows.Copy(&a.m), a.cmd.Origin))
	}
	return nil
}

// newDirects make the direct conversations that are not there, in the order of their ids. Another process may be about to do so
// too.
func newDirects(messages []*appending) []statement {
	var made []*chat.Message
	for _, a := range messages {
		if a.m.RoomID == "" && a.permit.conversation == "" {
			made = append(made, &a.m)
		}
	}
	byID := func(a, b *chat.Message) int { return strings.Compare(a.ConversationID, b.ConversationID) }
	slices.SortStableFunc(made, byID)
	made = slices.CompactFunc(made, func(a, b *chat.Message) bool { return byID(a, b) == 0 })
	var ids, senders, recipients []string
	var at []int64
	for _, m := range made {
		ids, at = append(ids, m.ConversationID), append(at, m.Timestamp.UnixMilli())
		senders, recipients = append(senders, string(m.SenderID)), append(recipients, string(m.RecipientID))
	}
	if len(ids) == 0 {
		return nil
	}
	return []statement{{`
		INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at)
		SELECT id, 'direct', 0, 2, at, at FROM unnest($1::text[], $2::bigint[]) x (id, at)
		ON CONFLICT DO NOTHING`, []any{ids, at}}, {`
		INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at)
		SELECT id, side, 'member', 0, at
		FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) x (id, at, sender, recipient),
			LATERAL (VALUES (sender), (recipient)) sides (side)
		ON CONFLICT DO NOTHING`, []any{ids, at, senders, recipients}}}
}

// advanceQuery moves the heads of conversations $1 forward by $2, and the times of their last events to $3. It locks them in
// the order of their ids, as every process does, and returns what they were.
const advanceQuery = `
	UPDATE conversations c SET head_seq = c.head_seq + x.messages, last_at = greatest(c.last_at, x.at)
	FROM (SELECT id, head_seq, last_at FROM conversations WHERE id = ANY ($1) ORDER BY id FOR UPDATE) was
		JOIN unnest($1::text[], $2::bigint[], $3::bigint[]) x (id, messages, at) ON x.id = was.id
	WHERE c.id = was.id
	RETURNING c.id, was.head_seq, was.last_at`

// advanceAll gives each message its seq and its final timestamp, which is not before that of what came before.
func (t *tx) advanceAll(messages []*appending) error {
	type tail struct {
		messages int64 // to come
		seq, at  int64 // of the last event
		found    bool
	}
	tails := make(map[string]*tail)
	var ids []string
	for _, a := range messages {
		last := tails[a.m.ConversationID]
		if last == nil {
			last = &tail{}
			tails[a.m.ConversationID] = last
			ids = append(ids, a.m.ConversationID)
		}
		last.messages++
		last.at = max(last.at, a.m.Timestamp.UnixMilli())
	}
	counts, times := make([]int64, len(ids)), make([]int64, len(ids))
	for i, id := range ids {
		counts[i], times[i] = tails[id].messages, tails[id].at
	}
	if err := t.send(question{statement{advanceQuery, []any{ids, counts, times}}, eachRowOf(func(row rows.Row) error {
		var id string
		var was tail
		err := row.Scan(&id, &was.seq, &was.at)
		was.found = true
		*tails[id] = was
		return err
	})}); err != nil {
		return err
	}
	grown := make(map[string]bool)
	for id, was := range tails {
		if head, known := t.appends.heads[id]; known && was.seq != head {
			grown[id] = true
		}
	}
	if err := t.refuseStrangers(messages, grown); err != nil {
		return err
	}
	for _, a := range messages {
		last := tails[a.m.ConversationID]
		if !last.found {
			return fmt.Errorf("%w: %w: it has removed %s", batch.ErrAgain, Unavailable, a.m.ConversationID)
		}
		last.seq++
		last.at = max(last.at, a.m.Timestamp.UnixMilli())
		a.m.Seq, a.m.Timestamp = last.seq, rows.Instant(last.at)
	}
	for id, last := range tails {
		if _, known := t.appends.heads[id]; known {
			t.appends.heads[id] = last.seq
		}
	}
	return nil
}

// insertsOf store messages, under which clientMsgIds they were sent, and who is mentioned in them.
func insertsOf(messages []*appending) ([]statement, error) {
	n := len(messages)
	conversations, seqs, times := make([]string, n), make([]int64, n), make([]int64, n)
	texts := make([][]string, 13)
	for i := range texts {
		texts[i] = make([]string, n)
	}
	fingerprints := make([][]byte, n)
	var sent, mentioned struct {
		users, conversations, clients []string
		seqs                          []int64
	}
	for i, a := range messages {
		m := &a.m
		attachments, err := rows.List(m.Attachments)
		if err != nil {
			return nil, fmt.Errorf("encode attachments: %w", err)
		}
		mentions, err := rows.List(m.Mentions)
		if err != nil {
			return nil, fmt.Errorf("encode mentions: %w", err)
		}
		conversations[i], seqs[i], times[i] = m.ConversationID, m.Seq, m.Timestamp.UnixMilli()
		for at, text := range []string{
			m.ID, m.RoomID, string(m.RecipientID), string(m.SenderID), m.SenderName, m.Content, string(m.Type), m.ClientMsgID,
			m.ReplyTo, m.ThreadID, attachments, mentions, strings.Join(scoped(a.words, m.ConversationID), " "),
		} {
			texts[at][i] = text
		}
		if m.ClientMsgID != "" {
			fingerprints[i] = a.cmd.Fingerprint
			sent.users, sent.clients = append(sent.users, string(m.SenderID)), append(sent.clients, m.ClientMsgID)
			sent.conversations, sent.seqs = append(sent.conversations, m.ConversationID), append(sent.seqs, m.Seq)
		}
		for _, user := range m.Mentions {
			mentioned.users, mentioned.conversations = append(mentioned.users, string(user)), append(mentioned.conversations, m.ConversationID)
			mentioned.seqs = append(mentioned.seqs, m.Seq)
		}
	}
	args := []any{conversations, seqs, times, fingerprints}
	for i := range texts {
		args = append(args, texts[i])
	}
	inserts := []statement{{insertQuery, args}}
	if len(sent.users) > 0 {
		inserts = append(inserts, statement{`
			INSERT INTO sends (sender_id, client_msg_id, conversation_id, seq)
			SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])`,
			[]any{sent.users, sent.clients, sent.conversations, sent.seqs}})
	}
	inserts = append(inserts, attachAll(messages)...)
	if len(mentioned.users) > 0 {
		inserts = append(inserts, statement{`
			INSERT INTO mentions (user_id, conversation_id, seq) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])`,
			[]any{mentioned.users, mentioned.conversations, mentioned.seqs}})
	}
	return inserts, nil
}

const insertQuery = `
	INSERT INTO messages (conversation_id, seq, created_at, fingerprint, id, room_id, recipient_id, sender_id, sender_name,
		content, type, client_msg_id, reply_to, thread_id, attachments, mentions, words)
	SELECT conversation, seq, at, fingerprint, id, nullif(room, ''), nullif(recipient, ''), sender, name,
		content, type, nullif(client, ''), nullif(reply, ''), nullif(thread, ''), nullif(attachments, ''), nullif(mentions, ''),
		string_to_array(words, ' ')
	FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
			$10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[])
		x (conversation, seq, at, fingerprint, id, room, recipient, sender, name,
			content, type, client, reply, thread, attachments, mentions, words)`
