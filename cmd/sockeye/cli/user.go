package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// users groups what can be done about users. A server that runs on the same data folder heeds it.
type users struct {
	Create   createUser  `cmd:"" help:"Make an account with a password, also where registration is off."`
	List     listUsers   `cmd:"" help:"List users, by their ids."`
	Show     showUser    `cmd:"" help:"Show what is kept of a user."`
	Password setPassword `cmd:"" help:"Set another password for an account. It signs the user out everywhere."`
	Issuer   setIssuer   `cmd:"" help:"Say whose tokens speak for a user. Whoever is signed in as the user by another's is signed out."`
	Disable  disableUser `cmd:"" help:"Let a user in no longer, by whatever token, until that is taken back. The connections end; what the user has said stays."`
	Enable   enableUser  `cmd:"" help:"Let a user in again. Tokens of before are no good any more."`
	SignOut  signOut     `cmd:"" name:"sign-out" help:"Revoke all tokens that a user has now, and end the user's connections."`
}

type createUser struct {
	accountsOf `embed:""`

	Login string `arg:"" help:"The login name: 2 to 64 letters, digits, and _ . - + @. The password is asked for, or the first line of standard input."`
	Name  string `placeholder:"NAME" help:"What others see. Default: the login name."`
}

// Run says the id of the new user.
func (c *createUser) Run(ctx context.Context, p Program) error {
	password, err := askPassword(ctx, p)
	if err != nil {
		return err
	}
	return c.with(ctx, p, func(accounts *account.Service) error {
		created, err := accounts.CreateLocal(ctx, account.Register{Username: c.Login, Name: c.Name, Password: password})
		if refused := refusal.Of(err); refused != nil && refused.Field == "username" { // so it is called on the wire
			named := *refused
			named.Message = strings.Replace(named.Message, "username", "name", 1)
			err = &named
		}
		return say(p, "created", &created.User, err)
	})
}

type listUsers struct {
	accountsOf `embed:""`

	Search string         `xor:"from" placeholder:"TEXT" help:"Only those whose login name, name or a word of the name begins with it."`
	After  account.UserID `xor:"from" placeholder:"ID" help:"Only those after this id: the last one of the list before."`
	Limit  int            `default:"50" help:"How many, at most 100."`
}

// Validate is asked by kong.
func (l *listUsers) Validate() error {
	if l.Limit < 1 || l.Limit > account.MaxUsersFound {
		return fmt.Errorf("--limit must be 1 to %d, not %d", account.MaxUsersFound, l.Limit)
	}
	return nil
}

// Run prints a table.
func (l *listUsers) Run(ctx context.Context, p Program) error {
	return l.with(ctx, p, func(accounts *account.Service) (err error) {
		var found []account.User
		if l.Search != "" {
			found, err = accounts.SearchUsers(ctx, l.Search, l.Limit)
		} else {
			found, err = accounts.Users(ctx, l.After, l.Limit)
		}
		if err != nil {
			return err
		}
		if err := printUsers(p.Stdout, found); err != nil {
			return err
		}
		if l.Search == "" && len(found) == l.Limit {
			_, _ = fmt.Fprintf(p.Stderr, "There may be more: --after %s\n", found[len(found)-1].ID)
		}
		return nil
	})
}

func printUsers(to io.Writer, list []account.User) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tNAME\tLOGIN\tISSUER\tADMIN\tCREATED\tLAST SEEN\tDISABLED")
	for i := range list {
		u := &list[i]
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			u.ID, u.Name, orDash(u.Username), orDash(u.Issuer), yesOrDash(u.Admin), u.CreatedAt.Format(time.DateTime), dateOrDash(u.LastSeen), dateOrDash(u.DisabledAt))
	}
	return table.Flush()
}

func yesOrDash(is bool) string {
	if is {
		return "yes"
	}
	return "-"
}

type showUser struct {
	accountsOf `embed:""`

	User string `arg:"" help:"The user's id, or the login name of an account."`
}

// Run prints a line for each thing.
func (s *showUser) Run(ctx context.Context, p Program) error {
	return s.with(ctx, p, func(accounts *account.Service) error {
		u, err := accounts.Find(ctx, s.User)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
		for _, line := range [][2]string{
			{"id", string(u.ID)}, {"name", u.Name}, {"login", orDash(u.Username)}, {"issuer", orDash(u.Issuer)}, {"admin", yesOrDash(u.Admin)},
			{"created", u.CreatedAt.Format(time.DateTime)}, {"last seen", dateOrDash(u.LastSeen)}, {"disabled", dateOrDash(u.DisabledAt)},
		} {
			_, _ = fmt.Fprintf(table, "%s\t%s\n", line[0], line[1])
		}
		return table.Flush()
	})
}

type setPassword struct {
	accountsOf `embed:""`

	Login string `arg:"" help:"The login name or the id of an account. The password is asked for, or the first line of standard input."`
}

// Run looks for the account before it asks, and holds the data folder only before and after.
func (s *setPassword) Run(ctx context.Context, p Program) error {
	err := s.with(ctx, p, func(accounts *account.Service) error {
		_, err := accounts.Find(ctx, s.Login)
		return err
	})
	if err != nil {
		return err
	}
	password, err := askPassword(ctx, p)
	if err != nil {
		return err
	}
	return s.with(ctx, p, func(accounts *account.Service) error {
		u, err := accounts.SetPassword(ctx, s.Login, password)
		return say(p, "set the password of", &u, err)
	})
}

type setIssuer struct {
	accountsOf `embed:""`

	User   account.UserID `arg:"" help:"The user's id."`
	Issuer string         `arg:"" help:"The issuer, as its tokens call it in iss; sockeye is the server's own."`
}

// Run says who was meant. A server that runs heeds it within a second.
func (s *setIssuer) Run(ctx context.Context, p Program) error {
	return s.with(ctx, p, func(accounts *account.Service) error {
		u, err := accounts.SetIssuer(ctx, s.User, s.Issuer)
		return say(p, "set the issuer of", &u, err)
	})
}

type disableUser struct {
	accountsOf `embed:""`

	User string `arg:"" help:"The user's id, or the login name of an account."`
}

// Run returns when a server that runs has heeded it. Again it changes nothing.
func (d *disableUser) Run(ctx context.Context, p Program) error {
	return d.change(ctx, p, d.User, (*account.Service).DisableUser, "disabled", "is disabled already")
}

type enableUser struct {
	accountsOf `embed:""`

	User string `arg:"" help:"The user's id, or the login name of an account."`
}

// Run says who was meant. A server that runs heeds it within a second.
func (e *enableUser) Run(ctx context.Context, p Program) error {
	return e.change(ctx, p, e.User, (*account.Service).EnableUser, "enabled", "is not disabled")
}

type signOut struct {
	accountsOf `embed:""`

	User string `arg:"" help:"The user's id, or the login name of an account."`
}

// Run returns when a server that runs has heeded it.
func (s *signOut) Run(ctx context.Context, p Program) error {
	return s.with(ctx, p, func(accounts *account.Service) error {
		u, err := accounts.SignOut(ctx, s.User)
		return say(p, "signed out", &u, err)
	})
}
