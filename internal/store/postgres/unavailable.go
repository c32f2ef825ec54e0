package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/store/batch"
)

// Unavailable refuses what cannot be done while the database is away. A message that is sent again under its clientMsgId
// is stored once, whatever became of the first.
var Unavailable = &refusal.Error{
	Code: refusal.Unavailable, Message: "The database is not available, please try again", RetryAfter: 2 * time.Second,
}

var errTooLong = errors.New("the database took too long")

// readError is what is said about an error of a read.
func readError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), errTooLong):
		return fmt.Errorf("%w: %w: %w", Unavailable, errTooLong, err)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, puddle.ErrClosedPool):
		return ErrClosed
	}
	return available(err)
}

// unstorable refuses what [storable] does not let pass. The rules refuse it before, with the name of the field.
var unstorable = &refusal.Error{Code: refusal.InvalidField, Message: "Text must be valid UTF-8 without the character U+0000"}

// available makes an error that says that the database is away an [Unavailable], and one about text a refusal.
func available(err error) error {
	var said *pgconn.PgError
	switch {
	case err == nil || refusal.Of(err) != nil:
		return err
	case isAway(err):
		return fmt.Errorf("%w: %w", Unavailable, err)
	case errors.As(err, &said) && said.Code == "22021":
		return fmt.Errorf("%w: %w", unstorable, err)
	}
	return err
}

// conflict makes an error of statements that no command waits for one that says to try again, where another process was
// first with what they store, or each waited for what the other had locked.
func conflict(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code == "23505" || isDeadlock(err) {
		return fmt.Errorf("%w: %w: %w", batch.ErrAgain, Unavailable, err)
	}
	return available(err)
}

// isDeadlock tells whether the database has ended a transaction for the sake of another one.
func isDeadlock(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && (said.Code == "40001" || said.Code == "40P01")
}

// isAway tells whether an error is the database's being away, or not taking what it would take at another time.
func isAway(err error) bool {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch said.Code[:2] {
		case "08", // the connection
			"40", // another process has locked, in another order, what this one waited for
			"53", // memory, disk, connections
			"57", // it shuts down or starts, or a statement was cancelled
			"58": // it cannot read or write
			return true
		}
		switch said.Code {
		case "23505", // another process has stored the same since this one looked
			"25006", // a standby, or a primary that became one
			"25P03", // a session that was idle for too long
			"55P03": // the wait for a lock is limited
			return true
		}
		return false
	}
	var failing *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &failing) || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, pgconn.ErrConnClosed) // it broke before the question was asked
}
