//go:build linux

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
)

// bareWriter is the floor that the store is measured against: it writes the rows that a message has in the store's own
// tables, with all their columns and indexes, as fast as one connection can. It has one transaction for as many messages as
// the store's has: the conversations' heads are moved forward, the rows inserted behind them by one statement for each
// table, and the commit goes with them. Nothing is asked: not who is a member or blocked, not whether a message came before.
// No message can be refused by itself, no outcome be found out after the connection breaks.
type bareWriter struct {
	conn    *pgx.Conn
	queue   chan bareMessage
	done    chan error
	written struct{ messages, batches atomic.Uint64 }

	rooms  map[string]string // the conversation of each
	words  map[string]string // those of each content, as the store keeps them
	scopes map[string]string // the word that stands for each conversation
}

type bareMessage struct {
	cmd    chat.Append
	stored chan error
}

func openBare(ctx context.Context, database string, w *work) (*bareWriter, error) {
	b := &bareWriter{
		done: make(chan error, 1), rooms: make(map[string]string), words: make(map[string]string), scopes: make(map[string]string),
	}
	if w.plan.conversations == 0 {
		return nil, errors.New("the bare writer makes no conversations: they must be there before")
	}
	for _, content := range w.contents {
		words := strings.Fields(lexeme.Of(content))
		slices.Sort(words)
		b.words[content] = strings.Join(slices.Compact(words), " ")
	}
	var err error
	if b.conn, err = pgx.Connect(ctx, database); err != nil {
		return nil, err
	}
	if err := b.learn(ctx); err != nil {
		return nil, errors.Join(err, b.conn.Close(ctx))
	}
	cfg := postgres.DefaultConfig(database)
	b.queue = make(chan bareMessage, cfg.QueueSize)
	go func() { b.done <- b.run(context.WithoutCancel(ctx), cfg.MaxBatch) }()
	return b, nil
}

// learn reads which conversations there are.
func (b *bareWriter) learn(ctx context.Context) error {
	rows, err := b.conn.Query(ctx, `SELECT c.id, coalesce(r.id, '') FROM conversations c LEFT JOIN rooms r ON r.conversation_id = c.id`)
	if err != nil {
		return err
	}
	var conversation, room string
	_, err = pgx.ForEachRow(rows, []any{&conversation, &room}, func() error {
		b.rooms[room] = conversation
		b.scopes[conversation] = scopeOf(conversation)
		return nil
	})
	return err
}

// scopeOf is a word as long as that of the store.
func scopeOf(conversation string) string { return "c" + hex.EncodeToString([]byte(conversation[3:11])) }

// AppendMessage stores a message as the store's does, and returns it as it was.
func (b *bareWriter) AppendMessage(_ context.Context, cmd chat.Append) (chat.Message, error) {
	m := bareMessage{cmd, make(chan error, 1)}
	b.queue <- m
	return cmd.Message, <-m.stored
}

func (b *bareWriter) counts() counts {
	return counts{b.written.messages.Load(), b.written.batches.Load()}
}

// Close waits for what was taken. Nobody may store any more.
func (b *bareWriter) Close() error {
	close(b.queue)
	return errors.Join(<-b.done, b.conn.Close(context.Background()))
}

func (b *bareWriter) run(ctx context.Context, most int) (err error) {
	batch := make([]bareMessage, 0, most)
	for first := range b.queue {
		batch = append(batch[:0], first)
		for len(batch) < most && len(b.queue) > 0 {
			batch = append(batch, <-b.queue)
		}
		outcome := b.write(ctx, batch)
		b.written.messages.Add(uint64(len(batch)))
		b.written.batches.Add(1)
		for _, m := range batch {
			m.stored <- outcome
		}
		err = errors.Join(err, outcome)
	}
	return err
}

// write stores messages by one transaction, in two round trips: the places come back with the first.
func (b *bareWriter) write(ctx context.Context, batch []bareMessage) error {
	heads, err := b.advance(ctx, batch)
	if err != nil {
		return err
	}
	rows := newBareRows(len(batch))
	for i := range batch {
		m := &batch[i].cmd.Message
		conversation := b.conversationOf(m)
		rows.add(&batch[i].cmd, conversation, heads[conversation], b.words[m.Content]+" "+b.scopes[conversation])
		heads[conversation]++
	}
	var all pgx.Batch
	all.Queue(bareMessages, rows.conversations, rows.seqs, rows.times, rows.ids, rows.rooms, rows.recipients, rows.senders, rows.names,
		rows.contents, rows.types, rows.clients, rows.fingerprints, rows.words)
	all.Queue(bareSends, rows.senders, rows.clients, rows.conversations, rows.seqs)
	all.Queue("COMMIT")
	return b.conn.SendBatch(ctx, &all).Close()
}

