package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/backup"
)

// checkFolder looks at the data folder itself.
func checkFolder(_ context.Context, p *Patient, found *findings) {
	dir := p.Config.Account.Data
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found.trouble("Look for a slip in --data; the first start of a server makes the folder.", "there is no data folder %s", dir)
		return
	case err != nil:
		found.trouble("Run doctor as the user that the server runs as.", "the data folder cannot be looked at: %v", err)
		return
	case !info.IsDir():
		found.trouble("Name a folder in --data.", "%s is a file", dir)
		return
	}
	if shared(info) {
		found.warn("chmod 700 "+dir, "others can look into the data folder %s (mode %#o)", dir, info.Mode().Perm())
	}
	if name, err := tryToWrite(dir); err != nil {
		found.trouble("Give the folder to the user that the server runs as (chown -R), and run doctor as that user.", "nothing can be written into %s: %v", dir, err)
	} else if err := os.Remove(name); err != nil {
		found.trouble("Give the folder to the user that the server runs as (chown -R).", "nothing can be removed from %s: %v", dir, err)
	}
	checkOwners(dir, info, found)
	for _, backup := range oldBackups(dir) {
		found.warn("Move it to another disk, best another machine.", "%s is a backup inside the data folder, and is lost with it", backup)
	}
}

func shared(info fs.FileInfo) bool { return posix && info.Mode().Perm()&0o077 != 0 }

// tryToWrite leaves a file, which the caller removes.
func tryToWrite(dir string) (name string, err error) {
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString("a few bytes")
	return file.Name(), errors.Join(err, file.Close())
}

// oldBackups are files in the folder that are backups of one.
func oldBackups(dir string) (found []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // which has been said
	}
	for _, entry := range entries {
		if path := filepath.Join(dir, entry.Name()); entry.Type().IsRegular() && backup.Is(path) {
			found = append(found, path)
		}
	}
	return found
}

// checkRestore finds a restore that has begun and not ended.
func checkRestore(_ context.Context, p *Patient, found *findings) {
	if _, err := os.Lstat(filepath.Join(p.Config.Account.Data, "restore.unfinished")); err == nil {
		found.trouble("Run sockeye restore again, or delete the folder; wait, if one is running.", "the data folder holds a part of a backup, and no server starts in it")
	}
}

// checkSecret looks at the key of all tokens.
func checkSecret(_ context.Context, p *Patient, found *findings) {
	if p.Config.Account.JWTSecret != "" || p.Remote != nil {
		return // it was checked with the settings, or is with the database
	}
	path := filepath.Join(p.Config.Account.Data, account.SecretFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(p.Config.Account.Data, databaseName)); err == nil {
			found.warn("Put it back from a backup; without it the next start makes another one.", "%s is gone: all users will have to sign in again", path)
		}
		return
	}
	if err != nil {
		found.trouble("Run doctor as the user that the server runs as.", "the secret cannot be looked at: %v", err)
		return
	}
	if shared(info) {
		found.trouble("chmod 600 "+path+". If others may have read it, delete it and restart: that signs everybody out.",
			"others can read %s (mode %#o), and sign tokens for anybody with it", path, info.Mode().Perm())
	}
	if _, err := account.ReadSecret(p.Config.Account.Data); err != nil {
		found.trouble("Put it back from a backup, or delete it and restart: that signs everybody out.", "%v", err)
	}
}

// databaseName is the file of the database. (The driver is handed in, and looks at it itself.)
const databaseName = "sockeye.db"

// muchLog is a log beside the database that is no log of a healthy server.
const muchLog = 256 << 20

// checkDatabase has the driver read all of it.
func checkDatabase(ctx context.Context, p *Patient, found *findings) {
	dir := p.Config.Account.Data
	path := filepath.Join(dir, databaseName)
	info, err := os.Stat(path)
	if p.Remote != nil {
		checkRemote(ctx, p, err == nil, found)
		return
	}
	if errors.Is(err, fs.ErrNotExist) {
		found.note("Look for a slip in --data, unless the server has never run.", "there is no database %s yet", path)
		return
	}
	if err == nil && info.Size() == 0 {
		found.trouble("Restore a backup into a new folder. Only if there was nothing in it: delete the file.", "%s is empty: what was in it is lost", path)
		return
	}
	if err == nil && shared(info) {
		found.trouble("chmod 600 "+path, "others can read %s (mode %#o), and all that was ever written", path, info.Mode().Perm())
	}
	state, err := p.Database.Examine(ctx, dir)
	switch {
	case errors.Is(err, ErrNewer):
		found.trouble("Start the newer version again, or restore a backup of before it into a new folder.", "%v", err)
		return
	case errors.Is(err, ErrDamaged):
		found.trouble("Stop the server, copy the folder as it is, and restore the last backup into a new one. Look at the disk (smartctl, dmesg).", "%v", err)
		return
	case err != nil:
		found.trouble("Run doctor as the user that the server runs as, and once more if something else had the database.", "the database cannot be read: %v", err)
		return
	}
	if state.Schema < state.Newest {
		found.note("Make a backup before the server is started with this version.", "the database has schema %d; the next start makes it %d", state.Schema, state.Newest)
	}
	if state.Log > muchLog {
		found.warn("See whether a backup or another program hangs that has the database open; a restart of the server folds it into the file.",
			"the log beside the database has %s", backup.Bytes(state.Log))
	}
	checkLatest(p, state.Latest, found)
}

// checkLatest compares when something was stored last with the clock.
func checkLatest(p *Patient, latest time.Time, found *findings) {
	if ahead := latest.Sub(p.Now); ahead > time.Minute {
		found.trouble("Set the clock right; until then what is written seems to be of "+latest.Format(time.RFC3339)+".",
			"the clock is %v behind what is stored already", ahead.Round(time.Second))
	}
}
