package chat_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
)

// reader is another service on the store of a world, as of another node, which counts how often it reads messages.
type reader struct {
	*world
	service *chat.Service
	now     time.Time
	reads   int
}

type countedReads struct {
	chat.Store
	r *reader
}

func (c countedReads) Messages(ctx context.Context, q chat.MessageQuery) (chat.Page, error) {
	c.r.reads++
	return c.Store.Messages(ctx, q)
}

func (w *world) reader() *reader {
	w.Helper()
	r := &reader{world: w, now: today.Add(time.Hour)}
	var err error
	r.service, err = chat.New(chat.DefaultConfig(), chat.Deps{Store: countedReads{w.store, r}, Now: func() time.Time { return r.now }, NewID: chat.NewID})
	w.must(err)
	return r
}

// history compares what the reader answers with what one answers that knows nothing, and tells whether it has read.
func (r *reader) history(a chat.Actor, q chat.HistoryQuery) (read bool) {
	r.Helper()
	before := r.reads
	got, err := r.service.History(r.Context(), a, q)
	r.must(err)
	read = r.reads > before
	want, err := r.reader().service.History(r.Context(), a, q)
	r.must(err)
	if !reflect.DeepEqual(got, want) {
		r.Errorf("answered %+v, want %+v", got, want)
	}
	return read
}

// Nothing that is kept is told when it has changed, whoever has changed it.
func TestRecentMessagesAreThoseOfNow(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room", MaxMembers: 10})
	w.join(bert, "room")
	var said []chat.Message
	for i := range 60 {
		said = append(said, w.toRoom(anna, "room", fmt.Sprint(i)))
	}
	r := w.reader()
	q := chat.HistoryQuery{RoomID: "room"}
	if !r.history(anna, q) || r.history(anna, q) || r.history(bert, q) {
		t.Error("it is not read once for all")
	}
	last := said[len(said)-1].ID
	for name, change := range map[string]func() error{
		"a message":  func() error { w.toRoom(bert, "room", "more"); return nil },
		"an edit":    func() error { _, err := w.EditMessage(t.Context(), anna, last, "other"); return err },
		"a delete":   func() error { _, err := w.DeleteMessage(t.Context(), anna, said[40].ID); return err },
		"a pin":      func() error { _, err := w.PinMessage(t.Context(), anna, said[41].ID, true); return err },
		"a reaction": func() error { return w.React(t.Context(), bert, said[42].ID, "👍", true) },
		"who comes":  func() error { w.join(carl, "room"); return nil },
	} {
		w.must(change())
		if !r.history(anna, q) {
			t.Errorf("%s: answered by what was read before it", name)
		}
		if r.history(anna, q) {
			t.Errorf("%s: read again and again", name)
		}
	}
	_, err := w.LeaveRoom(t.Context(), bert, "room")
	w.must(err)
	_, err = r.service.History(t.Context(), bert, q)
	refused(t, err, *chat.ErrNotInRoom)
	r.history(anna, q)
	r.now = r.now.Add(6 * time.Minute)
	if !r.history(anna, q) {
		t.Error("kept for ever")
	}
	r.service.Heard([]account.Event{{Kind: account.FriendAccepted}})
	if r.history(anna, q) {
		t.Error("a new friend has it forgotten")
	}
	r.service.Heard([]account.Event{{Kind: account.UserChanged}})
	if !r.history(anna, q) {
		t.Error("answered with the name before")
	}
}

// A page that is kept answers for smaller ones, and for larger ones where there is no more.
func TestRecentPages(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	for i := range 5 {
		w.direct(anna, bert, fmt.Sprint(i))
	}
	r := w.reader()
	for _, c := range []struct {
		limit int
		reads bool
	}{{3, true}, {3, false}, {2, false}, {4, true}, {3, false}, {5, true}, {6, false}, {100, false}, {1, false}} {
		if got := r.history(anna, chat.HistoryQuery{UserID: "bert", Limit: c.limit}); got != c.reads {
			t.Errorf("a page of %d was read: %t", c.limit, got)
		}
	}
	first, err := w.History(t.Context(), anna, chat.HistoryQuery{UserID: "bert"})
	w.must(err)
	for range 2 {
		if !r.history(anna, chat.HistoryQuery{UserID: "bert", Before: first.Messages[3].ID}) {
			t.Error("an older page is kept")
		}
	}
	if kept := r.service.Kept(); kept.Conversations != 1 || kept.Bytes == 0 || kept.Reads != 9 || kept.Hits != 6 {
		t.Errorf("kept %+v", kept)
	}
}

// What is kept has a bound in bytes; what was asked for longest ago goes.
func TestRecentMessagesHaveABound(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	long := strings.Repeat("x", 10_000)
	const rooms = 60 // of 100 messages each: about 60 MB
	for i := range rooms {
		id := fmt.Sprint("room", i)
		w.room(anna, chat.CreateRoom{ID: id})
		w.toRoom(anna, id, long)
	}
	messages := make([]chat.Message, 100)
	for i := range messages {
		messages[i].Content = long
	}
	full := w.reader()
	var err error
	full.service, err = chat.New(chat.DefaultConfig(), chat.Deps{
		Store: pages{countedReads{w.store, full}, messages}, Now: func() time.Time { return full.now }, NewID: chat.NewID,
	})
	w.must(err)
	for i := range rooms {
		_, err := full.service.History(t.Context(), anna, chat.HistoryQuery{RoomID: fmt.Sprint("room", i), Limit: 100})
		w.must(err)
		_, err = full.service.History(t.Context(), anna, chat.HistoryQuery{RoomID: "room0", Limit: 100})
		w.must(err)
	}
	if kept := full.service.Kept(); kept.Bytes > 32<<20 || kept.Bytes < 30<<20 || kept.Conversations > 33 {
		t.Errorf("kept %+v", kept)
	}
	if hits := full.service.Kept().Hits; hits != rooms {
		t.Errorf("the one that is asked for all the time was answered %d times by what is kept", hits)
	}
}

// pages are full of long messages, whatever is there.
type pages struct {
	countedReads
	messages []chat.Message
}

func (p pages) Messages(context.Context, chat.MessageQuery) (chat.Page, error) {
	return chat.Page{Messages: p.messages, More: true}, nil
}
