// Package forward lets a client come to any node: a request for a session that another node has
// is passed on to that node, and the WebSocket that a session moves to is joined with it. So a
// balancer in front of the nodes need not know which client belongs where.
//
//	forward.go      Forwarder: whose session it is, and what may go on at a time
//	directory.go    the other nodes: tags, addresses, certificates
//	peer.go         another node, and the connections to it
//	poll.go         a request of the long-polling transport on its way to another node
//	splice.go       a WebSocket on its way to another node
//	inbound.go      what other nodes pass on to this one
//	ask.go          what nodes ask each other
//	certificate.go  by which nodes know each other
//	figures.go      what was passed on, and what was not
//
// It passes on once at most: what another node has passed on is answered here.
package forward

import (
	"context"
	cryptorand "crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/roll"
	"github.com/sockeye-im/sockeye/internal/deps"
)

// Config is what may be chosen about a Forwarder.
type Config struct {
	Address string // host:port, where other nodes are told to reach this one
	// ConnectTimeout is how long connecting to another node may take, and its answer to an opening handshake.
	ConnectTimeout time.Duration
	// AnswerTimeout bounds the time until a request is answered, which a poll may take as long as its
	// client waits for it.
	AnswerTimeout time.Duration
	// WriteStall is how long a client may take nothing of what is sent to it.
	WriteStall time.Duration
	// MaxRequests and MaxWebSockets are how many are passed on at a time; for more there is the answer
	// that there is no such session.
	MaxRequests, MaxWebSockets int
}

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.Address == "":
		return errors.New("forward: there must be an address")
	case c.ConnectTimeout <= 0 || c.AnswerTimeout <= 0 || c.WriteStall <= 0:
		return fmt.Errorf("forward: the time to connect is %s, that for an answer %s, and a write may stall for %s: each must be longer than 0s", c.ConnectTimeout, c.AnswerTimeout, c.WriteStall)
	case c.MaxRequests < 1 || c.MaxWebSockets < 1:
		return fmt.Errorf("forward: %d requests and %d WebSockets may be passed on: there must be at least one of each", c.MaxRequests, c.MaxWebSockets)
	}
	return nil
}

// Deps are what a Forwarder works with; all are required, but for Questions.
type Deps struct {
	// Listener is where other nodes come to. It is the Forwarder's own from Start on.
	Listener net.Listener
	Sessions http.Handler // answers for the sessions of this node
	Peers    *cluster.Peers
	// Vouch is told the address of a connection, which is http.Request's, by which a client has come whom its node
	// knows.
	Vouch func(remote string)
	// Questions answers what other nodes ask, see [Other.Ask]; nil is that it is not known what that means.
	Questions func(ctx context.Context, question []byte) (answer []byte) `need:"optional"`
	Log       *slog.Logger
	Now       func() time.Time // the clock, time.Now outside tests
}

const (
	// tagBytes is how much of the id of a session says which node has it; the others nobody can guess. With 24
	// bits two of ten nodes begin with the same tag once in 370,000 times, and then the younger one takes another.
	tagBytes, secretBytes = 3, 12
	tagLength, idLength   = 4, 20 // in characters
)

// Forwarder passes requests on to other nodes, and takes theirs. Its methods may be called concurrently, but for
// Start and Stop.
type Forwarder struct {
	cfg   Config
	keys  *keys
	born  time.Time
	tag   atomic.Pointer[string]
	peers *directory

	requests, webSockets limit
	spliced              splices
	figures              figures

	deps   Deps
	roll   *roll.Roll[entry]
	server *http.Server

	ctx    context.Context // ends with all that is passed on
	cancel context.CancelFunc

	mu      sync.Mutex
	stopped bool
	running sync.WaitGroup
}

// New makes a forwarder with a tag and a certificate of its own. It knows of no other node before Start.
func New(cfg Config) (*Forwarder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	keys, err := newKeys()
	if err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	f := &Forwarder{cfg: cfg, keys: keys, figures: newFigures(), requests: limit{most: cfg.MaxRequests}, webSockets: limit{most: cfg.MaxWebSockets}}
	f.peers = newDirectory(f)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.retag()
	return f, nil
}

