package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/backup"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// Backup writes a backup of a data folder, whether a server runs on it or not. Whatever the server has acknowledged before
// the call is in it. skipped are files of the folder that are not: those that are no regular ones or have a name that no part can
// have, and for root what a link leads to that the folder's owner may not read. ready is called with
// what the backup will be of, before the first byte; it may refuse.
func Backup(
	ctx context.Context, dir, version string, to io.Writer, ready func(backup.Manifest) error, progress backup.Progress,
) (skipped []string, err error) {
	if err := mustBeUsed(dir); err != nil {
		return nil, err
	}
	if err := mayCopy(dir); err != nil {
		return nil, err
	}
	state, err := sqlite.OpenCopy(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	if err := state.Check(ctx); err != nil {
		return nil, fmt.Errorf("%w. Nothing was backed up: a backup of it would be no better. Stop the server, keep a copy of the folder, and restore an older backup", err)
	}
	g, err := gather(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.root.Close()) }()
	m := backup.Manifest{
		Program: version, CreatedAt: time.Now().UTC().Truncate(time.Second), Database: "sqlite",
		Schema: state.Schema, ReadableFrom: state.ReadableFrom, Epoch: state.Epoch,
		Parts: []backup.Part{{Name: sqlite.FileName, Size: state.Size, Mode: 0o600}},
	}
	byName := make(map[string]*file, len(g.files))
	for i := range g.files {
		m.Parts = append(m.Parts, g.files[i].Part)
		byName[g.files[i].Name] = &g.files[i]
	}
	if err := ready(m); err != nil {
		return nil, err
	}
	return g.skipped, backup.Write(ctx, to, m, func(ctx context.Context, part backup.Part, to io.Writer) error {
		if part.Name == sqlite.FileName {
			return errors.Join(state.Write(ctx, to), state.Release(ctx)) // what follows may be large
		}
		return g.write(byName[part.Name], to)
	}, progress)
}

// mayCopy fails where the database is a link to one that the folder's owner may not read, for which he has root.
func mayCopy(dir string) error {
	path := filepath.Join(dir, sqlite.FileName)
	if at, err := os.Lstat(path); err != nil || at.Mode().IsRegular() {
		return err
	}
	trust, err := trustOf(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err == nil && !trust.mayRead(path, info) {
		err = fmt.Errorf("%s is a link: %w", path, errNotHis)
	}
	return err
}

// file is a file of the data folder beside the database.
type file struct {
	backup.Part
	path    string
	content []byte // of a small one, as it was when the backup began; nil for one that is read in its turn
}

// small is up to which size a file is read at once: it may change before its turn comes. Larger ones never change. Those
// beyond the first smallAll bytes are read in their turn like them.
const (
	small    = 1 << 20
	smallAll = 16 << 20
)

// gather lists all that belongs into a backup beside the database: whatever there is, so that nothing is forgotten that a
// later version keeps there. What a link leads to is in it as if it were there itself. Its root must be closed.
func gather(dir string) (_ *gathering, err error) {
	g := &gathering{seen: make(map[string]bool)}
	if g.trust, err = trustOf(dir); err != nil {
		return nil, err
	}
	if g.root, err = os.OpenRoot(dir); err != nil {
		return nil, err
	}
	if err := g.folder(dir, ""); err != nil {
		return nil, errors.Join(err, g.root.Close())
	}
	return g, nil
}

type gathering struct {
	root    *os.Root
	trust   trust // in links that lead out of the folder
	files   []file
	held    int64 // bytes of their contents
	skipped []string
	seen    map[string]bool // folders, by where they really are
}

// folder adds what is in a folder, which has a name in the backup that ends with a slash, or none.
func (g *gathering) folder(dir, name string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if g.seen[dir] {
		g.skipped = append(g.skipped, name)
		return nil
	}
	g.seen[dir] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if passing(name + entry.Name()) {
			continue
		}
		if !backup.ValidName(name + entry.Name()) {
			g.skipped = append(g.skipped, name+entry.Name())
			continue
		}
		if err := g.entry(filepath.Join(dir, entry.Name()), name+entry.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) entry(path, name string) (err error) {
	info, err := os.Stat(path) // of what a link leads to, such as a secret that is mounted
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil {
			g.skipped = append(g.skipped, name) // a link to nothing
		}
		return nil // or it is gone meanwhile
	case err != nil:
		return err
	case info.IsDir() && g.mayList(path, name, info):
		return g.folder(path, name+"/")
	case !info.Mode().IsRegular():
		g.skipped = append(g.skipped, name)
		return nil
	}
	from, info, err := g.open(path, name)
	if errors.Is(err, errNotHis) {
		g.skipped = append(g.skipped, name)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	f := file{path: path, Part: backup.Part{Name: name, Size: info.Size(), Mode: backup.Mode(info.Mode().Perm())}}
	if f.Size <= small && g.held+f.Size <= smallAll {
		if f.content, err = io.ReadAll(from); err != nil {
			return err
		}
		f.Size = int64(len(f.content))
		g.held += f.Size
	}
	g.files = append(g.files, f)
	return nil
}

// mayList is open's rule, for folders.
func (g *gathering) mayList(path, name string, info fs.FileInfo) bool {
	_, err := g.root.Stat(name)
	return err == nil || g.trust.mayRead(path, info)
}

// errNotHis says that a link leads to what the folder's owner has no right to.
var errNotHis = errors.New("the owner of the data folder may not read it")

// open opens a regular file of the folder, or one outside that the folder's owner could read too.
func (g *gathering) open(path, name string) (file *os.File, info fs.FileInfo, err error) {
	file, err = g.root.Open(name)
	outside := err != nil
	if outside {
		file, err = os.Open(path)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err = file.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular(), outside && !g.trust.mayRead(path, info):
		err = errNotHis
	default:
		return file, info, nil
	}
	return nil, nil, errors.Join(err, file.Close())
}

// passing reports whether a file of the data folder is no part of what it holds: the database and what is beside it, which a
// backup has in another way, the lock, and what is being written under a name that begins with a dot.
func passing(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return strings.HasPrefix(top, sqlite.FileName) || top == lockName || top == unfinishedName || top == lostAndFound || strings.Contains("/"+name, "/.")
}

func (g *gathering) write(f *file, to io.Writer) (err error) {
	if f.content != nil {
		_, err := io.Copy(to, bytes.NewReader(f.content))
		return err
	}
	from, _, err := g.open(f.path, f.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	n, err := io.Copy(to, io.LimitReader(from, f.Size))
	if err == nil && n < f.Size {
		err = fmt.Errorf("%s became shorter while it was read: try again", f.Name)
	}
	return err
}
