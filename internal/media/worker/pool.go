package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrRefused is for a file of which nothing can be made, whoever tries: it is not well formed, too large, or of a sort that is not
// known here.
var ErrRefused = errors.New("nothing can be made of the file")

// ErrDied is for a process that ended before it was done: it had too little memory or time, or somebody has ended it.
var ErrDied = errors.New("the process that looked at the file has died")

// Config is what may be chosen about processes.
type Config struct {
	// Command is what is run, with a task as its last argument: a program that calls [Main].
	Command []string
	// MaxPixels is how many a picture may have.
	MaxPixels int
	// Memory is how many bytes of address space a process may have for a file, CPU how long it may use the processor, Timeout how long
	// it may take.
	Memory       int64
	CPU, Timeout time.Duration
}

// DefaultConfig returns the defaults but for the Command: 33 megapixels, 1 GiB, 20 s of the processor in a minute.
func DefaultConfig() Config {
	return Config{MaxPixels: 33_000_000, Memory: 1 << 30, CPU: 20 * time.Second, Timeout: time.Minute}
}

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	switch {
	case len(c.Command) == 0:
		return errors.New("media: nothing is named that is to be run")
	case c.MaxPixels < 1:
		return errors.New("media: the largest picture must have at least 1 pixel")
	case c.Memory < 1<<20:
		return fmt.Errorf("media: a process must have at least 1 MiB of memory, not %d bytes", c.Memory)
	case c.CPU < time.Second:
		return fmt.Errorf("media: a process must have at least 1s of the processor, not %v", c.CPU)
	case c.Timeout < time.Second:
		return fmt.Errorf("media: a process must have at least 1s, not %v", c.Timeout)
	}
	return nil
}

// Self is the command by which this program runs itself, also where its file was replaced meanwhile.
func Self() ([]string, error) {
	running := "/proc/self/exe"
	if _, err := os.Stat(running); err == nil {
		return []string{running, Argument}, nil
	}
	file, err := os.Executable()
	return []string{file, Argument}, err
}

// Pool runs a process for each file. All methods may be called concurrently; how many processes there are at a time is up to who calls
// Make.
type Pool struct {
	cfg  Config
	log  *slog.Logger
	told sync.Once // that processes are not confined
}

// New returns a pool.
func New(cfg Config, log *slog.Logger) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Pool{cfg: cfg, log: log}, nil
}

// Makes tells whether something can be made of files of a type.
func (p *Pool) Makes(kind string) bool {
	return slices.Contains([]string{"image/jpeg", "image/png", "image/gif", "image/webp"}, kind)
}

// Filed is a file that is one of the operating system.
type Filed interface{ OnDisk() *os.File }

// Make has a process look at a file of a type, and calls keep for each thing that it has made, one after the other; keep reads all of
// it, and stores nothing where that fails. An ErrRefused or ErrDied is about the file: what was kept before is to be dropped, as with
// all errors. Others are those of keep and of the system.
func (p *Pool) Make(ctx context.Context, from io.Reader, kind string, keep func(name, kind string, content io.Reader) error) (Made, error) {
	input, done, err := inputOf(from)
	if err != nil {
		return Made{}, fmt.Errorf("hand a file to a process: %w", err)
	}
	defer done()
	task, err := json.Marshal(Task{Type: kind, MaxPixels: p.cfg.MaxPixels, Memory: p.cfg.Memory, CPU: p.cfg.CPU})
	if err != nil {
		return Made{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	run := exec.CommandContext(ctx, p.cfg.Command[0], append(slices.Clone(p.cfg.Command[1:]), string(task))...) //nolint:gosec // it is this program
	run.Env, run.Dir = environment(p.cfg.Memory), "/"
	run.WaitDelay = 5 * time.Second // for a pipe that somebody else holds
	run.SysProcAttr = attributes()
	said := &firstBytes{most: 2000}
	run.Stdin, run.Stderr = input, said
	output, err := run.StdoutPipe()
	if err != nil {
		return Made{}, fmt.Errorf("hand a file to a process: %w", err)
	}
	if err := run.Start(); err != nil {
		return Made{}, fmt.Errorf("start a process for a file: %w", err)
	}
	made, err := readRecords(output, keep)
	cancelled := ctx.Err()
	_ = run.Process.Kill() // it has nothing more to say, and may be gone already
	ended := run.Wait()
	switch {
	case err == nil:
		p.confined(&made)
		return made, nil // whatever it did behind its last word
	case errors.Is(err, ErrRefused), errors.As(err, new(errKeep)):
		return Made{}, err
	case errors.Is(cancelled, context.Canceled):
		return Made{}, context.Cause(ctx)
	case run.ProcessState.ExitCode() == exitUnconfined:
		return Made{}, fmt.Errorf("a process for a file cannot be confined%s", said)
	case run.ProcessState.UserTime()+run.ProcessState.SystemTime() >= p.cfg.CPU/10*9: // as it would again
		return Made{}, fmt.Errorf("%w: it takes more than %v of the processor", ErrRefused, p.cfg.CPU)
	}
	return Made{}, fmt.Errorf("%w: %w (%w)%s", ErrDied, err, ended, said)
}

// environment is that of a process: nothing of the server's, which may have secrets there. One thread at a time leaves processors to
// the chat, and the heap stays well below the limit, at which the process would die.
func environment(memory int64) []string {
	return []string{"GOMAXPROCS=1", "GOGC=50", "GOMEMLIMIT=" + strconv.FormatInt(memory/4*3, 10), "GOTRACEBACK=none"}
}

// inputOf is a file as a process can have it, which reads it at places that it names.
func inputOf(from io.Reader) (file *os.File, done func(), err error) {
	if filed, is := from.(Filed); is {
		return filed.OnDisk(), func() {}, nil
	}
	copied, err := os.CreateTemp("", "sockeye-media-")
	if err != nil {
		return nil, nil, err
	}
	done = func() {
		_ = copied.Close()           // it was read only
		_ = os.Remove(copied.Name()) // where it cannot be removed while it is open
	}
	_ = os.Remove(copied.Name()) // nobody else opens it
	if _, err := io.Copy(copied, from); err != nil {
		done()
		return nil, nil, err
	}
	return copied, done, nil
}

// confined says once where processes can reach more than they should.
func (p *Pool) confined(made *Made) {
	if len(made.Confined) > 0 {
		return
	}
	p.told.Do(func() {
		p.log.Warn("there is neither seccomp nor landlock for what decodes pictures (an old kernel, or a filter of the container or the unit): it has limits on memory and time, but may open files and connections")
	})
}

// firstBytes keeps the beginning of what is written.
type firstBytes struct {
	most int
	b    bytes.Buffer
}

func (f *firstBytes) Write(b []byte) (int, error) {
	f.b.Write(b[:min(len(b), f.most-f.b.Len())])
	return len(b), nil
}

// String is the first line, if there is one.
func (f *firstBytes) String() string {
	line, _, _ := strings.Cut(strings.TrimSpace(f.b.String()), "\n")
	if line == "" {
		return ""
	}
	return ": " + line
}
