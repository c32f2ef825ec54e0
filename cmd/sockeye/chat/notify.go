package chat

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

const (
	// maxNotices wait for the command; older ones go, as do those that another of the same conversation replaces.
	maxNotices = 16
	// longestCommand is how long the command may take for one.
	longestCommand = 10 * time.Second
	// prefixOfNotice begins the names of the variables that tell the command what there is.
	prefixOfNotice = "SOCKEYE_NOTICE_"
)

// secrets are variables that the command does not get.
var secrets = []string{"SOCKEYE_TOKEN", "SOCKEYE_PASSWORD"}

// notifier runs a command for each notice, one at a time. A nil one does nothing.
type notifier struct {
	command string
	come    chan client.Notice
	failed  chan error // of the first notice for which the command failed; it has room for that
	ended   chan struct{}

	hasFailed bool // only run looks at it
}

// startNotifying returns what is to be stopped; nil without a command.
func (s *Session) startNotifying(ctx context.Context) *notifier {
	if s.options.Notify == "" {
		return nil
	}
	n := &notifier{
		command: s.options.Notify, come: make(chan client.Notice), failed: make(chan error, 1), ended: make(chan struct{}),
	}
	go n.run(ctx)
	return n
}

// stop waits until what was told is done.
func (n *notifier) stop() {
	if n == nil {
		return
	}
	close(n.come)
	<-n.ended
}

// failure is where it says that the command fails.
func (n *notifier) failure() <-chan error {
	if n == nil {
		return nil
	}
	return n.failed
}

// tell never waits for the command.
func (n *notifier) tell(notice client.Notice) {
	if n != nil {
		n.come <- notice
	}
}

// run takes notices at any time, and has the command run for them one after the other.
func (n *notifier) run(ctx context.Context) {
	defer close(n.ended)
	var waiting []client.Notice
	var running chan error // nil while the command does not run
	for come := n.come; come != nil || running != nil || len(waiting) > 0; {
		if running == nil && len(waiting) > 0 {
			next := waiting[0]
			waiting = waiting[1:]
			running = make(chan error, 1)
			go func(done chan<- error) { done <- n.execute(ctx, &next) }(running)
		}
		select {
		case notice, open := <-come:
			if !open {
				come = nil
				continue
			}
			waiting = enqueue(waiting, notice)
		case err := <-running:
			running = nil
			n.fail(ctx, err)
		}
	}
}

// fail tells the first failure: the others would say the same.
func (n *notifier) fail(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil || n.hasFailed {
		return
	}
	n.hasFailed = true
	n.failed <- err
}

// enqueue puts a notice in the place of the one that it replaces, else behind all others.
func enqueue(waiting []client.Notice, notice client.Notice) []client.Notice {
	waiting = slices.DeleteFunc(waiting, func(w client.Notice) bool { return w.Tag == notice.Tag && w.Tag != "" })
	if len(waiting) == maxNotices {
		waiting = waiting[1:]
	}
	return append(waiting, notice)
}

// execute runs the command by the shell. What others have written is in variables alone, where no shell reads it as a command.
func (n *notifier) execute(ctx context.Context, notice *client.Notice) error {
	ctx, cancel := context.WithTimeout(ctx, longestCommand)
	defer cancel()
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/c"}
	}
	c := exec.CommandContext(ctx, shell[0], shell[1], n.command) //nolint:gosec // it is the user's own
	c.WaitDelay = time.Second                                    // for what it has left behind
	c.Env = environment(notice)
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Run(); err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		if line == "" {
			return fmt.Errorf("--notify: the command has failed: %w", err)
		}
		return fmt.Errorf("--notify: the command has failed: %w: %.200s", err, line)
	}
	return nil
}

func environment(notice *client.Notice) []string {
	own := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(secrets, name)
	})
	for name, value := range map[string]string{
		"TITLE": notice.Title, "BODY": notice.Body, "TAG": notice.Tag, "ROOM": notice.RoomID, "SENDER": notice.SenderID,
	} {
		own = append(own, prefixOfNotice+name+"="+plain(value))
	}
	return own
}

// plain is a text of one line without what would command a terminal, or end a variable.
func plain(text string) string {
	return strings.ReplaceAll(printable(text), "\n      ", " ")
}
