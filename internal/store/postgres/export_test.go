package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/job"
)

// Traced is the configuration with somebody who sees all statements.
func (c Config) Traced(by pgx.QueryTracer) Config {
	c.tracer = by
	return c
}

// Migrate brings the schema up to date.
func Migrate(ctx context.Context, conn *pgx.Conn) error { return migrate(ctx, conn, nil) }

// DueQuery is the one that looks at all conversations.
const DueQuery = dueQuery

// BeginUsage looks at them once.
const BeginUsage = beginUsage

// Stuck is the configuration with another time after which the writer is taken for stuck.
func (c Config) Stuck(after time.Duration) Config {
	c.stuckAfter = after
	return c
}

// First returns once the writer has carried out a command that goes ahead of the others.
func (s *Store) First(ctx context.Context) error {
	return s.writer.DoFirst(ctx, func(*tx) error { return nil })
}

// ProvenFor is how long what was written is a proof that it can be.
const ProvenFor = provenFor

// Cause enqueues jobs in a command, and then fails with an error if there is one.
func (s *Jobs) Cause(ctx context.Context, jobs []job.Job, fail error) error {
	return s.store.writer.Do(ctx, func(tx *tx) error {
		if err := tx.enqueue(jobs); err != nil {
			return err
		}
		return fail
	})
}

// Store is the one that the jobs are of.
func (s *Jobs) Store() *Store { return s.store }
