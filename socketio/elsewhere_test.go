package socketio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/socketio"
)

// fleet is servers that tell their sockets the same, each at its own pace, and take sessions from one another.
type fleet struct {
	t       *testing.T
	servers []*harness
	told    []*progress
	names   atomic.Int64
	gone    atomic.Int64 // how many of the first servers have gone

	mu sync.Mutex // held while something becomes true, on all servers at once
}

// progress is how far a server has told.
type progress struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced
	feed    []func(*socketio.Server)
	done    int
	held    bool // it tells nothing for now
}

func newFleet(t *testing.T, size int, cfg socketio.Recovery) *fleet {
	t.Helper()
	f := &fleet{t: t}
	stopped := make(chan struct{})
	var telling sync.WaitGroup
	t.Cleanup(func() {
		close(stopped)
		telling.Wait()
	})
	for i := range size {
		own := cfg
		own.NewID = func() string { return fmt.Sprintf("%c%019d", 'a'+i, f.names.Add(1)) }
		own.Elsewhere = func(_ context.Context, c socketio.Claim) socketio.Holder { return f.find(i, c) }
		p := &progress{changed: make(chan struct{})}
		h := serve(t, socketio.Config{Recovery: &own})
		f.servers, f.told = append(f.servers, h), append(f.told, p)
		telling.Go(func() { p.run(h.Server, stopped) })
	}
	for _, h := range f.servers {
		h.Of("/").Use(func(_ context.Context, s *socketio.Socket) error {
			if !s.Recovered() {
				s.Join("room")
				s.SetData("data of " + s.ID())
			}
			return nil
		})
	}
	return f
}

func (p *progress) run(s *socketio.Server, stopped <-chan struct{}) {
	for {
		p.mu.Lock()
		var next func(*socketio.Server)
		if p.done < len(p.feed) && !p.held {
			next = p.feed[p.done]
		}
		changed := p.changed
		p.mu.Unlock()
		if next != nil {
			next(s)
			p.change(func() { p.done++ })
			continue
		}
		select {
		case <-changed:
		case <-stopped:
			return
		}
	}
}

