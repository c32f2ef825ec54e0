package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/wire"
)

type auditCommand struct {
	accountsOf `embed:""`

	User   string              `placeholder:"ID" help:"Only what this user or API key did, or what was done to the user, address or thing of this id."`
	Action account.AuditAction `placeholder:"ACTION" help:"Only this, such as sign_in_failed or user_disabled."`
	Since  time.Duration       `placeholder:"DURATION" help:"Only what was done within this time, such as 24h."`
	Limit  int                 `default:"50" help:"How many of the newest, at most 500."`
	JSON   bool                `name:"json" help:"All of it, as lines of JSON."`
}

// Validate is asked by kong.
func (a *auditCommand) Validate() error {
	switch {
	case a.Limit < 1 || a.Limit > account.MaxAudit:
		return fmt.Errorf("--limit must be 1 to %d, not %d", account.MaxAudit, a.Limit)
	case a.Since < 0:
		return fmt.Errorf("--since must not be negative, it is %s", a.Since)
	}
	return nil
}

// Run prints a table of the newest, or all as lines of JSON, the newest first.
func (a *auditCommand) Run(ctx context.Context, p Program) error {
	q := account.AuditQuery{User: a.User, Action: a.Action, Limit: a.Limit}
	if a.Since > 0 {
		q.Since = time.Now().Add(-a.Since)
	}
	return a.with(ctx, p, func(accounts *account.Service) error {
		if a.JSON {
			lines := json.NewEncoder(p.Stdout)
			return accounts.EachAudit(ctx, q, func(entries []account.AuditEntry) (err error) {
				for i := range entries {
					err = errors.Join(err, lines.Encode(wire.AuditEntryOf(&entries[i])))
				}
				return err
			})
		}
		page, err := accounts.AuditLog(ctx, q)
		if err != nil {
			return err
		}
		if err := printAudit(p.Stdout, page.Entries); err != nil {
			return err
		}
		if page.Next != "" {
			_, _ = fmt.Fprintln(p.Stderr, "There are more: --limit, or all by --json")
		}
		return nil
	})
}

func printAudit(to io.Writer, entries []account.AuditEntry) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "TIME\tACTION\tBY\tFROM\tTARGET\tDETAIL")
	for i := range entries {
		e := wire.AuditEntryOf(&entries[i])
		by := e.By
		if by == "" {
			by = string(e.ByKind)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n",
			entries[i].At.Format(time.DateTime), e.Action, by, orDash(e.Address), orDash(e.Target), orDash(e.Detail))
	}
	return table.Flush()
}
