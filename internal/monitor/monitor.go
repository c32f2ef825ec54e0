// Package monitor keeps figures of the server for who runs it: a sample every two
// seconds, and those of the last ten minutes in memory. It knows nothing of the
// parts it watches; whoever puts them together gives it one function that reads them.
//
//	monitor.go     Monitor: takes samples, keeps them, tells that there are new ones
//	latencies.go   Latencies: quantiles of durations since the last sample
//	nodes.go       the sum of all nodes
//	jobs.go        what came of jobs, by their kinds
//	process.go     memory, processor time and goroutines of the process
//	connection.go  a connection as it is shown
package monitor

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/deps"
)

// Config is how often samples are taken and how many are kept.
type Config struct {
	Every time.Duration
	Keep  int
}

// DefaultConfig is every two seconds, for ten minutes.
func DefaultConfig() Config { return Config{Every: 2 * time.Second, Keep: 300} }

// Reading is what the server says of itself at a moment.
type Reading struct {
	Gauges
	// What has happened since the start.
	Received, Sent, Commits uint64
	// Jobs are how many of each kind wait and run, on all nodes.
	Jobs []JobFigures
}

// Gauges are the figures of a sample that are taken as they are read.
type Gauges struct {
	Connections int `json:"connections" doc:"Connections that have signed in."`
	Peak        int `json:"peak" doc:"The most connections at a time since the start."`
	Users       int `json:"users"` // who have a connection
	Active      int `json:"active" doc:"Connections with a command in the last 30 seconds."`
	Open        int `json:"open" doc:"Connections, signed in or not; polling, native and legacy (Socket.IO 2) are of these."`
	Polling     int `json:"polling"`    // of Open: on long-polling
	Native      int `json:"native"`     // of Open: plain WebSockets
	Legacy      int `json:"legacy"`     // of Open: clients of Socket.IO 2
	HubQueue    int `json:"hubQueue"`   // commits that wait to be told
	StoreQueue  int `json:"storeQueue"` // commands that wait to be stored
	Slow        int `json:"slow" doc:"Connections closed since the start because they did not read."`
	Refused     int `json:"refused" doc:"Connections that were not let in since the start."`
	Capacity    int `json:"maxConnections" doc:"How many connections may sign in."`
	Processors  int `json:"processors"`
}

// Sample is the server at one moment, and what it did since the sample before.
type Sample struct {
	At time.Time `json:"-"`
	Gauges
	Received   float64   `json:"received" doc:"Messages a second from clients."`
	Sent       float64   `json:"sent" doc:"Messages a second to clients."`
	Commits    float64   `json:"commits" doc:"Stored commands a second."`
	Delivery   Quantiles `json:"delivery" doc:"From the commit of an event until it is queued for all who get it, in milliseconds."`
	Answers    Quantiles `json:"answers" doc:"From a command to what acknowledges it, in milliseconds."`
	CPU        float64   `json:"cpu" doc:"Percent of one processor."`
	Resident   uint64    `json:"rss" doc:"Resident memory, in bytes; 0 where the system does not tell."`
	Heap       uint64    `json:"heap"`
	Goroutines int       `json:"goroutines"`
	// Jobs are by kinds, of those of which there is something to say.
	Jobs []JobFigures `json:"jobs,omitempty"`
	// Nodes are those of which the sample is the sum, where there are several. Only the newest sample that is kept has them.
	Nodes []Node `json:"nodes,omitempty"`
}

// ErrStopped says that there will be no more samples.
var ErrStopped = errors.New("monitor: stopped")

// Monitor takes samples. Its methods may be called concurrently.
type Monitor struct {
	deps Deps
	cfg  Config

	quit chan struct{}
	stop sync.Once
	done sync.WaitGroup

	mu      sync.Mutex
	ring    []Sample
	taken   int           // samples since the start; ring has the last of them
	changed chan struct{} // closed at the next sample

	others others

	// The sampling goroutine's own.
	before  Reading
	process process
	at      time.Time
}

