package cluster

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is one connection to what carries payloads. It breaks once, and then there is
// another one. Send and Wait are called by a goroutine each, Close when both have returned.
type Conn interface {
	// Send sends payloads, in order. Its error breaks the connection.
	Send(ctx context.Context, payloads [][]byte) error
	// Wait returns when the connection has broken, with why, or when ctx ends.
	Wait(ctx context.Context) error
	// Close returns when nothing is heard any more.
	Close()
}

// Dial makes a Conn that listens: from its return on nothing is missed. It calls heard for
// each payload until it is closed, never twice at a time.
type Dial func(ctx context.Context, heard func(payload []byte)) (Conn, error)

// LineConfig is what [NewLine] needs.
type LineConfig struct {
	Name string // for the log: what is at the other end, and its setting
	Dial Dial
	Log  *slog.Logger
}

const (
	// outgoing is how many bytes wait to be sent at most.
	outgoing = 16 << 20
	// sendTimeout is how long sending may take before the connection counts as broken.
	sendTimeout = 10 * time.Second
	// lastWords is how long sending may take when all ends.
	lastWords = 500 * time.Millisecond

	// The pause before another connection is tried begins with the first, and doubles.
	firstPause, longestPause = 50 * time.Millisecond, time.Second
	hopelessPause            = time.Minute
)

// Hopeless marks an error of [Dial] that will not go away by itself: it is tried again a
// minute later.
type Hopeless struct{ Err error }

func (h Hopeless) Error() string { return h.Err.Error() }

// Unwrap is for errors.Is.
func (h Hopeless) Unwrap() error { return h.Err }

// Line is a [Broker] over connections that break: it makes another one, and says in the log
// when it is cut and when it is there again.
type Line struct {
	cfg LineConfig
	out *queue

	working                         atomic.Bool
	since                           atomic.Int64 // when it began to work, or not to, in Unix nanoseconds
	published, dropped, connections atomic.Uint64
	why                             atomic.Pointer[error] // why there is no connection; nil while there is one
}

var _ Broker = (*Line)(nil)

// NewLine returns a broker that connects once somebody listens.
func NewLine(cfg LineConfig) *Line {
	l := &Line{cfg: cfg, out: newQueue(outgoing)}
	l.turn(false)
	return l
}

// turn notes that it works from now on, or does not.
func (l *Line) turn(working bool) {
	l.since.Store(time.Now().UnixNano())
	l.working.Store(working)
}

// Publish implements [Broker].
func (l *Line) Publish(payload []byte) {
	if !l.working.Load() || !l.out.put(payload) {
		l.dropped.Add(1)
	}
}

// Working implements [Broker].
func (l *Line) Working() bool { return l.working.Load() }

// Since implements [Broker].
func (l *Line) Since() time.Time { return time.Unix(0, l.since.Load()) }

// Counts implements [Broker].
func (l *Line) Counts() Counts {
	return Counts{Published: l.published.Load(), Dropped: l.dropped.Load(), Connections: l.connections.Load()}
}

// Err is why there is no connection; nil while there is one, or none was tried yet.
func (l *Line) Err() error {
	if why := l.why.Load(); why != nil {
		return *why
	}
	return nil
}

// Listen implements [Broker].
func (l *Line) Listen(ctx context.Context, heard func(payload []byte), missed func()) {
	pause := firstPause
	for {
		err := l.serve(ctx, heard, func() {
			pause = firstPause
			missed()
		})
		if ctx.Err() != nil {
			return
		}
		l.cut(err)
		if errors.As(err, new(Hopeless)) {
			pause = hopelessPause
		}
		if !sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, longestPause)
	}
}

// serve makes a connection and uses it until it breaks, or until ends.
func (l *Line) serve(until context.Context, heard func(payload []byte), listening func()) error {
	conn, err := l.cfg.Dial(until, heard)
	if err != nil {
		return err
	}
	defer conn.Close()
	l.connected()
	listening()

	ctx, cut := context.WithCancelCause(until)
	patience, abandon := context.WithCancel(context.WithoutCancel(until))
	defer abandon()
	var sending sync.WaitGroup
	sending.Go(func() { cut(l.send(ctx, patience, conn)) })
	cut(conn.Wait(ctx))
	l.turn(false)
	if until.Err() == nil {
		abandon()
	} else {
		defer time.AfterFunc(lastWords, abandon).Stop()
	}
	sending.Wait()
	return context.Cause(ctx)
}

// send sends what is published until ctx ends, then what waits, and all that until patience does.
func (l *Line) send(ctx, patience context.Context, conn Conn) error {
	for ctx.Err() == nil {
		select {
		case <-l.out.ready:
			if err := l.sendAll(patience, conn); err != nil {
				return err
			}
		case <-ctx.Done():
		}
	}
	return l.sendAll(patience, conn)
}

// sendAll sends what waits.
func (l *Line) sendAll(ctx context.Context, conn Conn) error {
	payloads := l.out.take()
	if len(payloads) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := conn.Send(ctx, payloads); err != nil {
		l.dropped.Add(uint64(len(payloads)))
		return err
	}
	l.published.Add(uint64(len(payloads)))
	return nil
}

func (l *Line) connected() {
	if l.why.Swap(nil) != nil {
		l.cfg.Log.Info(l.cfg.Name + " is there again")
	}
	l.connections.Add(1)
	l.turn(true)
}

// cut says once that there is no connection, and again where the reason is another.
func (l *Line) cut(err error) {
	before := l.Err()
	l.why.Store(&err)
	if before == nil || before.Error() != err.Error() {
		l.cfg.Log.Warn(l.cfg.Name+" carries nothing between nodes", "err", err)
	}
}

// sleep reports whether ctx has not ended.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
