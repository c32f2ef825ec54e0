// Package cli is the command line of sockeye: it reads the settings, runs the command and says how it ended.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/backup"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/doctor"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2

	exitInterrupted = 130 // as a shell says it of a program that SIGINT has ended

	// Of the doctor.
	exitWarnings = 1
	exitTroubles = 2
)

// Program is the process as its commands see it. All fields are needed.
type Program struct {
	// Serve runs the server until ctx ends. It calls ready once, with the address it listens on.
	Serve func(ctx context.Context, c config.Config, log *slog.Logger, ready func(addr string)) error
	// Accounts opens the accounts of a server, whether it runs or not. What it returns must be closed.
	Accounts func(ctx context.Context, s config.Signing) (accounts *account.Service, closeAll func() error, err error)
	// Secret is that of the server's own tokens. It makes none.
	Secret func(ctx context.Context, s config.Signing) (account.Secret, error)
	// Backup and Restore are app's.
	Backup  func(ctx context.Context, dir, version string, to io.Writer, ready func(backup.Manifest) error, progress backup.Progress) (skipped []string, err error)
	Restore func(ctx context.Context, dir string, from io.Reader, ready func(backup.Manifest) error, progress backup.Progress) error
	// Migrate copies everything from the data folder into the database.
	Migrate func(ctx context.Context, s config.Signing, progress func(stage string, done, total int64)) (moved string, err error)
	// Doctor looks at the server that has these settings.
	Doctor  func(ctx context.Context, c config.Config, environ []string) []doctor.Finding
	Version string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Lookup  func(name string) (string, bool) // the environment
	Environ []string                         // all of it, name=value

	// last takes what a command leaves to do until it has returned, and with it all that its arguments were read by can go: half
	// a MiB, for the whole life of a server. It is set by Run.
	last func(do func() error)
}

// commands is what can be asked for.
type commands struct {
	Serve       serve             `cmd:"" help:"Run the server."`
	Token       token             `cmd:"" help:"Print a token for a user, made with the server's secret."`
	APIKey      apiKey            `cmd:"" name:"apikey" help:"Make, list and revoke the API keys of the application's backend, also while a server runs."`
	Admin       admin             `cmd:"" help:"Say who may administer the server, also while it runs."`
	User        users             `cmd:"" help:"Make, list and show users, set passwords, sign users out, also while a server runs."`
	Audit       auditCommand      `cmd:"" help:"List who did what on the server in the last 90 days, also while it runs."`
	Backup      backupCommand     `cmd:"" help:"Write all that the server keeps into one file, also while it runs."`
	Verify      verifyCommand     `cmd:"" help:"Say whether the file of a backup is as it was written."`
	Restore     restoreCommand    `cmd:"" help:"Make a data folder of a backup."`
	Migrate     migrateCommand    `cmd:"" help:"Copy everything from the data folder into a PostgreSQL database."`
	Cluster     clusterCommand    `cmd:"" help:"Run a whole cluster on this machine, for trying: nodes, PostgreSQL and Redis."`
	Doctor      doctorCommand     `cmd:"" help:"Look for what is wrong with a server's settings, data, machine and surroundings, and say what to do."`
	Chat        chatCommands      `cmd:"" help:"Talk to people on a server, from a terminal or a script."`
	Version     version           `cmd:"" help:"Print the version."`
	Man         manCommand        `cmd:"" help:"Print the page of the manual, for man(1)."`
	Completion  completionCommand `cmd:"" help:"Print the script by which a shell completes commands and flags."`
	Healthcheck healthcheck       `cmd:"" help:"Ask a running server whether it is well. Meant for containers."`
}

// usageError is a mistake of the caller.
type usageError struct{ error }

// Unwrap gives the mistake itself.
func (e usageError) Unwrap() error { return e.error }

// Run runs the command that args (without the program's name) name and returns the process's exit code: 0 for success, 1
// for a failure, 2 for a wrong call, 130 for a backup, verify, restore, migrate or doctor that was interrupted. An error is one line on Stderr. Stdout has the command's result only.
func (p Program) Run(ctx context.Context, args []string) int {
	err := p.run(ctx, args)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errWarnings):
		return exitWarnings
	case errors.Is(err, errTroubles):
		return exitTroubles
	}
	_, _ = fmt.Fprintf(p.Stderr, "sockeye: %s\n", strings.Join(strings.Fields(err.Error()), " "))
	switch {
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, new(usageError)):
		return exitUsage
	}
	return exitFailure
}

func (p Program) run(ctx context.Context, args []string) error {
	helped := false
	options := append(config.Options(p.Lookup),
		kong.Name("sockeye"),
		kong.Description("Chat server for Socket.IO and WebSocket clients."),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(int) { helped = true }), // kong ends the process only after --help
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	parser, err := kong.New(&commands{}, options...)
	if err != nil {
		return err
	}
	command, err := parser.Parse(config.JoinNumbers(parser.Model, args))
	if helped {
		return nil
	}
	if asked, inJSON := examines(args); asked && err != nil && config.InSettings(err) {
		return p.tellFindings([]doctor.Finding{doctor.Unreadable(config.Explain(err))}, inJSON)
	}
	if err != nil {
		return usageError{fmt.Errorf("%w (see sockeye --help)", config.Explain(err))}
	}
	var last func() error
	p.last = func(do func() error) { last = do }
	ctx = account.As(ctx, account.Doer{Kind: account.ByOperator}) // for the audit log
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(p); err != nil || last == nil {
		return err
	}
	return last()
}
