package sqlite

import (
	"database/sql"
	"errors"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/batch"
)

// writer is the only one to write. Its goroutine owns the connection and every
// statement prepared on it, until Drain has returned.
type writer struct {
	*batch.Writer[*tx]
	db *sql.DB
	tx *tx
}

func startWriter(db *sql.DB, conn *sql.Conn, cfg Config, sink chat.Sink, aroundCommit func(commit func() error) error) *writer {
	t := &tx{
		connection:   newConnection(conn),
		sink:         sink,
		aroundCommit: aroundCommit,
		toIndex:      make(chan struct{}, 1),
	}
	w := batch.Start(t, batch.Config{Name: "sqlite", QueueSize: cfg.QueueSize, MaxBatch: cfg.MaxBatch, Closed: ErrClosed})
	return &writer{Writer: w, db: db, tx: t}
}

// close releases the connection; the writer must be drained.
func (w *writer) close() error {
	return errors.Join(w.tx.close(), w.db.Close())
}
