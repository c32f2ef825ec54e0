package blackbox_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sockeye "github.com/sockeye-im/sockeye/client"
)

// TestBackupUnderLoad and its long form back a server up that is written to, kill it, restore elsewhere and let everybody
// come back with the token that they have. Nothing may be missing that was acknowledged before the backup began, and whoever
// had seen more than there is must end with what there is.
func TestBackupUnderLoad(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	backUpUnderLoad(t, load{rate: 200, before: 300, after: 200, flips: 10})
}

func TestSoakBackupUnderLoad(t *testing.T) {
	soak(t)
	backUpUnderLoad(t, load{rate: 500, filled: 100_000, before: 5000, after: 1500, flips: 200})
}

// restored is where the server listens that comes back on its port; see loopback. Nothing else uses this address.
const restored = "127.0.0.10:0"

// load is how much is said.
type load struct {
	rate   int // messages a second, as far as the machine goes along
	filled int // messages that are there at the beginning
	before int // messages before the backup begins
	after  int // messages when it has ended, until the server is killed
	flips  int // bytes of the backup to flip, one at a time
}

func backUpUnderLoad(t *testing.T, l load) {
	old := start(t, setup{shipped: true, listen: restored})
	owner := old.connect("owner")
	owner.must(t, "room:create", object{"id": "hall", "name": "Hall", "maxMembers": 1000})
	watchers := []*watcher{watch(t, old, "ada", sockeye.SocketIO), watch(t, old, "lin", sockeye.WebSocket)}
	fill(t, old, l.filled)
	talk := converse(t, old, l.rate)
	talk.await(t, l.before)
	acked, quiet := talk.acked(), talk.slowest()
	file := filepath.Join(t.TempDir(), "backup")
	runSockeye(t, nil, "backup", "--data", old.data, file)
	busy := talk.slowest()
	talk.await(t, talk.count()+l.after)
	old.kill()
	talk.running.Wait()
	t.Logf("%d messages acknowledged before the backup, %d in all; 99 of 100 within %s before, %s during", len(acked), talk.count(), quiet, busy)

	runSockeye(t, nil, "verify", file)
	flipEach(t, file, l.flips)
	data := filepath.Join(t.TempDir(), "restored")
	runSockeye(t, nil, "restore", "--data", data, file)
	// Others write more than there was before anybody comes back who was ahead: numbers alone would tell nothing.
	elsewhere := start(t, setup{shipped: true, data: data})
	late := elsewhere.connect("late")
	late.must(t, "room:join", object{"roomId": "hall"})
	for range talk.count() - len(acked) + 50 {
		late.must(t, "room:message", object{"roomId": "hall", "content": "after the restore"})
	}
	late.close()
	elsewhere.stop()

	again := start(t, setup{shipped: true, data: data, listen: old.addr})
	reader := watchers[0].client
	if err := reader.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored := historyOf(t, reader)
	kept := make(map[string]bool, len(stored))
	for _, id := range stored {
		kept[id] = true
	}
	for _, id := range acked {
		if !kept[id] {
			t.Fatalf("message %s was acknowledged before the backup began, and is not in it", id)
		}
	}
	last := again.connect("late").must(t, "room:message", object{"roomId": "hall", "content": "the last"})
	stored[last.Seq] = last.ID
	for _, w := range watchers {
		w.endsWith(t, last.Seq, stored)
	}
}

// fill says much in little time.
func fill(t *testing.T, s *server, count int) {
	t.Helper()
	if count == 0 {
		return
	}
	talk := converse(t, s, 0)
	talk.await(t, count)
	talk.hush()
}

// conversation is some who talk in the hall, each one message after the other.
type conversation struct {
	running sync.WaitGroup
	hush    func()

	mu    sync.Mutex
	ids   []string        // acknowledged
	took  []time.Duration // since slowest was asked
	after chan struct{}   // closed and replaced with each message
}

// converse begins a conversation with so many messages a second; 0 is as many as can be. It goes on until hush, or until the
// server is gone.
func converse(t *testing.T, s *server, rate int) *conversation {
	t.Helper()
	const talkers = 20
	ctx, cancel := context.WithCancel(t.Context())
	c := &conversation{after: make(chan struct{})}
	c.hush = func() { cancel(); c.running.Wait() }
	t.Cleanup(c.hush)
	for i := range talkers {
		talker := s.connect(fmt.Sprintf("talker-%d", i))
		talker.must(t, "room:join", object{"roomId": "hall"})
		c.running.Go(func() {
			var pace <-chan time.Time
			if rate > 0 {
				ticker := time.NewTicker(time.Second * talkers / time.Duration(rate))
				defer ticker.Stop()
				pace = ticker.C
			}
			for n := 0; ctx.Err() == nil; n++ {
				if pace != nil {
					select {
					case <-pace:
					case <-ctx.Done():
						return
					}
				}
				began := time.Now()
				sent, err := talker.call(ctx, "room:message", object{"roomId": "hall", "content": fmt.Sprintf("%s %d of %d", strings.Repeat("word ", 20), n, i)})
				if err != nil || !sent.OK {
					return // the server is gone
				}
				c.said(sent.ID, time.Since(began))
			}
		})
	}
	return c
}

