package pgtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Launch starts a server for a program that is no test, such as a benchmark, with settings beside the usual ones. The
// server ends with Stop, or with the program.
func Launch(settings ...string) (*Server, error) { return launch(settings) }

// CreateDatabase makes an empty database and returns its address.
func (s *Server) CreateDatabase(ctx context.Context, name string) (address string, err error) {
	return s.URL(name), s.manage(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
}

// DropDatabase removes a database that nobody is connected to any more.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	return s.manage(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize())
}

func (s *Server) manage(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	_, err = conn.Exec(ctx, statement)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	return nil
}

// Stop ends a server of Launch in order, waits for its end, and has its folder removed.
func (s *Server) Stop() error { return errors.Join(s.Postgres.Stop(), s.folder.Close()) }
