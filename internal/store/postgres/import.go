package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
	"github.com/sockeye-im/sockeye/internal/store/transfer"
)

// Errors of imports.
var (
	// ErrUnfinished says that a database holds a part of another one, from which it is being filled.
	ErrUnfinished = errors.New("it holds a part of what is copied into it: sockeye migrate was not finished. Run it again with the same folder, or drop the database")
	// ErrNotEmpty says that a database cannot be filled, because it is somebody's.
	ErrNotEmpty = errors.New("it holds something already: what was moved there before, or what a server has stored. Name an empty database")
)

// Origin is from where a database is filled.
type Origin struct {
	Source string // what is copied; another one is refused until this is finished
	Mark   string // where this has changed, it is copied from the beginning again
}

// Import fills an empty database with what another one holds. It is a [transfer.Target], for one goroutine. Until Finish
// no server starts on the database.
type Import struct {
	store   *Store
	lease   *lease
	conn    *pgx.Conn
	reached map[string]reached // by table
}

var _ transfer.Target = (*Import)(nil)

// reached is how far a table is filled.
type reached struct {
	Rows int64 `json:"rows"`
	Key  []any `json:"key"` // of the last row
}

// OpenImport begins to fill a database, or goes on. It fails beside a server, and in a database that holds something else.
// Close must be called.
func OpenImport(ctx context.Context, cfg Config, by Holder, from Origin) (_ *Import, err error) {
	cfg.importing = true
	s, err := Open(ctx, cfg, func([]chat.Event) {})
	if err != nil {
		return nil, err
	}
	i := &Import{store: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, i.Close())
		}
	}()
	if i.lease, err = s.hold(ctx, by); err != nil {
		return nil, err
	}
	if err := s.refuseServers(ctx); err != nil {
		return nil, err
	}
	if i.conn, err = pgx.ConnectConfig(ctx, s.settings.ConnConfig); err != nil {
		return nil, fmt.Errorf("postgres: connect: %w", err)
	}
	if err := i.within(ctx, func(tx pgx.Tx) error { return i.begin(ctx, tx, from) }); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	// A server that starts meanwhile tells that it is there before it looks whether somebody fills the database.
	return i, s.refuseServers(ctx)
}

// refuseServers fails where a server has the database.
func (s *Store) refuseServers(ctx context.Context) error {
	nodes, err := s.Nodes(ctx)
	if err == nil && len(nodes) > 0 {
		err = fmt.Errorf("postgres: the database is %w by a server, on %s. Stop it first", ErrInUse, nodes[0].Host)
	}
	return err
}

// begin notes that the database is being filled from there, or reads how far it is.
func (i *Import) begin(ctx context.Context, tx pgx.Tx, from Origin) error {
	var source, mark, text string
	found, err := rows.Found(tx.QueryRow(ctx, `SELECT source, mark, reached FROM imports`).Scan(&source, &mark, &text))
	switch {
	case err != nil:
		return err
	case !found:
		if err := refuseNotEmpty(ctx, tx); err != nil {
			return err
		}
	case source != from.Source:
		return fmt.Errorf("it was begun with another folder: %w", ErrUnfinished)
	case mark == from.Mark:
		i.reached, err = readReached(text)
		return err
	}
	for _, table := range slices.Backward(imported) {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table); err != nil {
			return fmt.Errorf("empty %s: %w", table, err)
		}
	}
	i.reached = make(map[string]reached)
	_, err = tx.Exec(ctx, `
		INSERT INTO imports (one, source, mark, reached) VALUES (1, $1, $2, '{}')
		ON CONFLICT (one) DO UPDATE SET mark = excluded.mark, reached = excluded.reached`, from.Source, from.Mark)
	return err
}

// imported are the tables that an import fills, those that others refer to first.
var imported = func() (names []string) {
	for i := range transfer.Tables {
		names = append(names, transfer.Tables[i].Name)
	}
	return append(names, "user_terms", "login_skeletons", "sends", "secrets")
}()