func (c *conversation) said(id string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids, c.took = append(c.ids, id), append(c.took, took)
	close(c.after)
	c.after = make(chan struct{})
}

func (c *conversation) acked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ids)
}

func (c *conversation) count() int { return len(c.acked()) }

// slowest is within what time 99 of 100 messages were acknowledged since it was asked last.
func (c *conversation) slowest() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	took := c.took
	c.took = nil
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// await waits until so many messages were acknowledged.
func (c *conversation) await(t *testing.T, count int) {
	t.Helper()
	late := time.After(5 * patience)
	for {
		c.mu.Lock()
		enough, after := len(c.ids) >= count, c.after
		c.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-after:
		case <-late:
			t.Fatalf("%d of %d messages were acknowledged", c.count(), count)
		}
	}
}

// watcher is an application that shows the hall. It has the Go client do the rest.
type watcher struct {
	client *sockeye.Client
	name   string

	mu      sync.Mutex
	shown   map[int64]string // ids of messages by their seq
	resets  int
	changed chan struct{} // closed and replaced
}

func watch(t *testing.T, s *server, user string, over sockeye.Protocol) *watcher {
	t.Helper()
	c, err := sockeye.New(sockeye.Config{
		URL: "http://" + s.addr, Protocol: over, Token: sockeye.StaticToken(tokenFor(t, s.data, user)),
		Backoff: sockeye.Backoff{First: 10 * time.Millisecond, Longest: 200 * time.Millisecond, Attempts: 1 << 30},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := &watcher{client: c, name: user, shown: make(map[int64]string), changed: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(t.Context())
	}()
	t.Cleanup(func() { c.Close(); <-done })
	if _, err := c.JoinRoom(t.Context(), "hall"); err != nil {
		t.Fatal(err)
	}
	return w
}

// run shows what comes. After a reset all of it is read again.
func (w *watcher) run(ctx context.Context) {
	for e := range w.client.Events() {
		switch e := e.(type) {
		case *sockeye.RoomMessage:
			w.show(map[int64]string{e.Seq: e.ID}, false)
		case *sockeye.ConversationReset:
			all, err := readAll(ctx, w.client)
			if err != nil {
				return // the test is over
			}
			w.show(all, true)
		}
	}
}

func (w *watcher) show(messages map[int64]string, anew bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if anew {
		clear(w.shown)
		w.resets++
	}
	for seq, id := range messages {
		w.shown[seq] = id
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// endsWith waits until the last message is shown, and compares all.
func (w *watcher) endsWith(t *testing.T, last int64, want map[int64]string) {
	t.Helper()
	for late := time.After(patience); ; {
		w.mu.Lock()
		there, changed := w.shown[last] == want[last] && w.resets > 0, w.changed
		w.mu.Unlock()
		if there {
			break
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%s was told of %d resets, and has not shown the last message", w.name, w.resets)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	wrong := 0
	for seq, id := range w.shown {
		if want[seq] != id {
			wrong++
		}
	}
	if wrong > 0 || len(w.shown) != len(want) {
		t.Errorf("%s shows %d messages, of which %d are no such; there are %d", w.name, len(w.shown), wrong, len(want))
	}
}

// readAll reads the whole history of the hall.
func readAll(ctx context.Context, c *sockeye.Client) (map[int64]string, error) {
	all := make(map[int64]string)
	for before := ""; ; {
		page, err := c.History(ctx, sockeye.Where{RoomID: "hall"}, sockeye.Span{Before: before, Limit: 100})
		if err != nil {
			return nil, err
		}
		for i := range page.Messages {
			all[page.Messages[i].Seq] = page.Messages[i].ID
		}
		if !page.More {
			return all, nil
		}
		before = page.Messages[0].ID
	}
}

func historyOf(t *testing.T, c *sockeye.Client) map[int64]string {
	t.Helper()
	all, err := readAll(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// runSockeye runs the program, which must succeed, and returns what it has said.
func runSockeye(t *testing.T, stdin io.Reader, args ...string) string {
	t.Helper()
	path, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, args...)
	command.Env, command.Stdin = environment(true), stdin
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("sockeye %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// flipEach has the program look at the file with one byte flipped, at so many places.
func flipEach(t *testing.T, file string, places int) {
	t.Helper()
	whole, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = whole.Close() }()
	info, err := whole.Stat()
	if err != nil {
		t.Fatal(err)
	}
	path, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int64) {
		var one [1]byte
		if _, err := whole.ReadAt(one[:], at); err != nil {
			t.Fatal(err)
		}
		one[0] ^= 0x10
		if _, err := whole.WriteAt(one[:], at); err != nil {
			t.Fatal(err)
		}
	}
	for range places {
		at := rand.Int64N(info.Size())
		flip(at)
		if out, err := exec.Command(path, "verify", file).CombinedOutput(); err == nil {
			t.Errorf("byte %d was flipped: %s", at, out)
		}
		flip(at)
	}
	runSockeye(t, nil, "verify", file)
}
