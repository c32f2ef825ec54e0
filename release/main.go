// Command release makes all that a release consists of: the binary for each platform as an archive, what it is made of (CycloneDX),
// packages for Debian and for distributions with rpm, the client library, and the hashes of them all. `make release` calls it.
//
// The same sources make the same bytes, wherever and whenever: nothing of the machine, of its folders or of the time is in what is
// made. Times are those of the commit. What else counts is the version of Go, which the list of materials names.
package main

import (
	"compress/flate"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	r, err := parse(ctx, args)
	if err != nil {
		return err
	}
	return r.make(ctx)
}

// release is one in the making.
type release struct {
	root      string // of the repository
	out       string // folder of what is made
	version   string
	at        time.Time // of the commit
	platforms []platform
	level     int // of compression, as package flate counts
	// binaries is whether nothing but binaries is wanted, as images need them.
	binaries bool
}

// parse reads the command line.
func parse(ctx context.Context, args []string) (*release, error) {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	root := flags.String("root", ".", "the repository")
	out := flags.String("out", "dist", "folder for what is made; it is emptied first")
	version := flags.String("version", "", "version, such as v1.2.3")
	at := flags.Int64("time", 0, "time of all files, in seconds since 1970; default: that of the commit")
	names := flags.String("platforms", strings.Join(allPlatforms, ","), "platforms, such as linux/amd64")
	binaries := flags.Bool("binaries", false, "make nothing but binaries, each in a folder os-arch")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if *version == "" {
		return nil, errors.New("version: it is not given")
	}
	r := &release{root: *root, out: *out, version: *version, binaries: *binaries, level: flate.BestCompression}
	for name := range strings.SplitSeq(*names, ",") {
		p, err := platformOf(name)
		if err != nil {
			return nil, err
		}
		r.platforms = append(r.platforms, p)
	}
	var err error
	if r.root, err = filepath.Abs(r.root); err != nil {
		return nil, err
	}
	if *at == 0 {
		if *at, err = r.committed(ctx); err != nil {
			return nil, err
		}
	}
	r.at = time.Unix(*at, 0).UTC()
	return r, nil
}

// committed is when the commit was made that is checked out.
func (r *release) committed(ctx context.Context) (int64, error) {
	out, err := exec.CommandContext(ctx, "git", "-C", r.root, "log", "-1", "--format=%ct").Output()
	if err != nil {
		return 0, fmt.Errorf("time: git does not know it (%w); say it by -time", err)
	}
	return strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
}

func (r *release) make(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(r.root, "internal/web/dist/index.html")); err != nil {
		return fmt.Errorf("the web app is not built, which make web does: %w", err)
	}
	if err := r.empty(); err != nil {
		return err
	}
	if r.binaries {
		for _, p := range r.platforms {
			if _, err := r.build(ctx, p, r.out); err != nil {
				return err
			}
		}
		return nil
	}
	work, err := os.MkdirTemp("", "sockeye-release-")
	if err != nil {
		return err
	}
	return errors.Join(r.makeAll(ctx, work), os.RemoveAll(work))
}

// empty makes the folder for what is made, or empties the one that an earlier run has made. It takes away nothing else.
func (r *release) empty() error {
	entries, err := os.ReadDir(r.out)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	case len(entries) > 0:
		if _, err := os.Stat(filepath.Join(r.out, marker)); err != nil {
			return fmt.Errorf("out: %s is not empty and was not made by this command", r.out)
		}
		if err := os.RemoveAll(r.out); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, marker), nil, 0o644)
}

// marker is in folders that this command has made.
const marker = ".release"

// makeAll makes everything; work is a folder for what is on the way.
func (r *release) makeAll(ctx context.Context, work string) error {
	described, err := r.describe(ctx, work)
	if err != nil {
		return err
	}
	for _, p := range r.platforms {
		binary, err := r.build(ctx, p, work)
		if err != nil {
			return err
		}
		if err := r.archive(p, binary, described); err != nil {
			return err
		}
		if err := r.materials(p, binary); err != nil {
			return err
		}
		if p.os == "linux" {
			if err := r.packages(ctx, p, binary, described); err != nil {
				return err
			}
		}
	}
	if err := r.client(ctx); err != nil {
		return err
	}
	return r.sums()
}

// packages has deb and rpm made by the module that can.
func (r *release) packages(ctx context.Context, p platform, binary, described string) error {
	out, err := filepath.Abs(r.out)
	if err != nil {
		return err
	}
	return r.call(ctx, filepath.Join(r.root, "release/packages"), []string{"GOWORK=off"}, "go", "run", ".",
		"-root", r.root, "-binary", binary, "-described", described, "-arch", p.arch, "-version", r.version,
		"-time", strconv.FormatInt(r.at.Unix(), 10), "-out", out)
}

// client packs the client library as npm would publish it, which is the same bytes each time.
func (r *release) client(ctx context.Context) error {
	out, err := filepath.Abs(r.out)
	if err != nil {
		return err
	}
	return r.call(ctx, filepath.Join(r.root, "web/client"), nil, "npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", out)
}

// call runs a program in a folder.
func (r *release) call(ctx context.Context, folder string, env []string, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env, command.Stderr = folder, append(os.Environ(), env...), os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(command.Args[:min(3, len(command.Args))], " "), err)
	}
	return nil
}
