// Package postgres carries frames between nodes by the database itself: by NOTIFY, which is
// no part of the commits that it tells of, and LISTEN on a connection of its own.
//
//	postgres.go  the two connections
//	parcel.go    payloads as the texts of notifications, and back
package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sockeye-im/sockeye/internal/cluster"
)

// Config is what [New] needs.
type Config struct {
	URL     string // of the database
	Channel string // of the cluster, see [cluster.Channel]
	Log     *slog.Logger
}

// Connections is how many a broker has.
const Connections = 2

const (
	connectTimeout = 5 * time.Second
	// quiet is how long the connection that listens is silent before it is asked whether
	// the database is there.
	quiet = 2 * time.Second
	// answerTimeout is how long the database may take to answer.
	answerTimeout = 2 * time.Second
)

// ErrDeaf says that notifications do not come through to where they are listened for.
var ErrDeaf = errors.New("LISTEN has no effect: there is a pooler in transaction mode before the database. Nodes learn of each other's commits by asking the database; give --redis, or in --database an address without the pooler")

// New returns a broker that connects once somebody listens.
func New(cfg Config) (*cluster.Line, error) {
	settings, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("the address of the database: %w", err) // it leaves the password out
	}
	settings.ConnectTimeout = connectTimeout
	settings.RuntimeParams["application_name"] = "sockeye"
	settings.DefaultQueryExecMode = pgx.QueryExecModeExec // there may be a pooler
	dial := func(ctx context.Context, heard func([]byte)) (cluster.Conn, error) {
		c, err := connect(ctx, settings, cfg.Channel, heard)
		if err != nil {
			return nil, err // not c, which would be a nil in an interface
		}
		return c, nil
	}
	return cluster.NewLine(cluster.LineConfig{Name: "the database (NOTIFY)", Dial: dial, Log: cfg.Log}), nil
}

// conn is two connections: one that waits for notifications can do nothing else.
type conn struct {
	channel string
	heard   func([]byte)
	listen  *pgx.Conn
	notify  *pgx.Conn

	sender  string // unlike that of any other connection
	parcels uint64 // that were sent
	joiner  joiner
}

func connect(ctx context.Context, settings *pgx.ConnConfig, channel string, heard func([]byte)) (_ *conn, err error) {
	c := &conn{channel: channel, heard: heard, sender: newSender()}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if c.listen, err = pgx.ConnectConfig(ctx, settings.Copy()); err != nil {
		return nil, err
	}
	if c.notify, err = pgx.ConnectConfig(ctx, settings.Copy()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if _, err = c.listen.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return c, c.hearItself(ctx)
}

func newSender() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// hearItself finds out whether notifications come through: LISTEN succeeds behind any pooler.
func (c *conn) hearItself(ctx context.Context) error {
	var pid uint32
	if err := c.listen.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		return err
	}
	if err := c.tell(ctx, []string{hello + c.sender}); err != nil {
		return err
	}
	for {
		notification, err := c.listen.WaitForNotification(ctx)
		switch {
		case pgconn.Timeout(err) && pid != c.listen.PgConn().PID(): // poolers make ids up
			return cluster.Hopeless{Err: ErrDeaf}
		case err != nil:
			return err
		case notification.Payload == hello+c.sender:
			return nil
		}
	}
}

// Send implements [cluster.Conn]. All payloads are told by one transaction, whose
// notifications are heard one after the other.
func (c *conn) Send(ctx context.Context, payloads [][]byte) error {
	for len(payloads) > 0 {
		n := fitting(payloads)
		c.parcels++
		if err := c.tell(ctx, pieces(c.sender, c.parcels, payloads[:n])); err != nil {
			return err
		}
		payloads = payloads[n:]
	}
	return nil
}

// tell sends notifications, in order. No commit waits for it; it is written nowhere. Each text is a value of its own: as an
// array they would be quoted here and read there, byte by byte.
func (c *conn) tell(ctx context.Context, texts []string) error {
	values, args := make([]string, len(texts)), make([]any, 1+len(texts))
	args[0] = c.channel
	for i, text := range texts {
		values[i], args[1+i] = "($"+strconv.Itoa(2+i)+"::text)", text
	}
	query := "SELECT pg_notify($1, text) FROM (VALUES " + strings.Join(values, ",") + ") AS told (text)"
	if _, err := c.notify.Exec(ctx, query, args...); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// Wait implements [cluster.Conn]: it hears until the connection breaks. What this connection has told is left out, before
// anything is made of it.
func (c *conn) Wait(ctx context.Context) error {
	p := patience{of: ctx, end: func() {}}
	defer func() { p.end() }()
	own := c.sender + "."
	for {
		notification, err := c.listen.WaitForNotification(p.renewed())
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case pgconn.Timeout(err):
			if err := c.ask(ctx); err != nil {
				return fmt.Errorf("it is silent: %w", err)
			}
		case err != nil:
			return err
		case strings.HasPrefix(notification.Payload, own):
		default:
			for _, payload := range c.joiner.add(notification.Payload) {
				c.heard(payload)
			}
		}
	}
}

// patience is a context that ends when it is quiet for long. It is good for many notifications, as each would cost a timer.
type patience struct {
	of    context.Context
	ctx   context.Context
	end   context.CancelFunc
	until time.Time
}

// renewed is the context, which ends in half of [quiet] or later, and in quiet at the latest.
func (p *patience) renewed() context.Context {
	if time.Until(p.until) < quiet/2 {
		p.end()
		p.until = time.Now().Add(quiet)
		p.ctx, p.end = context.WithDeadline(p.of, p.until)
	}
	return p.ctx
}

// ask finds out whether the connection that listens is still one.
func (c *conn) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return c.listen.Ping(ctx)
}

// Close implements [cluster.Conn].
func (c *conn) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, one := range []*pgx.Conn{c.listen, c.notify} {
		if one != nil {
			_ = one.Close(ctx)
		}
	}
}
