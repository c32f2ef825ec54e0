package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// TestSearchFindsWhatSQLiteFinds: the same messages in both stores, in many scripts, and the same pages for every query.
func TestSearchFindsWhatSQLiteFinds(t *testing.T) {
	lite, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(t.TempDir()), discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lite.Close(); err != nil {
			t.Error(err)
		}
	})
	stores := []chat.Store{lite, openStore(t, pgtest.Database(t), discard)}
	c := newCorpus(rand.New(rand.NewPCG(1, 2)))
	for _, s := range stores {
		c.fill(t, s)
	}
	untilFound(t, lite, "sentinel")
	found := 0
	for _, q := range c.queries() {
		found += comparePages(t, stores[0], stores[1], q)
	}
	if found < 1000 {
		t.Errorf("all queries found %d messages: they compare next to nothing", found)
	}
}

// comparePages goes through all pages of a search, and returns how many messages they have.
func comparePages(t *testing.T, a, b chat.Store, q chat.MessageSearch) (found int) {
	t.Helper()
	for {
		var pages [2]chat.Page
		var shown [2]string
		for i, s := range []chat.Store{a, b} {
			page, err := s.SearchMessages(t.Context(), q)
			if err != nil {
				t.Fatalf("%+v: %v", q, err)
			}
			pages[i] = page
			for _, m := range page.Messages {
				shown[i] += m.ID + " "
			}
			shown[i] += fmt.Sprint(page.More)
		}
		if shown[0] != shown[1] {
			t.Fatalf("%+v:\nSQLite     %s\nPostgreSQL %s", q, shown[0], shown[1])
		}
		found += len(pages[0].Messages)
		if !pages[0].More {
			return found
		}
		q.Before = pages[0].Messages[len(pages[0].Messages)-1].ID
	}
}

func untilFound(t *testing.T, s chat.Store, word string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		page, err := s.SearchMessages(t.Context(), chat.MessageSearch{User: "anna", Terms: lexeme.Query(word), Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Messages) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q is not found", word)
		}
	}
}

// corpus is what is said, by whom to whom, and what becomes of it.
type corpus struct {
	random   *rand.Rand
	messages []chat.Append
	edited   map[string]string // the new content, by the id of the message
	deleted  []string
}

var (
	spaced   = strings.Fields("Crème brûlée NOON noon naïve œuvre straße Ｆｕｌｌ width École été Москва москва ёлка Ελλάδα שָׁלוֹם مَرْحَبًا 123 v2.0 don't co-op e-mail x")
	unspaced = []rune("明天的会议改到三点林小雨北京大学生物こんにちはカタカナ안녕하세요한국어สวัสดีชาวโลก")
)

func newCorpus(random *rand.Rand) *corpus {
	c := &corpus{random: random, edited: make(map[string]string)}
	peers := []chat.UserID{"bert", "carl", "dora"}
	for n := range 400 {
		sender, recipient := chat.UserID("anna"), peers[n%len(peers)]
		if random.IntN(2) == 0 {
			sender, recipient = recipient, sender
		}
		if n%10 == 9 {
			sender, recipient = "bert", "carl" // where anna is not
		}
		c.add(sender, recipient, c.text(1+random.IntN(12)))
	}
	// More conversations than are searched one by one.
	for n := range 510 {
		c.add("busy", chat.UserID(fmt.Sprintf("peer%03d", n)), c.text(1+random.IntN(3)))
	}
	for range 60 {
		m := c.messages[random.IntN(400)].Message
		if random.IntN(2) == 0 {
			c.edited[m.ID] = c.text(5)
		} else if !slices.Contains(c.deleted, m.ID) && c.edited[m.ID] == "" {
			c.deleted = append(c.deleted, m.ID)
		}
	}
	return c
}

func (c *corpus) add(sender, recipient chat.UserID, content string) {
	c.messages = append(c.messages, chat.Append{Message: chat.Message{
		ID: fmt.Sprintf("m%04d", len(c.messages)), ConversationID: chat.DirectID(sender, recipient), SenderID: sender,
		RecipientID: recipient, Content: content, Type: chat.TypeText, Timestamp: time.UnixMilli(1_700_000_000_000),
	}})
}

func (c *corpus) text(words int) string {
	all := make([]string, words)
	for i := range all {
		all[i] = c.word()
	}
	return strings.Join(all, []string{" ", ", ", "", "。", "\n"}[c.random.IntN(5)])
}

// word is of a script with spaces, or a piece of one without.
func (c *corpus) word() string {
	if c.random.IntN(2) == 0 {
		return spaced[c.random.IntN(len(spaced))]
	}
	at := c.random.IntN(len(unspaced) - 6)
	return string(unspaced[at : at+1+c.random.IntN(6)])
}

func (c *corpus) fill(t *testing.T, s chat.Store) {
	t.Helper()
	var sent sync.WaitGroup
	for _, m := range c.messages {
		sent.Add(1)
		s.StartAppend(t.Context(), m, func(_ chat.Message, err error) {
			defer sent.Done()
			if err != nil {
				t.Error(err)
			}
		})
	}
	sent.Wait()
	actor := chat.Actor{ID: "anna"}
	for _, m := range c.messages {
		content, changed := c.edited[m.Message.ID]
		if !changed {
			continue
		}
		cmd := chat.Edit{MessageID: m.Message.ID, Content: content, Editor: chat.Actor{ID: m.Message.SenderID}, At: m.Message.Timestamp, Window: time.Hour}
		if _, err := s.EditMessage(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range c.deleted {
		for _, m := range c.messages {
			if m.Message.ID == id {
				actor.ID = m.Message.SenderID
			}
		}
		if _, err := s.DeleteMessage(t.Context(), chat.Delete{MessageID: id, Actor: actor, At: time.UnixMilli(1_700_000_000_000)}); err != nil {
			t.Fatal(err)
		}
	}
	last := c.messages[0]
	last.Message.ID, last.Message.Content = "last", "sentinel"
	if _, err := s.AppendMessage(t.Context(), last); err != nil {
		t.Fatal(err)
	}
}

// queries are words, pieces of words and several of them, in all conversations of some users and in one.
func (c *corpus) queries() (queries []chat.MessageSearch) {
	add := func(text, conversation string) {
		if terms := lexeme.Query(text); len(terms) > 0 {
			for _, user := range []chat.UserID{"anna", "bert", "busy"} {
				queries = append(queries, chat.MessageSearch{User: user, Terms: terms, ConversationID: conversation, Limit: 7})
			}
		}
	}
	for _, word := range spaced {
		add(word, "")
	}
	for i := 0; i < len(unspaced); i += 3 {
		add(string(unspaced[i:i+1]), "")
		add(string(unspaced[i:min(len(unspaced), i+2+i%4)]), "")
	}
	for range 20 {
		add(c.word()+" "+c.word(), "")
		add(c.word(), chat.DirectID("anna", "bert"))
	}
	return append(queries, chat.MessageSearch{User: "stranger", Terms: lexeme.Query("noon"), Limit: 7})
}
