package cli

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

// admin groups what can be done about the administrators of the server. A server that runs on the same data folder heeds
// it within a second.
type admin struct {
	Grant  grantAdmin  `cmd:"" help:"Let a user administer the server, at /admin."`
	Revoke revokeAdmin `cmd:"" help:"Take that back."`
	List   listAdmins  `cmd:"" help:"List who may."`
}

type grantAdmin struct {
	accountsOf `embed:""`

	User string `arg:"" help:"The user's id, or the login name of a local account. The user must have signed in once."`
}

// Run says who was meant. Again it changes nothing.
func (g *grantAdmin) Run(ctx context.Context, p Program) error {
	return g.change(ctx, p, g.User, (*account.Service).GrantAdmin, "granted", "is an administrator already")
}

type revokeAdmin struct {
	accountsOf `embed:""`

	User string `arg:"" help:"The user's id, or the login name of a local account."`
}

// Run says who was meant. Again it changes nothing.
func (r *revokeAdmin) Run(ctx context.Context, p Program) error {
	return r.change(ctx, p, r.User, (*account.Service).RevokeAdmin, "revoked", "was no administrator by a grant")
}

// change has something done about a user, and says what, or that it was so before.
func (a *accountsOf) change(
	ctx context.Context, p Program, user string, do func(*account.Service, context.Context, string) (account.User, bool, error), done, before string,
) error {
	return a.with(ctx, p, func(accounts *account.Service) error {
		u, changed, err := do(accounts, ctx, user)
		return sayChange(p, done, before, &u, changed, err)
	})
}

// say prints what was done about a user.
func say(p Program, done string, u *account.User, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "%s %s (%s)\n", done, u.ID, u.Name)
	return err
}

// sayChange is say, or says what was so before.
func sayChange(p Program, done, before string, u *account.User, changed bool, err error) error {
	if err != nil || changed {
		return say(p, done, u, err)
	}
	_, err = fmt.Fprintf(p.Stdout, "%s (%s) %s\n", u.ID, u.Name, before)
	return err
}

type listAdmins struct {
	accountsOf `embed:""`
}

// Run prints a table.
func (l *listAdmins) Run(ctx context.Context, p Program) error {
	return l.with(ctx, p, func(accounts *account.Service) error {
		users, err := accounts.Admins(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "ID\tNAME\tLOGIN\tLAST SEEN")
		for i := range users {
			u := &users[i]
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", u.ID, u.Name, orDash(u.Username), dateOrDash(u.LastSeen))
		}
		return table.Flush()
	})
}

func dateOrDash(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Format(time.DateTime)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