// refuseNotEmpty fails where there is more than the secret, the key for push services and the recurring jobs of a server that has
// started, for nobody.
func refuseNotEmpty(ctx context.Context, tx pgx.Tx) error {
	for _, table := range imported {
		somebodys := table
		switch table {
		case "secrets", "push_keys":
			continue
		case "jobs":
			somebodys += ` WHERE cron = ''`
		}
		var holds bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM `+somebodys+`)`).Scan(&holds); err != nil {
			return fmt.Errorf("look into %s: %w", table, err)
		}
		if holds {
			return ErrNotEmpty
		}
	}
	return nil
}

// Empty tells whether nobody has used the database yet.
func (s *Store) Empty(ctx context.Context) (empty bool, err error) {
	if err := s.readers.row(ctx, `SELECT NOT EXISTS (SELECT 1 FROM users) AND NOT EXISTS (SELECT 1 FROM conversations)`).Scan(&empty); err != nil {
		return false, fmt.Errorf("postgres: look for users: %w", err)
	}
	return empty, nil
}

func readReached(text string) (map[string]reached, error) {
	all := make(map[string]reached)
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("read how far it is: %w", err)
	}
	for _, one := range all {
		for n, value := range one.Key {
			number, is := value.(json.Number)
			if !is {
				continue
			}
			integer, err := number.Int64()
			if err != nil {
				return nil, fmt.Errorf("read how far it is: %w", err)
			}
			one.Key[n] = integer
		}
	}
	return all, nil
}

// Reached implements [transfer.Target].
func (i *Import) Reached(_ context.Context, t *transfer.Table) (rows int64, key []any, err error) {
	one := i.reached[t.Name]
	return one.Rows, one.Key, nil
}

// Write implements [transfer.Target].
func (i *Import) Write(ctx context.Context, t *transfer.Table, rows [][]any, now int64) error {
	select {
	case <-i.lease.lost:
		return fmt.Errorf("postgres: the database is %w by another sockeye migrate by now", ErrInUse)
	default:
	}
	all := maps.Clone(i.reached)
	all[t.Name] = reached{now, slices.Clone(rows[len(rows)-1][:t.Key])}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	err = i.within(ctx, func(tx pgx.Tx) error {
		for _, part := range partsOf(t, rows) {
			if len(part.rows) == 0 {
				continue
			}
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{part.table}, part.columns, pgx.CopyFromRows(part.rows)); err != nil {
				return fmt.Errorf("write %s: %w", part.table, err)
			}
		}
		_, err := tx.Exec(ctx, `UPDATE imports SET reached = $1`, string(text))
		return err
	})
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	i.reached = all
	return nil
}

// part is what goes into one table.
type part struct {
	table   string
	columns []string
	rows    [][]any
}

// partsOf is what rows of a table come to here, with what is made of them.
func partsOf(t *transfer.Table, rows [][]any) []part {
	own := part{table: t.Name, columns: names(t), rows: rows}
	column := func(name string) int { return slices.Index(own.columns, name) }
	text := func(row []any, name string) string { s, _ := row[column(name)].(string); return s }
	switch t.Name {
	case "users":
		terms := part{table: "user_terms", columns: []string{"user_id", "term"}}
		looks := part{table: "login_skeletons", columns: []string{"user_id", "skeleton", "claimed"}}
		for _, row := range rows {
			id, login := text(row, "id"), text(row, "username")
			for _, term := range account.Terms(login, text(row, "name")) {
				terms.rows = append(terms.rows, []any{id, term})
			}
			if login == "" {
				continue
			}
			for _, skeleton := range account.Skeletons(login) {
				looks.rows = append(looks.rows, []any{id, skeleton, false}) // see Finish
			}
		}
		return []part{own, terms, looks}
	case "revoked_tokens":
		own.rows = with(own, func(row []any) []any { row[column("token_id")] = []byte(text(row, "token_id")); return row })
	case "rooms":
		own.rows = with(own, func(row []any) []any { return append(row, foldRoom(text(row, "name"), text(row, "description"))) })
		own.columns = append(own.columns, "folded")
	case "messages":
		sends := part{table: "sends", columns: []string{"sender_id", "client_msg_id", "conversation_id", "seq"}}
		for _, row := range rows {
			if id := row[column("client_msg_id")]; id != nil {
				sends.rows = append(sends.rows, []any{row[column("sender_id")], id, row[column("conversation_id")], row[column("seq")]})
			}
		}
		own.rows = with(own, func(row []any) []any {
			if row[column("deleted_at")] != nil {
				return append(row, nil)
			}
			return append(row, scoped(wordsOf(text(row, "content")), text(row, "conversation_id")))
		})
		own.columns = append(own.columns, "words")
		return []part{own, sends}
	}
	return []part{own}
}

// with changes copies of rows.
func with(of part, change func(row []any) []any) [][]any {
	changed := make([][]any, len(of.rows))
	for n, row := range of.rows {
		changed[n] = change(slices.Clone(row))
	}
	return changed
}

func names(t *transfer.Table) (list []string) {
	for _, column := range t.Columns {
		list = append(list, column.Name)
	}
	return list
}

// Each implements [transfer.Contents].
func (i *Import) Each(ctx context.Context, t *transfer.Table, yield func(row []any) error) error {
	rows, err := i.conn.Query(ctx, `SELECT `+strings.Join(names(t), ", ")+` FROM `+t.Name)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		row, err := rows.Values()
		if err != nil {
			return fmt.Errorf("postgres: %w", err)
		}
		for n, column := range t.Columns {
			if value, is := row[n].([]byte); is && column.Kind == transfer.Text {
				row[n] = string(value)
			}
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return nil
}

// Anew has the next import of the same begin from the beginning.
func (i *Import) Anew(ctx context.Context) error {
	if _, err := i.conn.Exec(ctx, `UPDATE imports SET mark = ''`); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return nil
}

// Finish makes the database one that servers start on: with the secret of tokens that is given to its servers, or with
// one of its own. It can be called again after an error.
func (i *Import) Finish(ctx context.Context, own, given account.Secret) error {
	if _, err := i.conn.Exec(ctx, `ANALYZE`); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	if err := i.within(ctx, func(tx pgx.Tx) error {
		if err := putSecret(ctx, tx, own, given); err != nil {
			return err
		}
		for _, statement := range []string{
			// Of accounts that look alike since before that was refused, one claims it.
			`UPDATE login_skeletons l SET claimed = true
				FROM (SELECT skeleton, min(user_id) AS user_id FROM login_skeletons GROUP BY skeleton) AS first
				WHERE l.skeleton = first.skeleton AND l.user_id = first.user_id`,
			`SELECT setval(pg_get_serial_sequence('messages', 'ordinal'), (SELECT coalesce(max(ordinal), 0) + 1 FROM messages), false)`,
			`DELETE FROM imports`,
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("postgres: finish: %w", err)
	}
	return nil
}

// putSecret keeps a secret as TokenSecret does.
func putSecret(ctx context.Context, tx pgx.Tx, own, given account.Secret) error {
	secret, value := own, optional(own)
	if given != "" {
		secret, value = given, optional("")
	}
	if secret == "" {
		return nil // the first server decides
	}
	if _, err := tx.Exec(ctx, `INSERT INTO secrets (name, value, fingerprint) VALUES ($1, $2, $3)`, tokenSecret, value, fingerprint(secret)); err != nil {
		return fmt.Errorf("keep the secret for tokens: %w", err)
	}
	return nil
}

// within runs do in a transaction.
func (i *Import) within(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, i.conn, do)
}

// Close lets other processes have the database.
func (i *Import) Close() error {
	var errs []error
	if i.conn != nil {
		errs = append(errs, closeConn(i.conn))
	}
	if i.lease != nil {
		i.lease.release()
	}
	return errors.Join(append(errs, i.store.Close())...)
}
