package rows

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Sync are the statements of a sync.
type Sync struct {
	Log       *Log
	Summaries *Summaries
	// Ends are, of a user and a list of conversations, those that the user is in: id, first seq, head, mark, and the room's
	// id or none.
	Ends string
	// New are a user's conversations, see [Summaries.Read]; the parameters behind the user are up to where is counted, a
	// list of conversations to leave out, and how many at most.
	New string
}

// Read answers a sync from one snapshot.
func (s *Sync) Read(each Each, epoch string, q *chat.SyncQuery) (chat.Synced, error) {
	r := &syncRead{Sync: s, each: each, q: q, events: q.MaxEvents, bytes: q.MaxBytes}
	r.out.Epoch = epoch
	ids := slices.AppendSeq(make([]string, 0, len(q.Since)), maps.Keys(q.Since))
	slices.Sort(ids)
	if err := r.named(ids); err != nil {
		return r.out, err
	}
	err := r.fresh(ids)
	return r.out, err
}

// syncRead is one sync on its way through a snapshot, with what is left of its
// limits.
type syncRead struct {
	*Sync
	each   Each
	q      *chat.SyncQuery
	events int
	bytes  int
	out    chat.Synced
}

// named answers about the conversations that the caller has named.
func (r *syncRead) named(ids []string) error {
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

// ends are those of a log as a member sees it.
type ends struct {
	first, head, mark int64
	room              string
}

func (r *syncRead) ends(ids []string) (map[string]ends, error) {
	known := make(map[string]ends, len(ids))
	err := r.each(func(row Row) error {
		var id string
		var at ends
		err := row.Scan(&id, &at.first, &at.head, &at.mark, &at.room)
		known[id] = at
		return err
	}, r.Ends, r.q.User, ids)
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
		next, err := r.Log.After(r.each, conversation, room, since, limit)
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

// fresh introduces the conversations that the caller has not named.
func (r *syncRead) fresh(ids []string) error {
	found, err := r.Summaries.Read(r.each, r.New, r.q.User, chat.MaxUnreadCount, ids, r.q.MaxNew+1)
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
