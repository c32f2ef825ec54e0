package postgres

import "github.com/jackc/pgx/v5"

// Traced is the configuration with somebody who sees all statements.
func (c Config) Traced(by pgx.QueryTracer) Config {
	c.tracer = by
	return c
}

// DueQuery is the one that looks at all conversations.
const DueQuery = dueQuery
