package ops

import (
	"net/http"
	"net/http/pprof"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry returns a registry of the process's own, with the metrics of the Go runtime and of the process.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

// Routes says what is served.
type Routes struct {
	Health  *Health
	Metrics prometheus.Gatherer // nil: no /metrics
	Pprof   bool                // profiles tell about the program's inside and cost time to make: not for the public
}

// mutexFraction is of how many waits for a mutex one is in the profile. The runtime keeps none unless it is told to.
const mutexFraction = 10

// Register adds /health, /ready, and as configured /metrics and /debug/pprof/.
func (r Routes) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /health", r.Health.ServeHealth)
	mux.HandleFunc("GET /ready", r.Health.ServeReady)
	if r.Metrics != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(r.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	}
	if r.Pprof {
		runtime.SetMutexProfileFraction(mutexFraction)
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
}