func (p *progress) change(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// inStep waits until a server has told all that there is by now.
func (f *fleet) inStep(ctx context.Context, server int) error {
	p := f.told[server]
	f.mu.Lock()
	p.mu.Lock()
	wanted := len(p.feed)
	p.mu.Unlock()
	f.mu.Unlock()
	for {
		p.mu.Lock()
		done, changed := p.done, p.changed
		p.mu.Unlock()
		if done >= wanted {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell has all servers tell something.
func (f *fleet) tell(what func(*socketio.Server)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.told {
		p.change(func() { p.feed = append(p.feed, what) })
	}
}

func (f *fleet) say(text string) {
	f.tell(func(s *socketio.Server) {
		if err := s.Of("/").To("room").Emit("e", text); err != nil {
			f.t.Error(err)
		}
	})
}

// holding is another server of the fleet.
type holding struct {
	fleet    *fleet
	to, from int
	claim    socketio.Claim
}

func (f *fleet) find(to int, c socketio.Claim) socketio.Holder {
	for from, h := range f.servers {
		if from != to && int64(from) >= f.gone.Load() && h.Has(c) {
			return &holding{fleet: f, to: to, from: from, claim: c}
		}
	}
	return nil
}

func (h *holding) InStep(ctx context.Context) error { return h.fleet.inStep(ctx, h.to) }

func (h *holding) Take(ctx context.Context) (*socketio.Moved, error) {
	m, err := h.fleet.servers[h.from].HandOver(ctx, h.claim, func(ctx context.Context) error { return h.fleet.inStep(ctx, h.from) })
	if err != nil || m == nil {
		return nil, err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	carried := new(socketio.Moved)
	if err := json.Unmarshal(text, carried); err != nil {
		return nil, err
	}
	carried.Data = m.Data
	return carried, nil
}

// move has a client come back to a server, and tells whether it goes on with its session.
func (v *survivor) move(to *harness) bool {
	v.t.Helper()
	v.h = to
	return v.back()
}

func TestRecoveryElsewhere(t *testing.T) {
	f := newFleet(t, 3, socketio.Recovery{})
	v := f.servers[0].survivor("/")
	pid := v.id.PID
	f.say("1")
	v.until("1")
	v.lose()
	f.say("2")
	for i, want := range []string{"3", "4", "5", "6"} {
		at := f.servers[(i+1)%3]
		if !v.move(at) || v.id.PID != pid {
			t.Fatalf("not recovered at %d: %+v", i, v.id)
		}
		if s := at.Of("/").Socket(v.id.SID); s.Data() != "data of "+v.id.SID || !slices.Contains(s.Rooms(), "room") {
			t.Errorf("the socket has %v, is in %q", s.Data(), s.Rooms())
		}
		f.say(want)
		v.until(want)
		if i%2 == 0 {
			v.lose() // else nobody notices yet that it is lost
		}
	}
	v.got(t, "1", "2", "3", "4", "5", "6")
	for i, h := range f.servers {
		if n := h.Of("/").Rooms().Len(); n != map[bool]int{true: 1}[i == 1] {
			t.Errorf("server %d has %d sockets", i, n)
		}
	}
}

// What is told by one server before the session moves, and by the other one behind that, is missed by nobody, nor told twice.
func TestNothingIsMissedBetween(t *testing.T) {
	for name, slow := range map[string]int{"the old one is behind": 0, "the new one is behind": 1} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, 2, socketio.Recovery{})
			v := f.servers[0].survivor("/")
			f.say("1")
			v.until("1")
			v.lose()
			f.told[slow].change(func() { f.told[slow].held = true })
			f.say("2")
			if err := f.inStep(t.Context(), 1-slow); err != nil {
				t.Fatal(err)
			}
			go func() {
				f.say("3")
				f.told[slow].change(func() { f.told[slow].held = false })
			}()
			if !v.move(f.servers[1]) {
				t.Fatal("not recovered")
			}
			f.say("4")
			v.until("4")
			v.got(t, "1", "2", "3", "4")
		})
	}
}

// TestAnyMoves has clients move at random while things are told.
func TestAnyMoves(t *testing.T) {
	f := newFleet(t, 3, socketio.Recovery{})
	const clients, moves = 8, 10
	var said atomic.Int64
	stop := make(chan struct{})
	var saying, moving sync.WaitGroup
	saying.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(rand.IntN(300)) * time.Microsecond):
				f.say(fmt.Sprint(said.Add(1)))
			}
		}
	})
	all := make([]*survivor, clients)
	for i := range all {
		all[i] = f.servers[i%3].survivor("/")
	}
	for _, v := range all {
		moving.Go(func() {
			for range moves {
				if rand.IntN(2) == 0 {
					v.lose()
				} else {
					v.note() // and what comes to the old connection from now on is not read
				}
				if !v.move(f.servers[rand.IntN(3)]) {
					t.Errorf("not recovered")
					return
				}
			}
		})
	}
	moving.Wait()
	close(stop)
	saying.Wait()
	last := fmt.Sprint(said.Add(1))
	f.say(last)
	for _, v := range all {
		v.until(last)
		for i := 1; i < len(v.seen); i++ {
			var before, after int
			if _, err := fmt.Sscan(v.seen[i-1]+" "+v.seen[i], &before, &after); err != nil || after != before+1 {
				t.Fatalf("%s came behind %s in %s", v.seen[i], v.seen[i-1], strings.Join(v.seen[max(0, i-5):], " "))
			}
		}
		if len(v.seen) == 0 {
			t.Error("a client has heard nothing")
		}
	}
}

func TestRecoveryElsewhereFails(t *testing.T) {
	f := newFleet(t, 2, socketio.Recovery{})
	v := f.servers[0].survivor("/")
	f.say("1")
	v.until("1")
	v.lose()
	session := v.id
	for name, pid := range map[string]string{
		"another code": session.SID + strings.Repeat("x", 20),
		"another id":   strings.Repeat("a", 20) + session.PID[20:],
		"too short":    session.PID[:39],
		"no id":        strings.Repeat(" ", 40),
	} {
		thief := f.servers[1].survivor("/")
		thief.drop()
		thief.id.PID = pid
		if thief.move(f.servers[1]) || thief.id.SID == session.SID {
			t.Errorf("%s: recovered", name)
		}
		thief.drop()
	}
	v.id, v.offset = session, "zzz" // none that was ever
	if v.move(f.servers[1]) {
		t.Error("recovered behind a packet that nobody knows")
	}
	v.drop()
	v.id, v.offset = session, ""
	f.gone.Store(1)
	if v.move(f.servers[1]) {
		t.Error("recovered what was on a server that has gone")
	}
	v.drop()
}
