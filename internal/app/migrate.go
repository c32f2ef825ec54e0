package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/internal/store/transfer"
)

// Stages of Migrate, each of which counts rows from none to its own total.
const (
	copying   = "copy"
	comparing = "compare"
)

// Migrate copies everything that a data folder holds into an empty PostgreSQL database, the secret of tokens included,
// compares both, and says what that was. The folder is locked meanwhile and stays as it is. However the process ends,
// another Migrate of the same folder goes on where this one was; until one has ended without an error, no server starts on
// the database. progress is told how many rows of a stage are done.
func Migrate(ctx context.Context, at config.Signing, progress func(stage string, done, total int64)) (moved string, err error) {
	if err := mustBeUsed(at.Data); err != nil {
		return "", err
	}
	unlock, err := claimFolder(at.Data)
	if err != nil {
		return "", fmt.Errorf("%w. Stop the server first", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	from, err := openSource(ctx, at.Data)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	own, err := secretToMove(at)
	if err != nil {
		return "", err
	}
	mark, err := from.Mark(ctx)
	if err != nil {
		return "", err
	}
	to, err := postgres.OpenImport(ctx, postgres.DefaultConfig(string(at.Database)), holderOf(at.Data), postgres.Origin{Source: from.Epoch, Mark: mark})
	if err != nil {
		return "", fmt.Errorf("%s: %w", at.Database, err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	told := func(stage string) transfer.Progress {
		return func(done, total int64) { progress(stage, done, total) }
	}
	if err := transfer.Copy(ctx, from, to, told(copying)); err != nil {
		return "", err
	}
	if err := transfer.Compare(ctx, from, to, told(comparing)); err != nil {
		if errors.Is(err, transfer.ErrDiffer) {
			err = errors.Join(fmt.Errorf("%w. No server starts on it. Run sockeye migrate again: it begins from the beginning", err), to.Anew(ctx))
		}
		return "", err
	}
	if err := to.Finish(ctx, own, at.JWTSecret); err != nil {
		return "", err
	}
	return whatMoved(ctx, from)
}

// openSource opens the database of a folder that nobody else has open.
func openSource(ctx context.Context, dir string) (_ *sqlite.Copy, err error) {
	from, err := sqlite.OpenCopy(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, from.Close())
		}
	}()
	if err := sqlite.CanUse(from.Schema, from.ReadableFrom); err != nil {
		return nil, err
	}
	if newest := sqlite.NewestSchema(); from.Schema != newest {
		return nil, fmt.Errorf("the schema of the data folder's database is version %d, this program copies %d: start a server of this version on the folder once, and stop it", from.Schema, newest)
	}
	if err := from.Check(ctx); err != nil {
		return nil, fmt.Errorf("%w. Nothing was copied: restore a backup, and copy that", err)
	}
	return from, nil
}

// secretToMove is the folder's own secret, empty where it has none because it was given to its server.
func secretToMove(at config.Signing) (account.Secret, error) {
	if at.JWTSecret != "" {
		return "", at.JWTSecret.Validate()
	}
	own, err := account.ReadSecret(at.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return own, err
}

// whatMoved says what there is.
func whatMoved(ctx context.Context, from *sqlite.Copy) (string, error) {
	counts := make(map[string]int64)
	for i := range transfer.Tables {
		t := &transfer.Tables[i]
		rows, err := from.Count(ctx, t)
		if err != nil {
			return "", err
		}
		counts[t.Name] = rows
	}
	return fmt.Sprintf("%s in %s, %s",
		numbered(counts["messages"], "message"), numbered(counts["conversations"], "conversation"), numbered(counts["users"], "user")), nil
}

// numbered is so many of something, in words.
func numbered(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
