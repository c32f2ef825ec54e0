// Package pgtest gives tests a real PostgreSQL: a server in a temporary folder, which the tests of one binary share, and
// a database of its own for each of them. The server listens on a Unix socket only, and ends with the test binary,
// however that ends.
package pgtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Database makes an empty database in the server that tests share, and returns its address. It is the test's alone.
func Database(t testing.TB) string {
	t.Helper()
	return shared(t).Database(t)
}

var server struct {
	once sync.Once
	s    *Server
	err  error
}

// shared returns the server that all tests of this binary use.
func shared(t testing.TB) *Server {
	t.Helper()
	notShort(t)
	server.once.Do(func() { server.s, server.err = launch(nil) })
	if server.err != nil {
		t.Fatalf("pgtest: %v", server.err)
	}
	return server.s
}

// notShort skips tests where only quick ones are wanted: `make check` works without PostgreSQL.
func notShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs a PostgreSQL")
	}
}

var databases atomic.Int64

// Database makes an empty database in this server, and returns its address. It is the test's alone.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := s.take()
	if name == "" {
		name = s.create(t)
	}
	t.Cleanup(func() {
		if s.Running() {
			s.clear(t, name)
		}
	})
	return s.URL(name)
}

// create makes an empty database.
func (s *Server) create(t testing.TB) (name string) {
	t.Helper()
	name = fmt.Sprintf("test%d", databases.Add(1))
	s.admin(t, "postgres", "CREATE DATABASE "+name)
	return name
}

// clear empties a database, and has the next test have it. To make one takes several times as long.
func (s *Server) clear(t testing.TB, name string) {
	t.Helper()
	s.admin(t, name, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
	s.giveBack(name)
}

// take returns a database that is empty and nobody's, if there is one.
func (s *Server) take() (name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.empty) - 1; last >= 0 {
		name, s.empty = s.empty[last], s.empty[:last]
	}
	return name
}

func (s *Server) giveBack(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.empty = append(s.empty, name)
}

func (s *Server) admin(t testing.TB, database, statements string) {
	t.Helper()
	Exec(t, s.URL(database), statements)
}

// Exec runs statements in the database of an address.
func Exec(t testing.TB, address, statements string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.PgConn().Exec(ctx, statements).ReadAll(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}
