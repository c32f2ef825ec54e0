package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-im/sockeye/cmd/sockeye/cli"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
)

// typist is somebody at a terminal.
type typist struct {
	t              *testing.T
	keys, terminal *os.File
	screen         *screen // what the terminal shows of what is typed
	asked          *screen // what the program says
}

// screen may be read while it is written.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func sitDown(t *testing.T) *typist {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	y := &typist{t: t, keys: keys, terminal: terminal, screen: new(screen), asked: new(screen)}
	var showing sync.WaitGroup
	showing.Go(func() { _, _ = io.Copy(y.screen, keys) })
	t.Cleanup(func() {
		_ = terminal.Close()
		showing.Wait() // a terminal that nobody has open is at its end
		_ = keys.Close()
	})
	return y
}

// answer types a line as soon as the program has asked so and the terminal hides it.
func (y *typist) answer(prompt, line string) {
	y.until("asks "+prompt, func() bool { return strings.HasSuffix(y.asked.String(), prompt) })
	y.until("hides", y.hides)
	if _, err := y.keys.WriteString(line + "\n"); err != nil {
		y.t.Error(err)
	}
}

func (y *typist) hides() bool {
	state, err := unix.IoctlGetTermios(int(y.terminal.Fd()), unix.TCGETS)
	return err == nil && state.Lflag&unix.ECHO == 0
}

// until looks again and again: a terminal tells nobody that it hides.
func (y *typist) until(what string, is func() bool) {
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			y.t.Errorf("never %s: %q", what, y.asked)
			return
		}
	}
}

func (y *typist) operate(ctx context.Context, args ...string) int {
	return cli.Program{
		Accounts: app.OpenAccounts, Stdin: y.terminal, Stdout: io.Discard, Stderr: y.asked,
		Lookup: func(string) (string, bool) { return "", false },
	}.Run(ctx, args)
}

func TestPasswordAtATerminal(t *testing.T) {
	dir := usedFolder(t)
	for _, tc := range []struct {
		again string
		code  int
	}{{"quite secret", 0}, {"quite secrte", 2}} {
		y := sitDown(t)
		var typing sync.WaitGroup
		typing.Go(func() {
			y.answer("Password: ", "quite secret")
			y.answer("The same again: ", tc.again)
		})
		code := y.operate(t.Context(), "user", "create", "--data", dir, fmt.Sprint("ada", tc.code))
		typing.Wait()
		if code != tc.code {
			t.Errorf("exit %d, %q", code, y.asked)
		}
		if shown := y.screen.String() + y.asked.String(); strings.Contains(shown, "quite") {
			t.Errorf("shows %q", shown)
		}
		if y.hides() {
			t.Error("the terminal still hides what is typed")
		}
	}
	accounts := openAccounts(t, dir)
	if _, err := accounts.Login(t.Context(), account.Login{Username: "ada0", Password: "quite secret"}); err != nil {
		t.Error(err)
	}
	if _, err := accounts.Find(t.Context(), "ada2"); err == nil {
		t.Error("made with two passwords that differ")
	}
}

func TestPasswordInterrupted(t *testing.T) {
	y := sitDown(t)
	ctx, interrupt := context.WithCancel(t.Context())
	var typing sync.WaitGroup
	typing.Go(func() {
		y.until("hides", y.hides)
		interrupt()
	})
	if code := y.operate(ctx, "user", "create", "--data", t.TempDir(), "ada"); code != 1 {
		t.Errorf("exit %d, %q", code, y.asked)
	}
	typing.Wait()
	if y.hides() {
		t.Error("the terminal still hides what is typed")
	}
	y.dismiss()
}

// dismiss ends who still reads a password: it puts the terminal back to what it was, which takes a mark away.
func (y *typist) dismiss() {
	state, err := unix.IoctlGetTermios(int(y.terminal.Fd()), unix.TCGETS)
	if err != nil {
		y.t.Fatal(err)
	}
	plain := state.Iflag
	state.Iflag ^= unix.IXANY
	if err := unix.IoctlSetTermios(int(y.terminal.Fd()), unix.TCSETS, state); err != nil {
		y.t.Fatal(err)
	}
	if _, err := y.keys.WriteString("\n"); err != nil {
		y.t.Fatal(err)
	}
	y.until("puts back", func() bool {
		state, err := unix.IoctlGetTermios(int(y.terminal.Fd()), unix.TCGETS)
		return err == nil && state.Iflag == plain
	})
}
