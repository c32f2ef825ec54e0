package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// optional stores an empty string as NULL.
func optional[T ~string](s T) zeronull.Text { return zeronull.Text(s) }

// optionalMillis stores no time as NULL.
func optionalMillis(t time.Time) zeronull.Int8 {
	if t.IsZero() {
		return 0
	}
	return zeronull.Int8(t.UnixMilli())
}
