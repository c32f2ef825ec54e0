// Package length is what clients ask of a conversation, whatever its length: for tests of
// stores that it costs the same in a long one.
package length

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
)

// Conversation is a direct conversation between anna and bert, of N messages of bert's:
// "word" and "n" with its seq, by the id of [MessageID]. Every tenth replies to the first.
type Conversation struct {
	chat.Store
	ID string
	N  int
}

// MessageID is the id of the message with a seq.
func MessageID(seq int) string { return fmt.Sprintf("m%d", seq) }

// Reads are what clients ask of a conversation. Each is checked to be what it should be at
// any length. around is a seq of its middle half, see [Conversation.Middle].
var Reads = map[string]func(ctx context.Context, c *Conversation, around int) error{
	"newest page": func(ctx context.Context, c *Conversation, _ int) error {
		page, err := c.Messages(ctx, chat.MessageQuery{ConversationID: c.ID, Limit: 50})
		return c.check(page, err, c.N-49, c.N)
	},
	"page before": pageBefore,
	"page after": func(ctx context.Context, c *Conversation, around int) error {
		page, err := c.Messages(ctx, chat.MessageQuery{ConversationID: c.ID, After: MessageID(around), Limit: 50})
		return c.check(page, err, around+1, around+50)
	},
	"thread": func(ctx context.Context, c *Conversation, around int) error {
		around -= around % 10
		thread, err := c.Thread(ctx, "anna", chat.ThreadQuery{MessageID: MessageID(1), Before: MessageID(around), Limit: 50})
		return c.check(thread.Replies, err, around-500, around-10)
	},
	"unread": func(ctx context.Context, c *Conversation, _ int) error {
		unread, err := c.Unread(ctx, chat.UnreadQuery{User: "anna", Limit: 100})
		return c.check(chat.Page{Messages: unread.Messages, More: true}, err, c.N-99, c.N)
	},
	"unread in a known conversation": func(ctx context.Context, c *Conversation, _ int) error {
		unread, err := c.Unread(ctx, chat.UnreadQuery{User: "anna", Limit: 100, Since: time.Now().Add(time.Hour), Among: []string{c.ID}})
		return c.check(chat.Page{Messages: unread.Messages, More: true}, err, c.N-99, c.N)
	},
	"search": func(ctx context.Context, c *Conversation, around int) error {
		page, err := c.SearchMessages(ctx, chat.MessageSearch{
			User: "anna", ConversationID: c.ID, Terms: lexeme.Query("word"), Before: MessageID(around), Limit: 20,
		})
		slices.Reverse(page.Messages)
		return c.check(page, err, around-20, around-1)
	},
	"search for a rare word": func(ctx context.Context, c *Conversation, around int) error {
		page, err := c.SearchMessages(ctx, chat.MessageSearch{
			User: "anna", ConversationID: c.ID, Terms: lexeme.Query(fmt.Sprintf("n%d", around)), Limit: 20,
		})
		page.More = true
		return c.check(page, err, around, around)
	},
	"sync": func(ctx context.Context, c *Conversation, _ int) error {
		synced, err := c.Sync(ctx, chat.SyncQuery{
			User: "anna", Since: map[string]int64{c.ID: int64(c.N - 50)}, MaxEvents: 500, MaxBytes: 1 << 20, MaxBehind: 1000,
		})
		page := chat.Page{More: true}
		for _, conversation := range synced.Conversations {
			for _, e := range conversation.Events {
				page.Messages = append(page.Messages, *e.Message)
			}
		}
		return c.check(page, err, c.N-49, c.N)
	},
	"mark read": func(ctx context.Context, c *Conversation, around int) error {
		cmd := chat.MarkRead{Reader: chat.Actor{ID: "anna"}, At: time.UnixMilli(1), MaxReceiptMembers: 100}
		for seq := around - 50; seq < around; seq++ {
			cmd.MessageIDs = append(cmd.MessageIDs, MessageID(seq))
		}
		_, err := c.MarkRead(ctx, cmd)
		return err
	},
	"conversation list": func(ctx context.Context, c *Conversation, _ int) error {
		list, err := c.Conversations(ctx, chat.ConversationQuery{User: "anna", Limit: 10})
		if err == nil && (len(list) != 1 || list[0].Unread != chat.MaxUnreadCount || list[0].Seq != int64(c.N) || list[0].Last == nil) {
			err = fmt.Errorf("listed %+v", list)
		}
		return err
	},
}

func pageBefore(ctx context.Context, c *Conversation, around int) error {
	page, err := c.Messages(ctx, chat.MessageQuery{ConversationID: c.ID, Before: MessageID(around), Limit: 50})
	return c.check(page, err, around-50, around-1)
}

// check tells whether the page begins and ends where it should, with more elsewhere.
func (c *Conversation) check(page chat.Page, err error, first, last int) error {
	if err != nil {
		return err
	}
	if n := len(page.Messages); n == 0 || page.Messages[0].Seq != int64(first) || page.Messages[n-1].Seq != int64(last) || !page.More {
		return fmt.Errorf("not from %d to %d of %d, with more: %s", first, last, c.N, idsOf(page.Messages))
	}
	return nil
}

// Middle is a seq of the middle half of the conversation.
func (c *Conversation) Middle(random *rand.Rand) int { return c.N/4 + random.IntN(c.N/2) }

// Times are those of one of the [Reads] of two conversations, which are read in turn: what
// else the machine does meets both alike.
type Times struct {
	Of     [2]*Conversation
	what   string
	took   [2][]time.Duration
	random *rand.Rand
}

// Alternately begins with some reads that are not counted.
func Alternately(t testing.TB, what string, short, long *Conversation) *Times {
	times := &Times{Of: [2]*Conversation{short, long}, what: what, random: rand.New(rand.NewPCG(1, 2))}
	for range 50 {
		times.Read(t)
	}
	times.took = [2][]time.Duration{}
	return times
}

// Read reads of both, in the middle of each.
func (r *Times) Read(t testing.TB) {
	for i, c := range r.Of {
		around := c.Middle(r.random)
		began := time.Now()
		err := Reads[r.what](t.Context(), c, around)
		r.took[i] = append(r.took[i], time.Since(began))
		if err != nil {
			t.Fatalf("%s: %v", r.what, err)
		}
	}
}

// Median is that of the short one, 0, or of the long one, 1.
func (r *Times) Median(of int) time.Duration {
	return slices.Sorted(slices.Values(r.took[of]))[len(r.took[of])/2]
}

// Ratio is how many times as long it takes of the long one.
func (r *Times) Ratio() float64 { return float64(r.Median(1)) / float64(r.Median(0)) }

// Compare does one of the [Reads] n times of each, and fails if it takes more than most times
// as long of the long one.
func Compare(t testing.TB, what string, short, long *Conversation, n int, most float64) {
	times := Alternately(t, what, short, long)
	for range n {
		times.Read(t)
	}
	ratio := times.Ratio()
	t.Logf("%-30s %v of %d messages, %v of %d, ratio %.2f", what, times.Median(0), short.N, times.Median(1), long.N, ratio)
	if ratio > most {
		t.Errorf("%s takes %.2f times as long of a conversation of %d messages as of one of %d", what, ratio, long.N, short.N)
	}
}

func idsOf(messages []chat.Message) string {
	ids := make([]string, len(messages))
	for i := range messages {
		ids[i] = messages[i].ID
	}
	return strings.Join(ids, " ")
}
