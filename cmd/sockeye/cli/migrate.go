package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/config"
)

type migrateCommand struct {
	config.Signing `embed:""`

	Settings string `name:"config" placeholder:"FILE" help:"The server's settings file."`
}

// Help is told by --help, behind the settings.
func (migrateCommand) Help() string {
	return "The server must be stopped; the folder stays as it is. The database must be empty. If it is interrupted, run it again: it goes on where it was, and until it has ended no server starts on the database. At the end it reads both and compares them."
}

// Run says what was copied, and what is to be done next.
func (m *migrateCommand) Run(ctx context.Context, p Program) error {
	if m.Database == "" {
		return usageError{errors.New("say by --database or SOCKEYE_DATABASE where to copy to")}
	}
	shown := newBarOf(p.Stderr, "", rows)
	moved, err := p.Migrate(ctx, m.Signing, func(stage string, done, total int64) {
		if shown.what != stage {
			shown = newBarOf(p.Stderr, stage, rows)
		}
		shown.progress(done, total)
	})
	shown.end()
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%w: run it again, and it goes on", errInterrupted)
	case err != nil:
		return fmt.Errorf("migrate: %w", err)
	}
	_, err = fmt.Fprintf(p.Stdout, "%s: %s, the same on both sides.\nStart the server with --database, and the other settings that it had. %s stays as it was; certificates are still kept there.\n",
		m.Database, moved, m.Data)
	return err
}

func rows(n int64) string { return fmt.Sprintf("%d rows", n) }
