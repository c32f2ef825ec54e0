package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sockeye-im/sockeye/internal/backup"
	"github.com/sockeye-im/sockeye/internal/config"
)

// standard is the name that stands for standard input or output.
const standard = "-"

type backupCommand struct {
	Settings string             `name:"config" placeholder:"FILE" help:"The server's settings file, which says where its data folder is."`
	Data     string             `default:"./data" help:"Data folder of the server, which may run."`
	Database config.DatabaseURL `placeholder:"URL" help:"The server's PostgreSQL database, which is backed up by its own tools: this command refuses."`
	File     string             `arg:"" help:"Where the backup goes, or - for standard output. A backup of that name is replaced once the new one is whole."`
}

// Run says what it has written, on standard error where standard output is the backup.
func (b *backupCommand) Run(ctx context.Context, p Program) error {
	if b.Database != "" {
		return usageError{fmt.Errorf("the server keeps everything in %s, which has its own tools: use pg_dump --format=custom --file=%s with the same address, and keep what else is in the data folder", b.Database, b.File)}
	}
	said := p.Stdout
	if b.File == standard {
		if isTerminal(p.Stdout) {
			return usageError{errors.New("the backup would go to the terminal: name a file, or send it on, as in `sockeye backup - | ssh …`")}
		}
		said = p.Stderr
	} else if err := outside(b.Data, b.File); err != nil {
		return usageError{err}
	}
	var made backup.Manifest
	var skipped []string
	write := func(to io.Writer) (err error) {
		bar := newBar(p.Stderr, "backup")
		defer bar.end()
		skipped, err = p.Backup(ctx, b.Data, p.Version, to, func(m backup.Manifest) error { made = m; return nil }, bar.progress)
		return err
	}
	var err error
	if b.File == standard {
		err = explainStream(errors.Join(write(p.Stdout), syncStream(p.Stdout)), len(made.Parts) > 0)
	} else {
		err = explainSystem(backup.Save(b.File, write), b.File)
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	for _, name := range skipped {
		_, _ = fmt.Fprintf(p.Stderr, "sockeye: not in the backup, because it is no regular file, or a link to what the folder's owner may not read, or has a name that no backup can have: %q\n", name)
	}
	_, err = fmt.Fprintf(said, "%s: %s\n", shown(b.File, "standard output"), summary(&made))
	return err
}

// outside fails for a file inside the data folder: it would be lost with it, and be a part of the next backup.
func outside(data, file string) error {
	folder, err := filepath.EvalSymlinks(data)
	if err != nil {
		return nil // the folder is not there, which has its own words
	}
	at, err := filepath.EvalSymlinks(filepath.Dir(file))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %s", filepath.Dir(file))
	}
	if err != nil {
		return err
	}
	for _, path := range []*string{&folder, &at} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if at == folder || strings.HasPrefix(at, folder+string(filepath.Separator)) {
		return fmt.Errorf("%s is inside the data folder %s, and would be lost with it: keep backups elsewhere, best on another machine", file, data)
	}
	return nil
}

type verifyCommand struct {
	File string `arg:"" help:"The backup, or - for standard input."`
}

// Run reads all of the file.
func (v *verifyCommand) Run(ctx context.Context, p Program) error {
	from, closeFile, err := openBackup(p, v.File)
	if err != nil {
		return err
	}
	defer closeFile()
	var m backup.Manifest
	archive, err := backup.NewReader(from)
	if err == nil {
		m = archive.Manifest()
		bar := newBar(p.Stderr, "verify")
		err = archive.Each(ctx, func(backup.Part, io.Reader) error { return nil }, bar.progress)
		bar.end()
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return fmt.Errorf("%s is not good: %w", shown(v.File, "standard input"), err)
	}
	_, err = fmt.Fprintf(p.Stdout, "%s is good: %s\n", shown(v.File, "standard input"), summary(&m))
	return err
}

type restoreCommand struct {
	Data string `required:"" placeholder:"DIR" help:"Folder to restore into: a new or an empty one. It keeps its owner."`
	File string `arg:"" help:"The backup, or - for standard input."`
}

// Run says what is to be done next.
func (r *restoreCommand) Run(ctx context.Context, p Program) error {
	from, closeFile, err := openBackup(p, r.File)
	if err != nil {
		return err
	}
	defer closeFile()
	var m backup.Manifest
	bar := newBar(p.Stderr, "restore")
	err = p.Restore(ctx, r.Data, from, func(of backup.Manifest) error { m = of; return nil }, bar.progress)
	bar.end()
	if err != nil {
		return fmt.Errorf("restore: %w", explainSystem(err, r.Data))
	}
	_, err = fmt.Fprintf(p.Stdout, "%s: %s\nStart the server with --data %s, and with the settings that it had: they are not in the backup.\n", r.Data, summary(&m), r.Data)
	return err
}

// openBackup opens the file that is to be read.
func openBackup(p Program, path string) (from io.Reader, closeFile func(), err error) {
	if path == standard {
		if isTerminal(p.Stdin) {
			return nil, nil, usageError{errors.New("the backup would come from the terminal: name a file, or send one, as in `ssh … | sockeye restore --data DIR -`")}
		}
		return p.Stdin, func() {}, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("there is no file %s", path)
	case err != nil:
		return nil, nil, explainSystem(err, path)
	case info.IsDir():
		return nil, nil, fmt.Errorf("%s is a folder: name the file of a backup", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, explainSystem(err, path)
	}
	return file, func() { _ = file.Close() }, nil
}

// errInterrupted says that nothing was found out, or done.
var errInterrupted = errors.New("it was interrupted before its end")

// shown is what a file is called in messages.
func shown(file, stream string) string {
	if file == standard {
		return stream
	}
	return file
}

// summary is what a backup is of.
func summary(m *backup.Manifest) string {
	return fmt.Sprintf("the data of %s in %d files, %s, by sockeye %s", m.CreatedAt.Format("2006-01-02 15:04:05 MST"), len(m.Parts), backup.Bytes(m.Size()), m.Program)
}

// explainSystem adds what can be done to an error of the operating system.
func explainSystem(err error, path string) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk of %s is full. Nothing was left there; make room, or take another place (%w)", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run it as the user that the server runs as, or as root", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("the disk of %s cannot be written to (%w)", path, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w, and nothing was left behind", errInterrupted)
	}
	return err
}

// explainStream is explainSystem for a backup on standard output, which cannot be taken back once it is begun.
func explainStream(err error, begun bool) error {
	const rest = "what standard output has got is no backup: remove it"
	switch {
	case err == nil || !begun:
		return explainSystem(err, "standard output")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk of standard output is full, and %s (%w)", rest, err)
	case errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("whoever read standard output has ended, and %s (%w)", rest, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w, and %s", errInterrupted, rest)
	}
	return fmt.Errorf("%w; %s", err, rest)
}

// syncStream puts standard output on disk where it is a file.
func syncStream(stream io.Writer) error {
	file, ok := stream.(*os.File)
	if !ok {
		return nil
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return file.Sync()
}
