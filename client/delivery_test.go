package client_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

// record is what one client has been told of a room.
type record struct {
	contents []string
	seqs     []int64
	faults   []string
	lost     int
}

// follow reads events until so many messages have come.
func follow(t *testing.T, c *client.Client, count int, each func(n int)) record {
	var r record
	for late := time.After(2 * patience); len(r.contents) < count; {
		select {
		case e, open := <-c.Events():
			if !open {
				t.Errorf("the client has stopped: %v", c.Err())
				return r
			}
			if r.take(e); len(r.contents) > 0 {
				each(len(r.contents))
			}
		case <-late:
			t.Errorf("only %d messages came; the client is %v with %d queued", len(r.contents), c.State(), c.Queued())
			return r
		}
	}
	return r
}

func (r *record) take(e client.Event) {
	if p, ok := e.(interface{ Place() (string, int64) }); ok {
		_, seq := p.Place()
		if n := len(r.seqs); n > 0 && seq != r.seqs[n-1]+1 {
			r.faults = append(r.faults, fmt.Sprintf("seq %d after %d", seq, r.seqs[n-1]))
		}
		r.seqs = append(r.seqs, seq)
	}
	switch e := e.(type) {
	case *client.RoomMessage:
		r.contents = append(r.contents, e.Content)
	case *client.Disconnected:
		r.lost++
	case *client.ConversationReset, *client.Undelivered, *client.ConversationGone:
		r.faults = append(r.faults, fmt.Sprintf("%s: %+v", client.Name(e), e))
	}
}

func (r *record) check(t *testing.T, who string) {
	t.Helper()
	for i, content := range r.contents {
		if content != strconv.Itoa(i) {
			t.Fatalf("%s: message %d is %q", who, i, content)
		}
	}
	if len(r.faults) > 0 {
		t.Errorf("%s: %s", who, strings.Join(r.faults, "; "))
	}
	t.Logf("%s: %d messages in order, %d connections lost", who, len(r.contents), r.lost)
}

// TestEverythingComesOnce sends 1,000 messages through a network that delays, goes
// deaf and cuts, to a server that is killed twice.
func TestEverythingComesOnce(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		const count = 1000
		s := startServer(t)
		net := startProxy(t, s.addr)
		founder, guest := dial(t, s.config(s.addr, "ada", protocol)), dial(t, s.config(s.addr, "bob", protocol))
		must[client.Room](t)(founder.CreateRoom(t.Context(), client.NewRoom{ID: "hall", Name: "Hall"}))
		must[client.Joined](t)(guest.JoinRoom(t.Context(), "hall"))
		founder.Close()
		guest.Close()
		hasty := func(user string) *client.Client {
			cfg := s.config(net.addr, user, protocol)
			cfg.Timeout = 2 * time.Second // until a deaf network is noticed
			return dial(t, cfg)
		}
		ada, bob := hasty("ada"), hasty("bob")
		for i := range count {
			must[string](t)(ada.Queue(t.Context(), client.Outgoing{RoomID: "hall", Draft: client.Draft{Content: strconv.Itoa(i)}}))
		}
		told := make(chan record, 1)
		go func() { told <- follow(t, ada, count, func(int) {}) }()
		heard := follow(t, bob, count, trouble(s, net))
		heard.check(t, "bob")
		said := <-told
		said.check(t, "ada")
		checkStored(t, bob, count)
	})
}

// trouble does something bad after every 50 messages.
func trouble(s *server, net *proxy) func(n int) {
	last := 0
	return func(n int) {
		if n/50 == last/50 {
			return
		}
		last = n
		switch n / 50 % 5 {
		case 0:
			if n > 300 {
				return
			}
			net.set(func() { net.deaf = true }) // until the clients notice
			time.AfterFunc(3*time.Second, func() { net.set(func() { net.deaf = false }) })
		case 1, 3:
			net.cut()
		case 2:
			net.set(func() { net.delay = 2 * time.Millisecond })
		case 4:
			net.set(func() { net.delay = 0 })
			if n < 600 {
				s.kill()
				s.start()
				net.set(func() { net.target = s.addr })
			}
		}
	}
}

func checkStored(t *testing.T, c *client.Client, count int) {
	t.Helper()
	var all []client.Message
	for before, more := "", true; more; {
		page := must[client.Page](t)(c.History(t.Context(), client.Where{RoomID: "hall"}, client.Span{Before: before, Limit: 100}))
		all = append(page.Messages, all...)
		more = page.More
		before = all[0].ID
	}
	if len(all) != count {
		t.Fatalf("%d messages are stored", len(all))
	}
	for i, m := range all {
		if m.Content != strconv.Itoa(i) {
			t.Fatalf("stored message %d is %q", i, m.Content)
		}
	}
}

