//go:build linux

package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Talk is what became of those who talk with each other meanwhile.
type Talk struct {
	Messages  int    // that were acknowledged
	Delivered int    // over all who talk
	Lost      int    // acknowledged messages that somebody has not got, or got twice
	Trouble   string // the first that went wrong; empty: nothing
}

// talkers are clients that mean well, all in one room: each says something now and then, and has to get all that is said.
type talkers struct {
	conns    []*socket
	patience time.Duration
	quit     chan struct{}
	said     sync.WaitGroup // who speak
	heard    sync.WaitGroup // who listen

	mu      sync.Mutex
	took    []time.Duration
	acked   []string
	got     []map[string]int // by listener: how often a message came
	trouble error
}

const (
	// TalkPause is the time between an acknowledgement and the next message.
	TalkPause = 200 * time.Millisecond
	talkRoom  = "hall"
)

func bringTalkers(ctx context.Context, p *StrangersPlan) (t *talkers, err error) {
	n := len(p.Tokens)
	t = &talkers{conns: make([]*socket, n), patience: p.Patience, quit: make(chan struct{}), got: make([]map[string]int, n)}
	for i, token := range p.Tokens {
		if t.conns[i], err = open(ctx, p.Addr, token, p.Patience); err != nil {
			return nil, err
		}
		request := `{"type":"room:join","ref":1,"roomId":"` + talkRoom + `"}`
		if i == 0 {
			request = `{"type":"room:create","ref":1,"id":"` + talkRoom + `","name":"Hall"}`
		}
		if err := t.conns[i].ask(request); err != nil {
			return nil, err
		}
		if err := t.conns[i].SetDeadline(time.Time{}); err != nil {
			return nil, err
		}
		t.got[i] = make(map[string]int)
	}
	for i, conn := range t.conns {
		acks := make(chan bool, 1)
		t.heard.Go(func() { t.listen(i, conn, acks) })
		t.said.Go(func() { t.speak(i, conn, acks) })
	}
	return t, nil
}

// speak sends one message after the other, until it is told to stop or one is not acknowledged.
func (t *talkers) speak(number int, conn *socket, acks <-chan bool) {
	for n := 0; ; n++ {
		select {
		case <-t.quit:
			return
		case <-time.After(TalkPause):
		}
		content, began := fmt.Sprintf("%d says %d", number, n), time.Now()
		if err := conn.say(fmt.Sprintf(`{"type":"room:message","ref":%d,"roomId":%q,"content":%q}`, n+1, talkRoom, content)); err != nil {
			t.fail("talker %d: %w", number, err)
			return
		}
		select {
		case ok := <-acks:
			if !ok {
				t.fail("talker %d: message %d was refused, or the connection lost", number, n)
				return
			}
		case <-time.After(t.patience):
			t.fail("talker %d: message %d was not acknowledged within %s", number, n, t.patience)
			return
		}
		t.mu.Lock()
		t.acked, t.took = append(t.acked, content), append(t.took, time.Since(began))
		t.mu.Unlock()
	}
}

// listen reads until the connection is closed.
func (t *talkers) listen(number int, conn *socket, acks chan<- bool) {
	defer close(acks)
	for {
		text, err := conn.next()
		if err != nil {
			t.fail("talker %d: %w", number, err)
			return
		}
		var frame struct {
			Type, Content string
			OK            bool
		}
		if err := json.Unmarshal([]byte(text), &frame); err != nil {
			t.fail("talker %d: %w", number, err)
			return
		}
		switch frame.Type {
		case "ack":
			acks <- frame.OK
		case "room:message":
			t.mu.Lock()
			t.got[number][frame.Content]++
			t.mu.Unlock()
		}
	}
}

// fail notes what goes wrong first, while nobody has asked them to stop.
func (t *talkers) fail(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.trouble == nil {
		t.trouble = fmt.Errorf(format, args...)
	}
}

// answers are the acknowledgements since they were last asked for.
func (t *talkers) answers() Answers {
	t.mu.Lock()
	defer t.mu.Unlock()
	took := t.took
	t.took = nil
	return answersOf(took)
}

// stop has them say no more, waits until all have what was said, or for as long as patience goes, and counts.
func (t *talkers) stop() (talk Talk) {
	close(t.quit)
	t.said.Wait()
	for end := time.Now().Add(t.patience); ; time.Sleep(10 * time.Millisecond) {
		if talk = t.count(); talk.Lost == 0 || time.Now().After(end) {
			break
		}
	}
	for _, conn := range t.conns {
		_ = conn.Close()
	}
	t.heard.Wait()
	return talk
}

func (t *talkers) count() (talk Talk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	talk.Messages = len(t.acked)
	for _, got := range t.got {
		for _, content := range t.acked {
			if got[content] == 1 {
				talk.Delivered++
			} else {
				talk.Lost++
			}
		}
	}
	if t.trouble != nil {
		talk.Trouble = t.trouble.Error()
	}
	return talk
}

// answersOf summarizes how long answers took.
func answersOf(took []time.Duration) Answers {
	if len(took) == 0 {
		return Answers{}
	}
	slices.Sort(took)
	return Answers{len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1]}
}