func (b *bareWriter) conversationOf(m *chat.Message) string {
	if m.RoomID != "" {
		return b.rooms[m.RoomID]
	}
	return m.ConversationID
}

// advance begins the transaction, and returns the next seq of each conversation.
func (b *bareWriter) advance(ctx context.Context, batch []bareMessage) (map[string]int64, error) {
	counts := make(map[string]int64)
	var last int64
	for i := range batch {
		counts[b.conversationOf(&batch[i].cmd.Message)]++
		last = max(last, batch[i].cmd.Message.Timestamp.UnixMilli())
	}
	ids, messages := make([]string, 0, len(counts)), make([]int64, 0, len(counts))
	for id, n := range counts {
		ids, messages = append(ids, id), append(messages, n)
	}
	var all pgx.Batch
	all.Queue("BEGIN")
	all.Queue(bareHeads, ids, messages, last)
	results := b.conn.SendBatch(ctx, &all)
	if _, err := results.Exec(); err != nil {
		return nil, errors.Join(err, results.Close())
	}
	rows, err := results.Query()
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}
	heads := make(map[string]int64, len(ids))
	var id string
	var head int64
	_, err = pgx.ForEachRow(rows, []any{&id, &head}, func() error {
		heads[id] = head + 1
		return nil
	})
	if err == nil && len(heads) != len(ids) {
		err = fmt.Errorf("%d of %d conversations are there", len(heads), len(ids))
	}
	return heads, errors.Join(err, results.Close())
}

const (
	bareHeads = `
		UPDATE conversations c SET head_seq = head_seq + x.n, last_at = greatest(last_at, $3)
		FROM unnest($1::text[], $2::bigint[]) x (id, n) WHERE c.id = x.id
		RETURNING c.id, c.head_seq - x.n`
	bareMessages = `
		INSERT INTO messages (conversation_id, seq, created_at, id, room_id, recipient_id, sender_id, sender_name, content, type,
			client_msg_id, fingerprint, words)
		SELECT conversation, seq, at, id, nullif(room, ''), nullif(recipient, ''), sender, name, content, type, client, fingerprint,
			string_to_array(words, ' ')
		FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
			$10::text[], $11::text[], $12::bytea[], $13::text[])
			x (conversation, seq, at, id, room, recipient, sender, name, content, type, client, fingerprint, words)`
	bareSends = `
		INSERT INTO sends (sender_id, client_msg_id, conversation_id, seq)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])`
)

// bareRows are the columns of messages.
type bareRows struct {
	conversations, ids, rooms, recipients, senders, names, contents, types, clients, words []string
	seqs, times                                                                            []int64
	fingerprints                                                                           [][]byte
}

func newBareRows(n int) *bareRows {
	texts := func() []string { return make([]string, 0, n) }
	return &bareRows{
		texts(), texts(), texts(), texts(), texts(), texts(), texts(), texts(), texts(), texts(),
		make([]int64, 0, n), make([]int64, 0, n), make([][]byte, 0, n),
	}
}

func (r *bareRows) add(cmd *chat.Append, conversation string, seq int64, words string) {
	m := &cmd.Message
	r.conversations, r.ids, r.rooms = append(r.conversations, conversation), append(r.ids, m.ID), append(r.rooms, m.RoomID)
	r.recipients, r.senders, r.names = append(r.recipients, string(m.RecipientID)), append(r.senders, string(m.SenderID)), append(r.names, m.SenderName)
	r.contents, r.types, r.clients = append(r.contents, m.Content), append(r.types, string(m.Type)), append(r.clients, m.ClientMsgID)
	r.words, r.seqs, r.times = append(r.words, words), append(r.seqs, seq), append(r.times, m.Timestamp.UnixMilli())
	r.fingerprints = append(r.fingerprints, cmd.Fingerprint)
}
