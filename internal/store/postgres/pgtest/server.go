package pgtest

import (
	"sync"
	"testing"

	"github.com/sockeye-im/sockeye/internal/sandbox"
)

// Server is a PostgreSQL server in a temporary folder. Only one goroutine ends and starts it.
type Server struct {
	*sandbox.Postgres
	folder *sandbox.Folder

	mu    sync.Mutex
	empty []string   // databases that can be used again
	ready []prepared // likewise, of Prepared
}

// Start starts a server for one test, with settings beside the usual ones, such as "fsync=off".
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	notShort(t)
	s, err := launch(settings)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if s.Running() {
			s.Kill(t)
		}
		_ = s.folder.Close()
	})
	return s
}

// launch makes the folder and starts a server in it.
func launch(settings []string) (*Server, error) {
	folder, err := sandbox.Temporary("pgtest")
	if err != nil {
		return nil, err
	}
	server, err := folder.Postgres(settings...)
	if err != nil {
		_ = folder.Close()
		return nil, err
	}
	return &Server{Postgres: server, folder: folder}, nil
}

// Restart starts the server after Kill, with settings in place of those of Start, if there are any.
func (s *Server) Restart(t testing.TB, settings ...string) {
	t.Helper()
	if err := s.Start(settings...); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

// Kill ends the server at once, as pg_ctl stop -m immediate does: connections break, and the next start recovers.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := s.Postgres.Kill(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}
