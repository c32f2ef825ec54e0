package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/batch"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// concern is which conversation a command is known to change, before it is carried out: by its id, by its room, or by a
// message in it; and whose quota it needs.
type concern struct {
	conversation, room, message string
	user                        chat.UserID
}

// concerning has a command carried out of which that is known.
func (s *Store) concerning(c concern) func(context.Context, func(*tx) error) error {
	return func(ctx context.Context, run func(*tx) error) error { return s.writer.DoAhead(ctx, c, run) }
}

// usersQuery locks users in the order in which they are given: what they have is counted behind it, and no other process
// adds to it meanwhile.
const usersQuery = `SELECT pg_advisory_xact_lock(x) FROM unnest($1::bigint[]) x`

// userKeys are what users are locked by, in the order that every process keeps. Two users may have the same.
func userKeys(concerns []concern) []int64 {
	var keys []int64
	for _, c := range concerns {
		if c.user != "" {
			sum := sha256.Sum256([]byte("quota of " + c.user))
			keys = append(keys, int64(binary.BigEndian.Uint64(sum[:])))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// lockQuery locks conversations, in the order of their ids as every process does: those of messages $1, of rooms $2, and $3.
// What is asked behind it sees what those before have made of them.
const lockQuery = `
	SELECT c.id FROM conversations c WHERE c.id = ANY (ARRAY(
		SELECT m.conversation_id FROM messages m WHERE m.id = ANY ($1::text[])
		UNION ALL SELECT r.conversation_id FROM rooms r WHERE r.id = ANY ($2::text[])
		UNION ALL SELECT x.id FROM unnest($3::text[]) x (id)))
	ORDER BY c.id FOR NO KEY UPDATE`

// locks ask for the locks of all that a batch is known to change, so that whoever changes some of it too waits for its end, and
// neither locks the other out. It is not for messages alone: they lock theirs together, when they are inserted. Among other
// commands they are inserted in parts.
func locks(concerns []concern, appended []*appending) (asked []question) {
	for _, a := range appended {
		if a.m.RoomID != "" {
			concerns = append(concerns, concern{room: a.m.RoomID})
		} else {
			concerns = append(concerns, concern{conversation: a.m.ConversationID})
		}
	}
	column := func(of func(concern) string) []string {
		ids := []string{}
		for _, c := range concerns {
			if id := of(c); id != "" {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return emptied(slices.Compact(ids))
	}
	if len(concerns) == 0 {
		return nil
	}
	if keys := userKeys(concerns); len(keys) > 0 {
		asked = append(asked, question{statement{usersQuery, []any{keys}}, eachRowOf(func(row rows.Row) error { return row.Scan(nil) })})
	}
	return append(asked, question{
		statement{lockQuery, []any{
			column(func(c concern) string { return c.message }), column(func(c concern) string { return c.room }),
			column(func(c concern) string { return c.conversation }),
		}},
		eachRowOf(func(row rows.Row) error { return row.Scan(new(string)) }),
	})
}

// headsQuery asks how far the logs of rooms $1 go.
const headsQuery = `
	SELECT r.conversation_id, (SELECT c.head_seq FROM conversations c WHERE c.id = r.conversation_id)
	FROM rooms r WHERE r.id = ANY ($1::text[])`

// rememberHeads asks how far the logs of messages' rooms go, before it is asked who may write there: where a log goes no
// further when it is locked, nobody has been expelled meanwhile.
func (t *tx) rememberHeads(messages []*appending) []question {
	var rooms []string
	for _, a := range messages {
		if n := len(rooms); a.m.RoomID != "" && (n == 0 || rooms[n-1] != a.m.RoomID) { // many are of one room
			rooms = append(rooms, a.m.RoomID)
		}
	}
	if len(rooms) == 0 {
		return nil
	}
	slices.Sort(rooms)
	return []question{{statement{headsQuery, []any{emptied(slices.Compact(rooms))}}, eachRowOf(func(row rows.Row) error {
		var id string
		var head int64
		err := row.Scan(&id, &head)
		if t.appends.heads == nil {
			t.appends.heads = make(map[string]int64)
		}
		t.appends.heads[id] = head
		return err
	})}}
}

// strangersQuery asks for those of the users $2 who are no members of the rooms' conversations $1.
const strangersQuery = `
	SELECT x.user_id FROM unnest($1::text[], $2::text[]) x (conversation, user_id)
	WHERE (SELECT true FROM members m WHERE m.conversation_id = x.conversation AND m.user_id = x.user_id) IS NOT TRUE`

// refuseStrangers has the transaction carried out again if one of the senders of messages, whose conversations are locked by
// now, is no member of the room any more. It asks about those alone to whose logs another process has added something.
func (t *tx) refuseStrangers(messages []*appending, grown map[string]bool) error {
	var conversations, senders []string
	for _, a := range messages {
		if m := &a.m; grown[m.ConversationID] && m.Type != chat.TypeSystem {
			conversations, senders = append(conversations, m.ConversationID), append(senders, string(m.SenderID))
		}
	}
	if len(senders) == 0 {
		return nil
	}
	var expelled []chat.UserID
	err := t.send(question{statement{strangersQuery, []any{conversations, senders}}, eachRowOf(func(row rows.Row) error {
		var user chat.UserID
		err := row.Scan(&user)
		expelled = append(expelled, user)
		return err
	})})
	if err == nil && len(expelled) > 0 {
		err = fmt.Errorf("%w: %w: it has expelled %s", batch.ErrAgain, Unavailable, expelled[0])
	}
	return err
}