// Start takes what other nodes pass on, and tells them of this one once they are heard. It is called before the bus
// is started.
func (f *Forwarder) Start(d Deps) (err error) {
	if err := deps.Check(d); err != nil {
		return err
	}
	f.deps, f.born = d, d.Now()
	f.roll, err = roll.New(roll.DefaultConfig(directoryKind), roll.Deps[entry]{Peers: d.Peers, Listener: f.peers, Log: d.Log, Now: d.Now})
	if err != nil {
		return err
	}
	d.Peers.OnJoined(f.peers.joined)
	d.Peers.OnGone(f.peers.gone)
	f.serve(d.Listener)
	f.tell()
	return nil
}

// HandOver ends the WebSockets that are passed on, evenly over a time, or until ctx ends: their clients come back elsewhere,
// not all at the same moment, and go on with the session, whose node lives.
func (f *Forwarder) HandOver(ctx context.Context, over time.Duration) {
	all := f.spliced.all()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	began := time.Now()
	for i, end := range all {
		if !sleep(ctx, time.Until(began.Add(over*time.Duration(i)/time.Duration(len(all))))) {
			return
		}
		end()
	}
}

// Release ends what is on its way to other nodes, and passes nothing on any more.
func (f *Forwarder) Release() { f.cancel() }

// Stop ends all, and waits for it.
func (f *Forwarder) Stop() error {
	f.Release()
	var err error
	if f.roll != nil {
		f.roll.Stop()
		err = f.server.Close()
	}
	f.peers.close()
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.running.Wait()
	return err
}

// run has something done until Stop waits for its end. It is false, and nothing is done, behind that.
func (f *Forwarder) run(task func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped {
		f.running.Go(task)
	}
	return !f.stopped
}

// NewID makes the id of a session of this node: its tag, and 96 random bits.
func (f *Forwarder) NewID() string { return *f.tag.Load() + random(secretBytes) }

// Elsewhere is who answers requests for a session that is not here: the node whose tag its id has, if that lives; else
// nil. It does not block.
func (f *Forwarder) Elsewhere(sid string) http.Handler {
	if len(sid) != idLength {
		return nil
	}
	if p := f.peers.tagged(sid[:tagLength]); p != nil {
		return p
	}
	return nil
}

// WebSockets is how many are passed on at the moment. Each takes two connections.
func (f *Forwarder) WebSockets() int { return f.webSockets.taken() }

// retag takes a tag that no session has yet.
func (f *Forwarder) retag() {
	tag := random(tagBytes)
	f.tag.Store(&tag)
}

// tell tells other nodes how to find this one.
func (f *Forwarder) tell() {
	f.roll.Set("", entry{
		Node: f.deps.Peers.Self(), Tag: *f.tag.Load(), Since: f.born.UnixMilli(), Address: f.cfg.Address, Certificate: f.keys.pin[:],
	})
}

// refuse answers what cannot be passed on as what has no session, and counts why. Whoever hears that opens another session.
func (f *Forwarder) refuse(w http.ResponseWriter, r *http.Request, why Cause) {
	f.figures.failed[why].Add(1)
	engineio.ErrUnknownSession.ServeHTTP(w, r)
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = cryptorand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// splices are the WebSockets that are passed on, by what ends them.
type splices struct {
	mu   sync.Mutex
	ends map[*context.CancelFunc]bool
}

// add notes one, until done is called, which ends it too.
func (s *splices) add(end context.CancelFunc) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends == nil {
		s.ends = make(map[*context.CancelFunc]bool)
	}
	s.ends[&end] = true
	return func() {
		end()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.ends, &end)
	}
}

func (s *splices) all() (ends []context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for end := range s.ends {
		ends = append(ends, *end)
	}
	return ends
}

// limit is how many there may be of something at a time.
type limit struct {
	most int
	mu   sync.Mutex
	n    int
}

// enter is false where there are as many as there may be; else leave is to be called.
func (l *limit) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == l.most {
		return false
	}
	l.n++
	return true
}

func (l *limit) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n--
}

func (l *limit) taken() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}
