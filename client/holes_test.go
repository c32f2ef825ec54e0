package client_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

// logServer is a server in memory with one conversation, c, of which it tells what
// the test wants and leaves out the rest.
type logServer struct {
	*bubble
	t *testing.T
	c *client.Client

	mu    sync.Mutex
	syncs []string // what was asked for, "c:SEQ"
	reply func(since int) string
}

func (s *logServer) answers(reply func(since int) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reply = reply
}

func said(seq int) string {
	return fmt.Sprintf(`{"type":"room:message","conversationId":"c","seq":%d,"roomId":"hall","content":"%d"}`, seq, seq)
}

// missed are the events of a sync up to seq.
func missed(from, to, seq int) string {
	var events []string
	for i := from; i <= to; i++ {
		events = append(events, fmt.Sprintf(`{"event":"room:message","payload":{"conversationId":"c","seq":%d,"roomId":"hall"}}`, i))
	}
	return fmt.Sprintf(`{"c":{"firstSeq":1,"seq":%d,"events":[%s]}}`, seq, strings.Join(events, ","))
}

func startLog(t *testing.T) *logServer {
	s := &logServer{t: t}
	b, httpClient := startBubble(t, func(request map[string]any) map[string]any {
		answer := map[string]any{"type": "ack", "ok": true}
		since, ok := request["conversations"].(map[string]any)["c"].(float64)
		if !ok {
			return answer // the first one
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.syncs = append(s.syncs, fmt.Sprintf("c:%d", int(since)))
		conversations, more := strings.CutSuffix(s.reply(int(since)), "+")
		answer["conversations"], answer["more"] = rawJSON(conversations), more
		return answer
	})
	s.bubble = b
	s.c = must[*client.Client](t)(client.Dial(t.Context(), client.Config{
		URL: "http://chat.example", Protocol: client.WebSocket, HTTPClient: httpClient, Token: client.StaticToken("t"),
	}))
	return s
}

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// want reads events until all of these have come, and nothing else of the
// conversation.
func (s *logServer) want(names ...string) {
	s.t.Helper()
	for _, name := range names {
		for got := ""; got == ""; {
			switch e := (<-s.c.Events()).(type) {
			case *client.RoomMessage:
				got = fmt.Sprint(e.Seq)
			case *client.ConversationReset, *client.ConversationGone:
				got = client.Name(e)
			}
			if got != "" && got != name {
				s.t.Fatalf("%s came where %s belongs", got, name)
			}
		}
	}
}

func TestHoles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startLog(t)
		defer s.c.Close()
		s.push <- said(5) // a conversation that nobody knows begins with what comes
		s.want("5")

		s.answers(func(int) string { return missed(6, 7, 7) })
		s.push <- said(7) // without 6
		began := time.Now()
		s.want("6", "7")
		if took := time.Since(began); took != 500*time.Millisecond {
			t.Errorf("mended after %s", took)
		}

		s.push <- said(9) // overtaken
		s.push <- said(8)
		s.push <- said(8) // again
		s.want("8", "9")

		s.answers(func(since int) string {
			if since == 9 {
				return missed(10, 10, 12) + "+"
			}
			return missed(11, 12, 12)
		})
		s.push <- `{"type":"conversation:head","conversationId":"c","seq":12}`
		s.want("10", "11", "12")

		s.answers(func(int) string { return `{"c":{"reset":true,"firstSeq":1500,"seq":2000}}` })
		s.push <- `{"type":"conversation:head","conversationId":"c","seq":2000}`
		s.want("client:conversation_reset")
		s.push <- said(2001)
		s.want("2001")

		// Events that arrive while a sync is under way, as a recovery brings them, close the gap that it would report.
		gate := make(chan struct{})
		s.answers(func(int) string { <-gate; return `{"c":{"reset":true,"firstSeq":1500,"seq":2002}}` })
		s.push <- `{"type":"conversation:head","conversationId":"c","seq":2002}`
		time.Sleep(time.Second)
		s.push <- said(2002)
		s.want("2002")
		close(gate)
		s.push <- said(2003)
		s.want("2003")
		synctest.Wait()

		s.answers(func(int) string { return `{"c":{"gone":true}}` })
		s.push <- said(2005)
		s.want("client:conversation_gone")
		s.push <- said(2010) // one is in it again
		s.want("2010")
		s.mu.Lock()
		defer s.mu.Unlock()
		if got := strings.Join(s.syncs, " "); got != "c:5 c:9 c:10 c:12 c:2001 c:2003" {
			t.Errorf("asked %s", got)
		}
	})
}
