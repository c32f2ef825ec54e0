package sqlite

import (
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
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

// log adds an entry to the log of an existing conversation. It returns the seq
// and the time of the entry, which is never before that of the one before it.
func (t *tx) log(e entry) (int64, time.Time, error) {
	var seq, at int64
	err := t.row(`
		UPDATE conversations SET head_seq = head_seq + 1, last_at = max(last_at, ?)
		WHERE id = ?
		RETURNING head_seq, last_at`, e.at.UnixMilli(), e.conversation).Scan(&seq, &at)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("advance %s: %w", e.conversation, err)
	}
	_, err = t.exec(`
		INSERT INTO events (conversation_id, seq, kind, message_id, user_id, actor_id, at, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		e.conversation, seq, e.kind, optional(e.message), optional(string(e.user)), e.actor, at, optional(e.detail))
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("log %s: %w", e.kind, err)
	}
	return seq, instant(at), nil
}

// place logs e for an event that came from a connection.
func (t *tx) place(e entry, origin string) (chat.Place, error) {
	seq, at, err := t.log(e)
	return chat.Place{ConversationID: e.conversation, Seq: seq, At: at, By: e.actor, Origin: origin}, err
}
