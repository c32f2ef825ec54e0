package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
)

func (a *API) auditOperations() []operation {
	export := operate(operation{
		method: http.MethodGet, path: "/admin/audit/export", id: "exportAudit", tag: tagAdmin, needs: anAdmin, streams: typeLines,
		summary: "Export the audit log", details: "All entries that listAudit finds, the newest first: each a line of JSON.",
	}, func(context.Context, *caller, auditFilter) (wire.AuditEntry, error) {
		return wire.AuditEntry{}, errStreamed
	})
	export.stream = func(w http.ResponseWriter, r *http.Request, _ *caller, decode func(any) error) error {
		var p auditFilter
		if err := decode(&p); err != nil {
			return err
		}
		return a.exportAudit(r.Context(), w, &p)
	}
	return []operation{
		operate(operation{
			method: http.MethodGet, path: "/admin/audit", id: "listAudit", tag: tagAdmin, needs: anAdmin, pages: afterNext,
			summary: "List what was done", details: "Who did what to whom or to what, from where, sign-ins and their failures among it: the newest first, of the last 90 days.",
		}, a.listAudit),
		export,
	}
}

type auditFilter struct {
	UserID string              `json:"userId" need:"optional" min:"0" max:"128" doc:"Who did it, or to whom or what it was done: the id of a user, an API key, or something else, or an address."`
	Action account.AuditAction `json:"action" need:"optional" min:"0" max:"64"`
	Since  string              `json:"since" need:"optional" min:"0" doc:"A time, RFC 3339."`
	Until  string              `json:"until" need:"optional" min:"0" doc:"A time, RFC 3339; what is of then is not in it."`
}

func (f *auditFilter) query() (q account.AuditQuery, err error) {
	q = account.AuditQuery{User: f.UserID, Action: f.Action}
	if q.Since, err = timeOf("since", f.Since); err == nil {
		q.Until, err = timeOf("until", f.Until)
	}
	return q, err
}

// timeOf reads a time that may be left out.
func timeOf(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1970 {
		return time.Time{}, refusal.Invalid(field, "must be a time as 2026-01-31T12:00:00Z")
	}
	return at, nil
}

type listAuditPayload struct {
	auditFilter
	After string `json:"after" need:"optional" doc:"The id of an entry: only those that are older."`
	Limit int    `json:"limit" default:"50" max:"500"`
}

type auditAnswer struct {
	Entries []wire.AuditEntry `json:"entries"`
	Names   wire.Names        `json:"names,omitempty" doc:"Of users among by and target."`
	Next    string            `json:"next,omitempty"`
}

func (a *API) listAudit(ctx context.Context, _ *caller, p listAuditPayload) (auditAnswer, error) {
	q, err := p.query()
	if err != nil {
		return auditAnswer{}, err
	}
	q.Before, q.Limit = p.After, p.Limit
	page, err := a.deps.Accounts.AuditLog(ctx, q)
	if err != nil {
		return auditAnswer{}, inField(err, "before", "after")
	}
	answer := auditAnswer{Entries: make([]wire.AuditEntry, len(page.Entries)), Next: page.Next}
	var users []chat.UserID
	for i := range page.Entries {
		e := &page.Entries[i]
		answer.Entries[i] = wire.AuditEntryOf(e)
		users = append(users, chat.UserID(e.By.ID), chat.UserID(e.Target))
	}
	names, err := a.deps.Chat.Names(ctx, users)
	answer.Names = wire.NamesOf(names)
	return answer, err
}

// exportAudit writes the lines of a page at a time. An error is one before the first of them; behind that the client sees that the answer
// was cut.
func (a *API) exportAudit(ctx context.Context, w http.ResponseWriter, p *auditFilter) error {
	q, err := p.query()
	if err != nil {
		return err
	}
	out := json.NewEncoder(&patient{w, http.NewResponseController(w)})
	begun := false
	err = a.deps.Accounts.EachAudit(ctx, q, func(entries []account.AuditEntry) error {
		if !begun {
			w.Header().Set("Content-Type", typeLines)
			w.Header().Set("Content-Disposition", `attachment; filename="audit.jsonl"`)
			begun = true
		}
		for i := range entries {
			if err := out.Encode(wire.AuditEntryOf(&entries[i])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && begun {
		if ctx.Err() == nil {
			a.deps.Log.Error("the export of the audit log was cut", "err", err)
		}
		panic(http.ErrAbortHandler) // what was sent must not look whole
	}
	return err
}
