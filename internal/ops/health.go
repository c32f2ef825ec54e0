package ops

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/deps"
)

const (
	checkTimeout = 2 * time.Second
	timestamp    = "2006-01-02T15:04:05.000Z07:00"
)

// Check is a condition of being ready. Run may be called concurrently and must heed ctx, which ends after two seconds.
// Its name is shown to whoever asks, with Fault behind it; its error goes to the log alone.
type Check struct {
	Name  string
	Fault string // what it is where the check fails; empty for "is unavailable"
	Run   func(ctx context.Context) error
}

// HealthConfig is what [NewHealth] needs; all fields but Checks are.
type HealthConfig struct {
	Version     string
	Connections func() int // open connections, safe for concurrent use
	Checks      []Check    `need:"optional"` // run in order at every question for readiness
	// Aids are what makes a server better, and what it can be ready without.
	Aids []Check `need:"optional"`
	Now  func() time.Time
	Log  *slog.Logger
}

type phase int32

const (
	starting phase = iota
	serving
	draining
)

// Health answers whether the process lives and whether it wants traffic. It begins as starting. Safe for concurrent use.
type Health struct {
	cfg     HealthConfig
	started time.Time
	phase   atomic.Int32
}

// NewHealth returns a Health whose uptime begins now.
func NewHealth(c HealthConfig) (*Health, error) {
	if err := deps.Check(c); err != nil {
		return nil, err
	}
	return &Health{cfg: c, started: c.Now()}, nil
}

// Ready says that the start is over. It does nothing once Drain was called.
func (h *Health) Ready() { h.phase.CompareAndSwap(int32(starting), int32(serving)) }

// Drain says that the server is stopping: it is not ready again.
func (h *Health) Drain() { h.phase.Store(int32(draining)) }

// ServeHealth answers 200 as long as the process can answer at all.
func (h *Health) ServeHealth(w http.ResponseWriter, _ *http.Request) {
	now := h.cfg.Now()
	writeJSON(w, http.StatusOK, struct {
		Status      string  `json:"status"`
		Connections int     `json:"connections"`
		Timestamp   string  `json:"timestamp"`
		Uptime      float64 `json:"uptime"` // seconds
		Version     string  `json:"version"`
	}{"ok", h.cfg.Connections(), now.UTC().Format(timestamp), now.Sub(h.started).Seconds(), h.cfg.Version})
}

// ServeReady answers 200, with the names of aids that fail, or 503 with the reason.
func (h *Health) ServeReady(w http.ResponseWriter, r *http.Request) {
	type answer struct {
		Status  string   `json:"status"`
		Reason  string   `json:"reason,omitempty"`
		Without []string `json:"without,omitempty"`
	}
	reason, without := h.Standing(r.Context())
	if reason != "" {
		writeJSON(w, http.StatusServiceUnavailable, answer{Status: "unavailable", Reason: reason})
		return
	}
	writeJSON(w, http.StatusOK, answer{Status: "ready", Without: without})
}

// Standing returns why the server wants no traffic; where it does want some, the names of aids that fail. A check that is not
// through when ctx ends has failed.
func (h *Health) Standing(ctx context.Context) (unready string, without []string) {
	if unready = h.notReady(ctx); unready != "" {
		return unready, nil
	}
	return "", h.without(ctx)
}

// notReady returns why the server wants no traffic, or nothing.
func (h *Health) notReady(ctx context.Context) string {
	switch phase(h.phase.Load()) {
	case starting:
		return "starting"
	case draining:
		return "draining"
	}
	for _, check := range h.cfg.Checks {
		if err := run(ctx, check); err != nil {
			h.cfg.Log.Warn("not ready", "check", check.Name, "error", err)
			return check.Name + " " + cmp.Or(check.Fault, "is unavailable")
		}
	}
	return ""
}

// without are the names of the aids that fail. (They write into the log by themselves.)
func (h *Health) without(ctx context.Context) (names []string) {
	for _, aid := range h.cfg.Aids {
		if run(ctx, aid) != nil {
			names = append(names, aid.Name)
		}
	}
	return names
}

func run(ctx context.Context, check Check) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return check.Run(ctx)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the caller is gone
}
