// Package server is what the tests of the stock clients talk to. Over a small
// HTTP interface, Control, a test starts Socket.IO and Engine.IO servers on
// loopback ports, has them act, and follows what they notice:
//
//	POST   /servers                     start one; settings in, {id, url} out
//	DELETE /servers/{id}                shut it down
//	GET    /servers/{id}/journal        what it notices, a JSON object a line, from the start
//	POST   /servers/{id}/polling        returns when a poll of the session waits
//	POST   /servers/{id}/emit           Socket.IO only, as are the next: see act.go
//	POST   /servers/{id}/disconnect
//	POST   /servers/{id}/drop
//	POST   /servers/{id}/retire         takes nobody new from then on
//	POST   /servers/{id}/revoke
//	POST   /servers/{id}/release
//	POST   /servers/{id}/sockets
package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// shutdownTime is how long a server may take to send its clients away.
const shutdownTime = 10 * time.Second

// Control starts and stops servers. It is an http.Handler; Close stops what
// still runs.
type Control struct {
	mux http.ServeMux
	log *slog.Logger

	mu      sync.Mutex
	last    int
	servers map[string]*instance
}

// New makes a Control whose servers write to log.
func New(log *slog.Logger) *Control {
	c := &Control{log: log, servers: make(map[string]*instance)}
	c.mux.HandleFunc("POST /servers", c.start)
	c.mux.HandleFunc("DELETE /servers/{id}", c.stop)
	c.mux.HandleFunc("GET /servers/{id}/journal", c.journal)
	c.mux.HandleFunc("POST /servers/{id}/{action}", c.act)
	return c
}

// ServeHTTP implements http.Handler.
func (c *Control) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// Close shuts down the servers that still run.
func (c *Control) Close() error {
	c.mu.Lock()
	servers := c.servers
	c.servers = make(map[string]*instance)
	c.mu.Unlock()
	var err error
	for _, s := range servers {
		err = errors.Join(err, s.stop())
	}
	return err
}

func (c *Control) start(w http.ResponseWriter, r *http.Request) {
	var cfg settings
	if !read(w, r, &cfg) {
		return
	}
	s, err := start(cfg, c.log)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	c.mu.Lock()
	c.last++
	id := strconv.Itoa(c.last)
	c.servers[id] = s
	c.mu.Unlock()
	write(w, map[string]string{"id": id, "url": s.url})
}

func (c *Control) stop(w http.ResponseWriter, r *http.Request) {
	s := c.find(w, r)
	if s == nil {
		return
	}
	c.mu.Lock()
	delete(c.servers, r.PathValue("id"))
	c.mu.Unlock()
	if err := s.stop(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	write(w, struct{}{})
}

func (c *Control) journal(w http.ResponseWriter, r *http.Request) {
	s := c.find(w, r)
	if s == nil {
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w).Flush
	encoder := json.NewEncoder(w)
	_ = flush()
	s.journal.follow(r.Context(), func(e entry) error { return errors.Join(encoder.Encode(e), flush()) })
}

func (c *Control) act(w http.ResponseWriter, r *http.Request) {
	s := c.find(w, r)
	if s == nil {
		return
	}
	var command command
	if !read(w, r, &command) {
		return
	}
	result, err := s.act(r.Context(), r.PathValue("action"), command)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	write(w, result)
}

func (c *Control) find(w http.ResponseWriter, r *http.Request) *instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.servers[r.PathValue("id")]
	if s == nil {
		http.Error(w, "no such server: "+r.PathValue("id"), http.StatusNotFound)
	}
	return s
}

func read(w http.ResponseWriter, r *http.Request, dst any) bool {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(dst); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that has gone needs no answer
}

func shutdownContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), shutdownTime)
}
