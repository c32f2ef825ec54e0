package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sockeye-im/sockeye/internal/store/transfer"
)

var _ transfer.Source = (*Copy)(nil)

// contentsOf says where the rows of a table are, and a column of them, where that is not in the table of the same name.
// Reactions are with a message by its id here, and by its place in the log elsewhere. CROSS JOIN has messages read in the
// order in which the rows are asked for.
var contentsOf = map[string]struct {
	from    string
	columns map[string]string
}{
	"reaction_groups": {"messages AS m CROSS JOIN reaction_groups AS r ON r.message_id = m.id", ofReactions},
	"reactions":       {"messages AS m CROSS JOIN reactions AS r ON r.message_id = m.id", ofReactions},
}

var ofReactions = map[string]string{
	"conversation_id": "m.conversation_id", "message_seq": "m.seq", "emoji": "r.emoji", "user_id": "r.user_id", "count": "r.count",
	"first_seq": "r.first_seq",
}

func fromOf(t *transfer.Table) string {
	if special, is := contentsOf[t.Name]; is {
		return special.from
	}
	return t.Name
}

func columnsOf(t *transfer.Table, columns []transfer.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
		if special, is := contentsOf[t.Name]; is {
			names[i] = special.columns[c.Name]
		}
	}
	return strings.Join(names, ", ")
}

// Count implements [transfer.Source].
func (c *Copy) Count(ctx context.Context, t *transfer.Table) (rows int64, err error) {
	err = c.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+fromOf(t)).Scan(&rows)
	return rows, damage(err)
}

// Each implements [transfer.Contents].
func (c *Copy) Each(ctx context.Context, t *transfer.Table, yield func(row []any) error) error {
	return c.rows(ctx, t, yield, "SELECT "+columnsOf(t, t.Columns)+" FROM "+fromOf(t))
}

// After implements [transfer.Source].
func (c *Copy) After(ctx context.Context, t *transfer.Table, key []any, yield func(row []any) error) error {
	return c.rows(ctx, t, yield, behindQuery(t, key != nil), key...)
}

// behindQuery asks for the rows of a table in order: all, or those behind a key.
func behindQuery(t *transfer.Table, behind bool) string {
	order := columnsOf(t, t.Columns[:t.Key])
	query := "SELECT " + columnsOf(t, t.Columns) + " FROM " + fromOf(t)
	if behind {
		query += " WHERE (" + order + ") > (?" + strings.Repeat(", ?", t.Key-1) + ")"
	}
	return query + " ORDER BY " + order
}

func (c *Copy) rows(ctx context.Context, t *transfer.Table, yield func(row []any) error, query string, args ...any) (err error) {
	rows, err := c.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return damage(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]any, len(t.Columns))
	pointers := make([]any, len(values))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return err
		}
		row := make([]any, len(values))
		for i, column := range t.Columns {
			if row[i], err = valueOf(values[i], column.Kind); err != nil {
				return fmt.Errorf("%s: %w", column.Name, err)
			}
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	return damage(rows.Err())
}

// valueOf is a value of SQLite's as it stands in a row.
func valueOf(value any, kind transfer.Kind) (any, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		if kind == transfer.Text {
			return value, nil
		}
	case []byte:
		if kind == transfer.Bytes {
			if value == nil {
				value = []byte{} // an empty one: to other drivers nil is NULL
			}
			return value, nil
		}
	case int64:
		switch kind {
		case transfer.Integer:
			return value, nil
		case transfer.Boolean:
			return value != 0, nil
		case transfer.Text, transfer.Bytes:
		}
	}
	return nil, fmt.Errorf("there is a %T", value)
}

// Mark is a text that is another one after whatever a server stores: not for sure, but nearly so. It is quick to make.
func (c *Copy) Mark(ctx context.Context) (string, error) {
	const sums = `SELECT json_array(
		(SELECT json_array(count(*), sum(head_seq), sum(first_seq), sum(member_count), max(last_at)) FROM conversations),
		(SELECT json_array(count(*), sum(length(name)), max(last_seen_at), max(reassigned_at), sum(admin), max(switched_at)) FROM users),
		(SELECT json_array(count(*), sum(seq), max(read_at)) FROM read_marks), (SELECT json_array(count(*), max(at)) FROM sign_ins),
		(SELECT json_array(count(*), max(created_at)) FROM friends), (SELECT json_array(count(*), max(created_at)) FROM friend_requests),
		(SELECT json_array(count(*), max(created_at)) FROM blocks), (SELECT json_array(count(*), max(issued_by)) FROM revoked_users),
		(SELECT count(*) FROM revoked_tokens), (SELECT json_array(count(*), max(revoked_at)) FROM api_keys),
		(SELECT json_array(count(*), max(created_at)) FROM blocked_addresses), (SELECT max(invited_at) FROM invites))`
	var mark string
	if err := c.conn.QueryRowContext(ctx, sums).Scan(&mark); err != nil {
		return "", fmt.Errorf("sqlite: %w", damage(err))
	}
	return mark, nil
}
