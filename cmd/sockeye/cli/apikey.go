package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// apiKey groups what can be done with API keys. A server that runs on the same data folder heeds it at once.
type apiKey struct {
	Create createKey `cmd:"" help:"Make an API key and print it. It is not shown again."`
	List   listKeys  `cmd:"" help:"List the API keys, without the keys themselves."`
	Revoke revokeKey `cmd:"" help:"Make an API key useless."`
}

// accountsOf are the settings by which the accounts are found.
type accountsOf struct {
	config.Signing `embed:""`

	File string `name:"config" placeholder:"FILE" help:"The server's settings file."`
}

// with runs do on the accounts of the data folder. What they refuse is a mistake of the caller's.
func (a *accountsOf) with(ctx context.Context, p Program, do func(*account.Service) error) (err error) {
	accounts, closeAll, err := p.Accounts(ctx, a.Signing)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	err = do(accounts)
	if refused := refusal.Of(err); refused != nil {
		if refused.Code == refusal.MissingFields {
			return usageError{fmt.Errorf("%s: %s", refused.Message, refused.Field)}
		}
		return usageError{errors.New(refused.Message)}
	}
	return err
}

type createKey struct {
	accountsOf `embed:""`

	Name   string          `required:"" help:"What it is for."`
	Scopes []account.Scope `name:"scope" required:"" placeholder:"SCOPE" help:"What it permits, one or more of: users, sessions, rooms, messages, notifications, presence, webhooks, bots, broadcasts, or * for all."`
}

// Run prints the key and nothing else; its id goes to Stderr.
func (c *createKey) Run(ctx context.Context, p Program) error {
	return c.with(ctx, p, func(accounts *account.Service) error {
		key, secret, err := accounts.CreateAPIKey(ctx, c.Name, c.Scopes)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(p.Stderr, "The id is %s. Keep the key: it is not shown again.\n", key.ID)
		_, err = fmt.Fprintln(p.Stdout, secret)
		return err
	})
}

type listKeys struct {
	accountsOf `embed:""`
}

// Run prints a table, the oldest key first.
func (l *listKeys) Run(ctx context.Context, p Program) error {
	return l.with(ctx, p, func(accounts *account.Service) error {
		keys, err := accounts.APIKeys(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "ID\tNAME\tSCOPES\tCREATED\tREVOKED")
		for i := range keys {
			_, _ = fmt.Fprintln(table, keyRow(&keys[i]))
		}
		return table.Flush()
	})
}

func keyRow(k *account.APIKey) string {
	scopes := make([]string, len(k.Scopes))
	for i, scope := range k.Scopes {
		scopes[i] = string(scope)
	}
	columns := []string{k.ID, k.Name, strings.Join(scopes, ","), k.CreatedAt.Format(time.DateTime), dateOrDash(k.RevokedAt)}
	return strings.Join(columns, "\t")
}

type revokeKey struct {
	accountsOf `embed:""`

	ID string `arg:"" help:"The key's id, from apikey list."`
}

// Run revokes the key. Again it changes nothing.
func (r *revokeKey) Run(ctx context.Context, p Program) error {
	return r.with(ctx, p, func(accounts *account.Service) error {
		if err := accounts.RevokeAPIKey(ctx, r.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintln(p.Stdout, "revoked")
		return err
	})
}
