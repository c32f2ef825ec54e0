package sqlite

import (
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// entry is a line of a conversation's log that has no seq yet.
type entry struct {
	conversation string
	kind         chat.EventKind
	message      string      // its id, for what concerns a message
	user         chat.UserID // for what concerns a member
	actor        chat.UserID
	detail       string
	at           time.Time
}

// advance gives the next seq of an existing conversation to something that happens at
// that time. It returns the time too, which is never before that of what came before.
func (t *tx) advance(conversation string, at time.Time) (int64, time.Time, error) {
	var seq, millis int64
	err := t.row(`
		UPDATE conversations SET head_seq = head_seq + 1, last_at = max(last_at, ?)
		WHERE id = ?
		RETURNING head_seq, last_at`, at.UnixMilli(), conversation).Scan(&seq, &millis)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("advance %s: %w", conversation, err)
	}
	return seq, rows.Instant(millis), nil
}

// place logs e, which is no new message, for an event that came from a connection.
func (t *tx) place(e entry, origin string) (chat.Place, error) {
	seq, at, err := t.advance(e.conversation, e.at)
	if err != nil {
		return chat.Place{}, err
	}
	_, err = t.exec(`
		INSERT INTO changes (conversation_id, seq, kind, message_id, user_id, actor_id, at, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		e.conversation, seq, e.kind, optional(e.message), optional(e.user), e.actor, at.UnixMilli(), optional(e.detail))
	if err != nil {
		return chat.Place{}, fmt.Errorf("log %s: %w", e.kind, err)
	}
	return chat.Place{ConversationID: e.conversation, Seq: seq, At: at, By: e.actor, Origin: origin}, nil
}
