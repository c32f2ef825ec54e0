package storetest

import (
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

func (f *fixture) search(user chat.UserID, query string) []string {
	f.Helper()
	return contents(f.searchPage(chat.MessageSearch{User: user, Terms: lexeme.Query(query), Limit: 100}).Messages)
}

func (f *fixture) searchPage(q chat.MessageSearch) chat.Page {
	f.Helper()
	page, err := f.store.SearchMessages(f.Context(), q)
	f.Must(err)
	return page
}

// indexed returns when a message that was stored after all others is found.
func (f *fixture) indexed() {
	f.Helper()
	word := f.id("indexed")
	f.append(f.direct("indexer", "nobody", word))
	for deadline := time.Now().Add(30 * time.Second); len(f.search("indexer", word)) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatal("the index does not catch up")
		}
	}
}

func testSearch(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	meeting := f.append(f.toRoom("anna", room.ID, "明天的会议改到三点"))
	f.append(f.toRoom("anna", room.ID, "Crème brûlée at NOON"))
	f.append(f.direct("anna", "carl", "会议 secret noon"))
	late := f.append(f.direct("anna", "bert", "noon, again"))
	f.indexed()
	for query, want := range map[string][]string{
		"会议":         {meeting.Content},
		"点":          {meeting.Content},
		"会":          {meeting.Content},
		"议会":         {},
		"三点 会议":      {meeting.Content},
		"会议改到":       {meeting.Content},
		"noon":       {"noon, again", "Crème brûlée at NOON"},
		"creme Noon": {"Crème brûlée at NOON"},
		"noo":        {},
		"secret":     {},
		"noon OR x":  {},
		`body:"noon`: {},
		"c*":         {},
	} {
		equal(f, fmt.Sprintf("bert's %q", query), f.search("bert", query), want)
	}
	equal(f, "carl's", f.search("carl", "会议"), []string{"会议 secret noon"})
	equal(f, "a stranger's", f.search("stranger", "noon"), []string{})

	q := chat.MessageSearch{User: "bert", Terms: lexeme.Query("noon"), Limit: 1}
	page := f.searchPage(q)
	equal(f, "first page", []any{contents(page.Messages), page.More}, []any{[]string{"noon, again"}, true})
	q.Before = late.ID
	page = f.searchPage(q)
	equal(f, "second page", []any{contents(page.Messages), page.More}, []any{[]string{"Crème brûlée at NOON"}, false})
	q.Before, q.ConversationID = "", room.ConversationID
	equal(f, "in the room", contents(f.searchPage(q).Messages), []string{"Crème brûlée at NOON"})
	q.User = "carl"
	equal(f, "in a room of others", contents(f.searchPage(q).Messages), []string{})
	q.User, q.Before = "carl", late.ID
	_, err := f.store.SearchMessages(f.Context(), q)
	f.Refused(err, chat.ErrMessageNotFound)

	f.leave("bert", room.ID)
	equal(f, "after leaving", f.search("bert", "noon"), []string{"noon, again"})
}

func testSearchFollowsChanges(f *fixture) {
	m := f.append(f.direct("anna", "bert", "apple"))
	f.indexed()
	f.edit("anna", m, "orange")
	equal(f, "old word", f.search("bert", "apple"), []string{})
	equal(f, "new word", f.search("bert", "orange"), []string{"orange"})
	f.remove("anna", m)
	equal(f, "deleted", f.search("bert", "orange"), []string{})

	// Before the index has come so far.
	first, second := f.append(f.direct("anna", "bert", "pear")), f.append(f.direct("anna", "bert", "plum"))
	f.edit("anna", first, "quince")
	f.remove("anna", second)
	f.indexed()
	equal(f, "edited", f.search("bert", "quince"), []string{"quince"})
	equal(f, "of old", append(f.search("bert", "pear"), f.search("bert", "plum")...), []string{})
}

// testSearchAfterDeath: what one process stored another indexes.
func testSearchAfterDeath(f *fixture) {
	suite.AtOnce(8, func(i int) {
		for n := range 40 {
			if _, err := f.store.AppendMessage(f.Context(), f.direct("anna", "bert", fmt.Sprintf("word%d-%d trout", i, n))); err != nil {
				f.Error(err)
			}
		}
	})
	f.Events = &suite.Recorder[chat.Event]{}
	f.open()
	f.indexed()
	equal(f, "found", len(f.searchPage(chat.MessageSearch{User: "bert", Terms: lexeme.Query("trout"), Limit: 1000}).Messages), 320)
}
