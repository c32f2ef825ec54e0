package forward_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/cluster/forward"
)

// Requests of a session come to nodes that do not have it, in the ways that clients of all versions have.
func TestPolls(t *testing.T) {
	nodes := some(t, 3)
	a, b, c := nodes[0], nodes[1], nodes[2]

	_, query := a.open()
	b.says(b.post(query, "4hello"), "ok")
	c.says(c.get(query), "4echo:hello")
	b.says(b.post(query, "bAQID"), "ok")
	a.says(a.get(query), "bZWNobzoBAgM=")
	long := strings.Repeat("x", 700_000)
	b.says(b.post(query, "4"+long), "ok")
	c.says(c.get(query), "4echo:"+long)

	opened := b.get("EIO=3&transport=polling")
	query = "EIO=3&transport=polling&sid=" + between(opened.body, `"sid":"`, `"`)
	a.says(a.post(query, "6:4hello"), "ok")
	c.says(c.get(query), "11:4echo:hello")
	a.says(a.request(http.MethodPost, query, "\x01\x03\xff\x04hi", "Content-Type", "application/octet-stream"), "ok")
	c.says(c.get(query), "\x01\x08\xff\x04echo:hi")

	opened = a.get(v4 + "&j=0")
	query = v4 + "&j=1&sid=" + between(opened.body, `\"sid\":\"`, `\"`)
	b.says(b.request(http.MethodPost, query, "d=4hello", "Content-Type", "application/x-www-form-urlencoded"), "ok")
	b.says(b.get(query), `___eio[1]("4echo:hello");`)

	passed, taken := uint64(0), uint64(0)
	for _, n := range nodes {
		n.failedNever()
		passed, taken = passed+n.Figures().Requests, taken+n.Figures().Taken
	}
	if passed != 11 || taken != 11 {
		t.Errorf("%d were passed on, and %d taken", passed, taken)
	}
	for node, want := range map[*node][]forward.PassedOn{
		a: {{Node: "b", Requests: 2}, {Node: "c"}}, b: {{Node: "a", Requests: 5}, {Node: "c"}}, c: {{Node: "a", Requests: 2}, {Node: "b", Requests: 2}},
	} {
		until(t, "a node says what it has passed on", func() bool { return slices.Equal(node.PassedOn(), want) })
	}
}

func between(text, before, behind string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, behind)
	return text
}

func TestWaitingPoll(t *testing.T) {
	nodes := some(t, 2)
	a, b := nodes[0], nodes[1]
	session, query := a.open()
	answers := make(chan answer)
	go func() {
		got, _ := b.ask(context.Background(), http.MethodGet, query, "")
		answers <- got
	}()
	until(t, "the poll waits", session.Writable)
	if err := session.Send(engineio.NewText([]byte("news"))); err != nil {
		t.Fatal(err)
	}
	b.says(<-answers, "4news")

	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := b.ask(ctx, http.MethodGet, query, "")
		gone <- err
	}()
	until(t, "the poll waits", session.Writable)
	cancel()
	if err := <-gone; err == nil {
		t.Fatal("there was an answer")
	}
	a.closed(engineio.TransportError)
	refused(t, b.get(query))
}
