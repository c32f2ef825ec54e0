package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// loop owns everything of a client: one goroutine, so that nothing is locked and
// everything happens in one order. What may block has goroutines of its own, which
// report to it: attempts to connect, the token source, a link's reader and writer.
type loop struct {
	cfg    Config
	client *Client
	speaks protocol
	ctx    context.Context // of attempts and the token source: ends when the loop does

	cancel context.CancelFunc

	connection
	tokens
	calls
	queue
	places

	out     []Event // events that wait for the application
	missed  int     // events without a place for which there was no room
	alarms  alarms
	halted  error // why it has stopped
	helpers sync.WaitGroup
}

func newLoop(c *Client, cfg Config, waiting []Outgoing) *loop {
	l := &loop{cfg: cfg, client: c, speaks: socketIO{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if cfg.Protocol == WebSocket {
		l.speaks = native{}
	}
	l.connection.results, l.user = make(chan attempt, 1), cfg.UserID
	l.tokens.results = make(chan freshToken, 1)
	l.pending = make(map[uint64]*call)
	l.places = newPlaces(cfg.Since, cfg.Epoch, cfg.Buffer)
	for _, m := range waiting {
		l.waiting = append(l.waiting, &queued{Outgoing: m})
	}
	l.countQueue()
	return l
}

// run lives until Close, or until the server has sent the client away and the
// application knows.
func (l *loop) run() {
	defer close(l.client.stopped)
	defer close(l.client.events)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	if l.resting = l.cfg.NoAutoConnect; !l.resting {
		l.connect()
	}
	for l.halted == nil {
		timer.Reset(l.alarms.next())
		l.step(timer)
	}
	l.end()
	l.drain()
}

// step waits for one thing and does it.
func (l *loop) step(timer *time.Timer) {
	var out chan Event
	var first Event
	if len(l.out) > 0 {
		out, first = l.client.events, l.out[0]
	}
	var in chan incoming
	if l.link != nil {
		in = l.link.in
	}
	select {
	case <-l.client.closing:
		l.halted = ErrClosed
	case out <- first:
		l.taken()
	case c := <-l.client.calls:
		l.take(c)
	case received, open := <-in:
		if !open {
			l.lost(l.link.err)
			return
		}
		l.receive(received)
	case a := <-l.connection.results:
		l.attempted(a)
	case t := <-l.tokens.results:
		l.gotToken(t)
	case <-l.client.nudges:
		if l.resting || l.alarms.set(alarmConnect) {
			l.connect()
		}
	case <-timer.C:
		l.ring(time.Now())
	}
}

// ring does what is due.
func (l *loop) ring(now time.Time) {
	for _, due := range []struct {
		alarm alarm
		do    func()
	}{
		{alarmConnect, l.connect},
		{alarmSilence, l.listen},
		{alarmOverdue, l.checkAnswers},
		{alarmRefresh, l.askToken},
		{alarmQueue, l.pump},
		{alarmMend, l.mend},
		{alarmSync, l.sync},
	} {
		if l.alarms.due(due.alarm, now) {
			due.do()
		}
	}
}

// receive handles what the server says to a client that is signed in.
func (l *loop) receive(in incoming) {
	switch in.kind {
	case event:
		l.happened(in.name, in.payload)
	case answer:
		l.answered(in.number, in.payload)
	case farewell:
		l.lost(errFarewell)
	}
}

var errFarewell = errors.New("the server has ended the connection")

// tell hands an event to the application. Events of the server are told while there is
// room only; the client's own, which are few, always.
func (l *loop) tell(e Event) {
	l.out = append(l.out, e)
	if isReport(e) {
		l.untold++
	}
}

func (l *loop) full() bool { return len(l.out) >= l.cfg.Buffer }

// taken is when the application has taken an event.
func (l *loop) taken() {
	if isReport(l.out[0]) {
		l.untold--
	}
	l.out[0] = nil
	l.out = l.out[1:]
	if len(l.out) > l.cfg.Buffer/2 {
		return
	}
	if l.missed > 0 {
		l.tell(&Dropped{Count: l.missed})
		l.missed = 0
	}
	if l.starved {
		l.starved = false
		l.sync()
	}
}

// end lets go of everything but the events that wait.
func (l *loop) end() {
	err := l.halted
	l.client.update(func() { l.client.state, l.client.err, l.client.status = Stopped, err, ConnectionStatus{} })
	l.cancel()
	if l.link != nil {
		if errors.Is(err, ErrClosed) {
			l.link.leave()
		} else {
			l.link.drop()
		}
		l.link = nil
	}
	l.helpers.Wait()
	select {
	case a := <-l.connection.results:
		if a.link != nil {
			a.link.drop()
		}
	default:
	}
	l.failCalls(err)
	l.failQueue(err)
	if l.client.own != nil {
		l.client.own.CloseIdleConnections()
	}
}

// drain hands out what has happened before the server sent the client away.
func (l *loop) drain() {
	if errors.Is(l.halted, ErrClosed) {
		return
	}
	for len(l.out) > 0 {
		select {
		case l.client.events <- l.out[0]:
			l.out = l.out[1:]
		case c := <-l.client.calls:
			c.fail(l.halted)
		case <-l.client.closing:
			return
		}
	}
}

// alarm is something that is due at a time.
type alarm int

const (
	alarmConnect alarm = iota // the next attempt
	alarmSilence              // has the server been heard
	alarmOverdue              // are answers missing
	alarmRefresh              // the token runs out
	alarmQueue                // the server takes messages again
	alarmMend                 // holes that have not filled by themselves
	alarmSync                 // the server takes a sync again
	alarmCount
)

// alarms are when what is due; zero: not at all.
type alarms [alarmCount]time.Time

func (a *alarms) in(which alarm, wait time.Duration) { a[which] = time.Now().Add(wait) }
func (a *alarms) set(which alarm) bool               { return !a[which].IsZero() }
func (a *alarms) clear(which alarm)                  { a[which] = time.Time{} }

// due tells whether an alarm rings, which clears it.
func (a *alarms) due(which alarm, now time.Time) bool {
	if a[which].IsZero() || now.Before(a[which]) {
		return false
	}
	a.clear(which)
	return true
}

// next is how long there is nothing due.
func (a *alarms) next() time.Duration {
	first := slices.MinFunc(a[:], func(x, y time.Time) int {
		switch {
		case x.IsZero() == y.IsZero():
			return x.Compare(y)
		case x.IsZero():
			return 1
		}
		return -1
	})
	if first.IsZero() {
		return time.Hour
	}
	return max(time.Until(first), 0)
}
