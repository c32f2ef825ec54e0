package ops

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Other stands for every label value that is not in the [Vocabulary].
const Other = "other"

// Vocabulary lists the label values there can be. Values from outside are looked up in it, so that no client can make
// the metrics grow.
type Vocabulary struct {
	Messages   []string // kinds of messages, such as "message:send"
	Operations []string // what is timed
	Refusals   []string // why connections are refused
	Ends       []string // why connections that were let in end
	ErrorTypes []string // where errors happen
	ErrorCodes []string
}

// Metrics counts what the server does. All methods are safe for concurrent use and allocate nothing.
type Metrics struct {
	registerer prometheus.Registerer

	opened, closed, refused prometheus.Counter
	refusals, ends          map[string]prometheus.Counter
	messages                map[string]outcomes
	seconds                 map[string]prometheus.Observer
	errors                  map[string]map[string]prometheus.Counter
}

// outcomes counts one kind of message by how it ended.
type outcomes struct{ ok, failed prometheus.Counter }

// NewMetrics registers the metrics. All series exist from the start, at zero.
func NewMetrics(registerer prometheus.Registerer, words Vocabulary) (*Metrics, error) {
	connections := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "websocket_connections_total", Help: "Connections by what became of them: connected, disconnected, refused.",
	}, []string{"status"})
	refusals := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "websocket_connections_refused_total", Help: "Refused connections by reason.",
	}, []string{"reason"})
	ends := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "websocket_disconnections_total", Help: "Ends of connections that were let in, by reason.",
	}, []string{"reason"})
	messages := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "websocket_messages_total", Help: "Messages from clients by type and outcome: success, error.",
	}, []string{"type", "status"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "websocket_response_time_seconds", Help: "Time to answer, by operation.",
		Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5},
	}, []string{"operation"})
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "websocket_errors_total", Help: "Errors by where they happened and their code.",
	}, []string{"type", "code"})

	var failed error
	for _, c := range []prometheus.Collector{connections, refusals, ends, messages, seconds, failures, memory{}} {
		failed = errors.Join(failed, registerer.Register(c))
	}
	if failed != nil {
		return nil, failed
	}

	m := &Metrics{
		registerer: registerer,
		opened:     connections.WithLabelValues("connected"),
		closed:     connections.WithLabelValues("disconnected"),
		refused:    connections.WithLabelValues("refused"),
		refusals:   map[string]prometheus.Counter{},
		ends:       map[string]prometheus.Counter{},
		messages:   map[string]outcomes{},
		seconds:    map[string]prometheus.Observer{},
		errors:     map[string]map[string]prometheus.Counter{},
	}
	for _, reason := range withOther(words.Refusals) {
		m.refusals[reason] = refusals.WithLabelValues(reason)
	}
	for _, reason := range withOther(words.Ends) {
		m.ends[reason] = ends.WithLabelValues(reason)
	}
	for _, kind := range withOther(words.Messages) {
		m.messages[kind] = outcomes{messages.WithLabelValues(kind, "success"), messages.WithLabelValues(kind, "error")}
	}
	for _, operation := range withOther(words.Operations) {
		m.seconds[operation] = seconds.WithLabelValues(operation)
	}
	for _, kind := range withOther(words.ErrorTypes) {
		m.errors[kind] = map[string]prometheus.Counter{}
		for _, code := range withOther(words.ErrorCodes) {
			m.errors[kind][code] = failures.WithLabelValues(kind, code)
		}
	}
	return m, nil
}

func withOther(words []string) []string { return append([]string{Other}, words...) }

// ConnectionOpened counts a connection that was let in.
func (m *Metrics) ConnectionOpened() { m.opened.Inc() }

// ConnectionClosed counts the end of a connection that was let in.
func (m *Metrics) ConnectionClosed(reason string) {
	m.closed.Inc()
	known(m.ends, reason).Inc()
}

// ConnectionRefused counts a connection that was not let in.
func (m *Metrics) ConnectionRefused(reason string) {
	m.refused.Inc()
	known(m.refusals, reason).Inc()
}

// Message counts a message from a client that was handled, or failed.
func (m *Metrics) Message(kind string, ok bool) {
	if by := known(m.messages, kind); ok {
		by.ok.Inc()
	} else {
		by.failed.Inc()
	}
}

// Observe records how long an operation took.
func (m *Metrics) Observe(operation string, took time.Duration) {
	known(m.seconds, operation).Observe(took.Seconds())
}

// Error counts an error.
func (m *Metrics) Error(kind, code string) { known(known(m.errors, kind), code).Inc() }

// Watch registers a gauge that is read when somebody looks. read must be safe for concurrent use and quick.
func (m *Metrics) Watch(name, help string, read func() float64) error {
	return m.registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// WatchTotal is Watch for a number that only grows.
func (m *Metrics) WatchTotal(name, help string, read func() float64) error {
	return m.registerer.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

// WatchEach is Watch for a gauge of which there are several, told apart by labels, that come and go: read tells those that
// there are.
func (m *Metrics) WatchEach(name, help string, labels []string, read func(tell func(value float64, labels ...string))) error {
	return m.registerer.Register(&several{prometheus.NewDesc(name, help, labels, nil), read})
}

// several is a collector of gauges that are read when somebody looks.
type several struct {
	desc *prometheus.Desc
	read func(tell func(value float64, labels ...string))
}

// Describe implements prometheus.Collector.
func (s *several) Describe(to chan<- *prometheus.Desc) { to <- s.desc }

// Collect implements prometheus.Collector.
func (s *several) Collect(to chan<- prometheus.Metric) {
	s.read(func(value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(s.desc, prometheus.GaugeValue, value, labels...)
	})
}

// WatchTotalOf is WatchTotal for one of several series, which differ by the value of a label.
func (m *Metrics) WatchTotalOf(name, help, label, value string, read func() float64) error {
	return m.registerer.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: name, Help: help, ConstLabels: prometheus.Labels{label: value},
	}, read))
}

func known[T any](by map[string]T, word string) T {
	if value, ok := by[word]; ok {
		return value
	}
	return by[Other]
}
