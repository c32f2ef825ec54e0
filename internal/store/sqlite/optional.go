package sqlite

import (
	"database/sql"
	"time"
)

// optional stores an empty string as NULL.
func optional[T ~string](s T) sql.NullString {
	return sql.NullString{String: string(s), Valid: s != ""}
}

// optionalMillis stores no time as NULL.
func optionalMillis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}