// TestSlowReader lets an application read nothing while much happens: it gets all
// of it, and the client keeps little.
func TestSlowReader(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		const count = 200
		s := startServer(t)
		cfg := s.config(s.addr, "bob", protocol)
		cfg.Buffer = 20
		ada, bob := dial(t, s.config(s.addr, "ada", protocol)), dial(t, cfg)
		must[client.Room](t)(ada.CreateRoom(t.Context(), client.NewRoom{ID: "hall", Name: "Hall"}))
		must[client.Joined](t)(bob.JoinRoom(t.Context(), "hall"))
		for i := range count {
			must[string](t)(ada.Queue(t.Context(), client.Outgoing{RoomID: "hall", Draft: client.Draft{Content: strconv.Itoa(i)}}))
		}
		sent := follow(t, ada, count, func(int) {})
		sent.check(t, "ada")
		must[client.Room](t)(bob.Room(t.Context(), "hall")) // an answer comes although nobody reads events
		heard := follow(t, bob, count, func(int) {})
		heard.check(t, "bob")
	})
}

// TestSince goes on where an earlier client has ended.
func TestSince(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t)
		ada := dial(t, s.config(s.addr, "ada", protocol))
		room := must[client.Room](t)(ada.CreateRoom(t.Context(), client.NewRoom{ID: "hall", Name: "Hall"}))
		cfg := s.config(s.addr, "bob", protocol)
		first := dial(t, cfg)
		must[client.Joined](t)(first.JoinRoom(t.Context(), "hall"))
		say := func(content string) client.Sent {
			return must[client.Sent](t)(ada.SendToRoom(t.Context(), client.RoomDraft{RoomID: "hall", Draft: client.Draft{Content: content}}))
		}
		seen := say("0")
		await(t, first, func(m *client.RoomMessage) bool { return m.Seq == seen.Seq })
		first.Close()
		say("1")
		direct := must[client.Sent](t)(ada.SendDirect(t.Context(), client.DirectDraft{RecipientID: "bob", Draft: client.Draft{Content: "psst"}}))
		cfg.Since = map[string]int64{room.ConversationID: seen.Seq}
		second := dial(t, cfg)
		if m := await(t, second, any1[*client.RoomMessage]); m.Content != "1" {
			t.Errorf("got %q", m.Content)
		}
		if a := await(t, second, any1[*client.ConversationAdded]); a.ConversationID != direct.ConversationID || a.Peer.UserID != "ada" {
			t.Errorf("got %+v", a)
		}
		if m := await(t, second, any1[*client.MessageReceived]); m.Content != "psst" || m.Seq != 1 {
			t.Errorf("got %+v", m)
		}
	})
}

// TestDirectMessages: what one device sends the other ones see, each once and in
// order with what comes back at the same time.
func TestDirectMessages(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		const each = 50
		s := startServer(t)
		ada := dial(t, s.config(s.addr, "ada", protocol))
		other := dial(t, s.config(s.addr, "ada", protocol))
		bob := dial(t, s.config(s.addr, "bob", protocol))
		for i := range each {
			must[string](t)(ada.Queue(t.Context(), client.Outgoing{RecipientID: "bob", Draft: client.Draft{Content: strconv.Itoa(i)}}))
			must[string](t)(bob.Queue(t.Context(), client.Outgoing{RecipientID: "ada", Draft: client.Draft{Content: strconv.Itoa(i)}}))
		}
		for who, c := range map[string]*client.Client{"ada": ada, "other": other, "bob": bob} {
			next := int64(1)
			for next <= 2*each {
				e := await(t, c, func(e client.Event) bool { _, ok := e.(interface{ Place() (string, int64) }); return ok })
				if _, seq := e.(interface{ Place() (string, int64) }).Place(); seq != next {
					t.Fatalf("%s: seq %d where %d belongs", who, seq, next)
				}
				next++
			}
		}
	})
}

// TestManyCommands asks more at once than can be on their way, while the connection
// is lost: what only reads is answered all the same.
func TestManyCommands(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t)
		net := startProxy(t, s.addr)
		ada := dial(t, s.config(net.addr, "ada", protocol))
		must[client.Room](t)(ada.CreateRoom(t.Context(), client.NewRoom{ID: "hall", Name: "Hall"}))
		answers := make(chan error)
		for i := range 400 {
			go func() {
				_, err := ada.Room(t.Context(), "hall")
				answers <- err
			}()
			if i%100 == 50 {
				net.cut()
			}
		}
		for range 400 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
	})
}