// Deps are what a Monitor works with; all are required but Peers.
type Deps struct {
	// Peers are the other nodes; nil where there is one. With them a sample is the sum of what all nodes say.
	Peers *cluster.Peers `need:"optional"`
	// Read must be quick. One goroutine calls it.
	Read func() Reading
	// Delivery and Answers are told durations by others, see Sample. The monitor takes them.
	Delivery, Answers *Latencies
	// Jobs is told of attempts to do jobs.
	Jobs *Jobs
	Now  func() time.Time
}

// New starts a monitor with a first sample; Stop ends it.
func New(cfg Config, d Deps) (*Monitor, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	m := &Monitor{deps: d, cfg: cfg, quit: make(chan struct{}), changed: make(chan struct{}), at: d.Now()}
	if d.Peers != nil {
		m.others.of = make(map[string]told)
		d.Peers.On(figuresKind, m.others.heard)
	}
	m.before, m.process = d.Read(), readProcess()
	m.sample()
	m.done.Go(m.run)
	return m, nil
}

// Stop ends the monitor, and whoever waits for samples. It may be called again.
func (m *Monitor) Stop() {
	m.stop.Do(func() { close(m.quit) })
	m.done.Wait()
}

// Every is the time between two samples.
func (m *Monitor) Every() time.Duration { return m.cfg.Every }

// Since returns the samples behind the n-th, as far as they are kept, and how many there were in all.
func (m *Monitor) Since(n int) (samples []Sample, taken int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := max(n, m.taken-len(m.ring), 0)
	samples = make([]Sample, 0, m.taken-min(first, m.taken))
	for ; first < m.taken; first++ {
		samples = append(samples, m.ring[first%m.cfg.Keep])
	}
	return samples, m.taken
}

// Wait returns once there are more than n samples. Else its error is ErrStopped, or that of ctx.
func (m *Monitor) Wait(ctx context.Context, n int) error {
	for {
		m.mu.Lock()
		taken, changed := m.taken, m.changed
		m.mu.Unlock()
		if taken > n {
			return nil
		}
		select {
		case <-changed:
		case <-m.quit:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *Monitor) run() {
	ticker := time.NewTicker(m.cfg.Every)
	defer ticker.Stop()
	for {
		select {
		case <-m.quit:
			return
		case <-ticker.C:
			m.sample()
		}
	}
}

func (m *Monitor) sample() {
	now, reading, process := m.deps.Now(), m.deps.Read(), readProcess()
	seconds := now.Sub(m.at).Seconds()
	own := told{
		Sample: Sample{
			At: now, Gauges: reading.Gauges,
			Received: rate(reading.Received, m.before.Received, seconds),
			Sent:     rate(reading.Sent, m.before.Sent, seconds),
			Commits:  rate(reading.Commits, m.before.Commits, seconds),
			CPU:      percent(process.cpu-m.process.cpu, seconds),
			Resident: process.resident, Heap: process.heap, Goroutines: process.goroutines,
			Jobs: m.deps.Jobs.take(reading.Jobs),
		},
		Delivery: m.deps.Delivery.take(), Answers: m.deps.Answers.take(),
	}
	m.before, m.process, m.at = reading, process, now
	s := m.sumOf(&own)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken > 0 {
		m.ring[(m.taken-1)%m.cfg.Keep].Nodes = nil
	}
	if len(m.ring) < m.cfg.Keep {
		m.ring = append(m.ring, s)
	} else {
		m.ring[m.taken%m.cfg.Keep] = s
	}
	m.taken++
	close(m.changed)
	m.changed = make(chan struct{})
}

// rate is how often a second something happened; 0 if no time has passed, or the clock was set back.
func rate(now, before uint64, seconds float64) float64 {
	if seconds <= 0 || now < before {
		return 0
	}
	return tenths(float64(now-before) / seconds)
}

func percent(busy time.Duration, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return tenths(100 * busy.Seconds() / seconds)
}

func tenths(x float64) float64 { return math.Round(x*10) / 10 }
