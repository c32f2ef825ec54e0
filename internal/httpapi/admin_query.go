package httpapi

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// query checks what is asked of the connections. It is nil or an error: the types differ.
func (p *listConnectionsPayload) query() (monitor.ConnectionQuery, error) {
	q := monitor.ConnectionQuery{Text: p.Query, Order: cmp.Or(p.Order, monitor.Newest), Limit: cmp.Or(p.Limit, defaultConnections)}
	switch {
	case utf8.RuneCountInString(q.Text) > chat.MaxQuery:
		wrong := refusal.Invalid("query", fmt.Sprintf("must have at most %d characters", chat.MaxQuery))
		wrong.Limit = chat.MaxQuery
		return q, wrong
	case !slices.Contains(monitor.Orders(), q.Order):
		return q, refusal.Invalid("order", fmt.Sprintf("must be one of %v", monitor.Orders()))
	case q.Limit < 1 || q.Limit > maxConnections:
		wrong := refusal.Invalid("limit", fmt.Sprintf("must be from 1 to %d", maxConnections))
		wrong.Limit = maxConnections
		return q, wrong
	}
	if p.After != "" && (!readCursor(p.After, &q.After) || q.After.ID == "") {
		return q, errCursor
	}
	return q, nil
}

// errCursor refuses an after that is no cursor.
var errCursor = refusal.Invalid("after", "must be the next of the page before")

// cursorAt is the next of a page that ends with a place.
func cursorAt[P monitor.Place | job.Place | job.Turn](place P) string {
	text, _ := json.Marshal(place) // of texts, a number and a time
	return base64.RawURLEncoding.EncodeToString(text)
}

// readCursor reads a place from what cursorAt has made; not ok if somebody else has.
func readCursor(text string, place any) (ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && json.Unmarshal(raw, place) == nil
}
