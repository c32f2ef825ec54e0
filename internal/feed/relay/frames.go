package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/code"
)

// The kinds of frames. The numbers before the facts are unsigned varints.
const (
	kindCommit  cluster.Kind = "commit"  // the after of a frame; facts, which say the writer and n
	kindBeat    cluster.Kind = "beat"    // writer, n
	kindPassing cluster.Kind = "passing" // facts that are in no commit
)

// counts are those of [Figures].
type counts struct {
	held                                   atomic.Int64
	readings, read, dropped, garbled, lost atomic.Uint64
}

// outgoing are facts that are to be sent.
type outgoing struct {
	facts *feed.Facts
	after int64 // of a commit
}

// enqueue hands on what is to be sent, if anybody is there. Where the other nodes miss what was
// committed, the next frame or heartbeat shows it.
func (r *Relay) enqueue(o outgoing) {
	if r.others.Load() == 0 {
		return
	}
	select {
	case r.out <- o:
	default:
		r.counts.dropped.Add(1)
	}
}

// send is the goroutine that encodes and sends.
func (r *Relay) send(ctx context.Context) {
	beats := time.NewTicker(r.cfg.Beat)
	defer beats.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-r.out:
			r.sendFacts(o)
		case <-beats.C:
			r.beat()
		}
	}
}

func (r *Relay) sendFacts(o outgoing) {
	body, err := code.Encode(o.facts)
	switch {
	case err != nil:
		r.deps.Log.Error("facts could not be encoded", "err", err)
	case o.facts.Commit.Writer != 0:
		r.deps.Bus.Send(kindCommit, append(numbers(o.after), body...))
	default:
		r.deps.Bus.Send(kindPassing, body)
	}
}

// beat tells which commit was sent last, if it was.
func (r *Relay) beat() {
	last := r.published.Load()
	if last == nil || len(r.out) > 0 || r.others.Load() == 0 {
		return
	}
	r.deps.Bus.Send(kindBeat, numbers(last.Writer, last.N))
}

func numbers(all ...int64) []byte {
	var body []byte
	for _, n := range all {
		body = binary.AppendUvarint(body, uint64(n))
	}
	return body
}

// incoming is a frame that is to be taken in.
type incoming struct {
	from string
	kind cluster.Kind
	body []byte
}

// listen has frames come in.
func (r *Relay) listen() {
	for _, kind := range []cluster.Kind{kindCommit, kindBeat, kindPassing} {
		r.deps.Bus.On(kind, func(from string, body []byte) { r.receive(from, kind, body) })
	}
	r.deps.Bus.OnMissed(r.readNow)
	r.deps.Members.OnJoined(func(string) { r.others.Add(1) })
	r.deps.Members.OnGone(func(string) { r.others.Add(-1) })
}

func (r *Relay) receive(from string, kind cluster.Kind, body []byte) {
	select {
	case r.in <- incoming{from, kind, append([]byte(nil), body...)}:
	default:
		r.counts.dropped.Add(1)
		r.readNow()
	}
}

// hear is the goroutine that takes frames in.
func (r *Relay) hear(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case in := <-r.in:
			if err := r.take(in); err != nil {
				if r.counts.garbled.Add(1) == 1 {
					r.deps.Log.Warn("a frame of another node could not be understood; what was committed is read from the database", "kind", string(in.kind), "err", err)
				}
				r.readNow()
			}
		}
	}
}

func (r *Relay) take(in incoming) error {
	switch in.kind {
	case kindCommit:
		return r.takeCommit(in.from, in.body)
	case kindBeat:
		return r.takeBeat(in.from, in.body)
	}
	said, err := code.Decode(in.body)
	if err != nil {
		return fmt.Errorf("facts: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takeIn(&said.Facts)
	return nil
}

func (r *Relay) takeCommit(from string, body []byte) error {
	var after int64
	body, err := read(body, &after)
	if err != nil {
		return err
	}
	said, err := code.Decode(body)
	if err != nil {
		return fmt.Errorf("facts of a commit: %w", err)
	}
	f := frame{Commit: said.Commit, after: after, facts: &said.Facts}
	r.mu.Lock()
	defer r.mu.Unlock()
	ready, gap := r.writers.frame(f)
	r.takeFrames(ready)
	r.heardOf(f.Writer, from)
	if gap {
		r.readNow()
	}
	return nil
}

// takeFrames takes in frames that are next. mu is held.
func (r *Relay) takeFrames(ready []frame) {
	for _, f := range ready {
		r.takeIn(f.facts)
	}
}

func (r *Relay) takeBeat(from string, body []byte) error {
	var writer, n int64
	if _, err := read(body, &writer, &n); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	gap := r.writers.beat(writer, n)
	r.heardOf(writer, from)
	if gap {
		r.readNow()
	}
	return nil
}

var errShort = errors.New("a number is missing")

// read reads numbers, and returns what is behind them.
func read(body []byte, numbers ...*int64) ([]byte, error) {
	for _, n := range numbers {
		value, size := binary.Uvarint(body)
		if size <= 0 || value > 1<<62 {
			return nil, errShort
		}
		*n, body = int64(value), body[size:]
	}
	return body, nil
}
