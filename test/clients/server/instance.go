package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

// settings are what a test may choose. Times are in milliseconds; what is 0
// has the package's own default.
type settings struct {
	Protocol       string    `json:"protocol"` // socket.io, the default, or engine.io
	Host           string    `json:"host"`
	Port           int       `json:"port"` // 0: a free one
	PingInterval   int       `json:"pingInterval"`
	PingTimeout    int       `json:"pingTimeout"`
	MaxPayload     int       `json:"maxPayload"`
	WriteStall     int       `json:"writeStall"`
	MaxQueuedBytes int       `json:"maxQueuedBytes"`
	Parked         bool      `json:"parked"`
	Deflate        *deflate  `json:"deflate"`
	Recovery       *recovery `json:"recovery"`
}

type deflate struct {
	Takeover bool `json:"takeover"`
}

type recovery struct {
	MaxDisconnection int `json:"maxDisconnection"`
	MaxPackets       int `json:"maxPackets"`
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (c settings) engine() engineio.Config {
	cfg := engineio.Config{
		PingInterval:   milliseconds(c.PingInterval),
		PingTimeout:    milliseconds(c.PingTimeout),
		MaxPayload:     c.MaxPayload,
		WriteStall:     milliseconds(c.WriteStall),
		MaxQueuedBytes: c.MaxQueuedBytes,
		Parked:         c.Parked,
	}
	if c.Deflate != nil {
		cfg.PerMessageDeflate = &engineio.PerMessageDeflate{
			ServerContextTakeover: c.Deflate.Takeover,
			ClientContextTakeover: c.Deflate.Takeover,
		}
	}
	return cfg
}

// instance is one server that runs.
type instance struct {
	url     string
	journal *journal
	socket  *socketio.Server // nil for engine.io
	handler shutdowner
	polls   *polls
	http    *http.Server
	served  chan struct{}

	released chan struct{} // closed to let blocked handlers go on

	mu      sync.Mutex
	revoked map[string]bool // tokens
}

type shutdowner interface {
	http.Handler
	Serve(*http.Server, net.Listener) error
	Shutdown(context.Context) error
}

func start(cfg settings, log *slog.Logger) (*instance, error) {
	s := &instance{
		journal:  newJournal(),
		served:   make(chan struct{}),
		released: make(chan struct{}),
		revoked:  make(map[string]bool),
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", cfg.Host, cfg.Port))
	if err != nil {
		return nil, err
	}
	path, err := s.open(cfg, log)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	s.polls = watchPolls(s.handler)
	mux.Handle(path, s.polls)
	s.url = "http://" + listener.Addr().String()
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(s.served)
		_ = s.handler.Serve(s.http, listener) // ends with ErrServerClosed
	}()
	return s, nil
}

// open makes the server behind the listener and returns its path.
func (s *instance) open(cfg settings, log *slog.Logger) (path string, err error) {
	switch cfg.Protocol {
	case "engine.io":
		s.handler, err = newEcho(cfg.engine(), s.journal)
		return "/engine.io/", err
	case "", "socket.io":
		s.socket, err = socketio.NewServer(socketConfig(cfg, log))
		if err != nil {
			return "", err
		}
		s.handler = s.socket
		s.namespaces()
		return "/socket.io/", nil
	default:
		return "", fmt.Errorf("protocol %q is neither socket.io nor engine.io", cfg.Protocol)
	}
}

func socketConfig(cfg settings, log *slog.Logger) socketio.Config {
	config := socketio.Config{Engine: cfg.engine(), Logger: log}
	if r := cfg.Recovery; r != nil {
		config.Recovery = &socketio.Recovery{MaxDisconnection: milliseconds(r.MaxDisconnection), MaxPackets: r.MaxPackets}
	}
	return config
}

// stop sends the clients away, closes the port and waits for both.
func (s *instance) stop() error {
	ctx, cancel := shutdownContext()
	defer cancel()
	err := s.handler.Shutdown(ctx)
	err = errors.Join(err, s.http.Shutdown(ctx)) // polls are still being answered
	<-s.served
	s.journal.end()
	return err
}
