package chat

import (
	"container/list"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

// The bounds of what is kept of conversations that are read again and again.
const (
	// recentBytes is how many bytes of messages are kept, about; those of the conversation that was asked for longest ago go.
	recentBytes = 32 << 20
	// recentFor is how long they are kept.
	recentFor = 5 * time.Minute
	// messageBytes is about what a message takes beside its texts.
	messageBytes = 512
)

// recent is the newest messages of conversations, as they were read last. Whoever asks has looked how far the log goes, as
// that is in the row which says who may read it: everything that changes a message takes a place in that log, so what
// was read at the same end of it is what would be read now. Only the names of users have no place there; see
// [Service.Heard]. It may be used concurrently.
type recent struct {
	mu    sync.Mutex
	of    map[string]*list.Element // by the id of the conversation
	order list.List                // of *recentPage, the one asked for last first
	bytes int
	hits  uint64
	reads uint64
}

// recentPage is a page as it was read. Its messages are shared by all who get them.
type recentPage struct {
	conversation string
	first, seq   int64 // of the log, when it was asked for
	limit        int
	page         Page
	at           time.Time
	bytes        int
}

func newRecent() *recent { return &recent{of: make(map[string]*list.Element)} }

// page returns the newest messages of a conversation, if they are known.
func (r *recent) page(a *Access, limit int, now time.Time) (Page, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	e := r.of[a.ConversationID]
	if e == nil {
		return Page{}, false
	}
	known := e.Value.(*recentPage)
	age := now.Sub(known.at)
	if known.first != a.FirstSeq || known.seq != a.Seq || age < 0 || age > recentFor {
		r.drop(e)
		return Page{}, false
	}
	all := known.page.Messages
	if limit > known.limit && known.page.More {
		return Page{}, false
	}
	r.hits++
	r.order.MoveToFront(e)
	more := max(len(all)-limit, 0)
	return Page{Messages: all[more:len(all):len(all)], More: known.page.More || more > 0}, true
}

// keep keeps what was read behind a look at the log: it may be newer, and is not used then.
func (r *recent) keep(a *Access, limit int, page Page, now time.Time) {
	k := &recentPage{conversation: a.ConversationID, first: a.FirstSeq, seq: a.Seq, limit: limit, page: page, at: now}
	for i := range page.Messages {
		m := &page.Messages[i]
		k.bytes += messageBytes + len(m.Content) + messageBytes*len(m.Files) + 64*(len(m.Attachments)+len(m.Mentions)+len(m.Names))
		for _, reactions := range m.Reactions {
			k.bytes += 64 * (1 + len(reactions.Users))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.of[k.conversation]; e != nil {
		r.drop(e)
	}
	r.of[k.conversation] = r.order.PushFront(k)
	for r.bytes += k.bytes; r.bytes > recentBytes; {
		r.drop(r.order.Back())
	}
}

func (r *recent) drop(e *list.Element) {
	k := r.order.Remove(e).(*recentPage)
	delete(r.of, k.conversation)
	r.bytes -= k.bytes
}

func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order.Init()
	clear(r.of)
	r.bytes = 0
}

// Heard takes in what any node has committed about accounts: what is kept has names in it.
func (s *Service) Heard(events []account.Event) {
	for i := range events {
		if events[i].Kind == account.UserChanged {
			s.recent.clear()
		}
	}
}

// Kept is what is kept of conversations that are read again and again.
type Kept struct {
	Conversations, Bytes int
	Reads, Hits          uint64 // of their newest messages, and how many of these were answered by what is kept
}

// Kept returns the figures of this moment.
func (s *Service) Kept() Kept {
	r := s.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	return Kept{Conversations: len(r.of), Bytes: r.bytes, Reads: r.reads, Hits: r.hits}
}
