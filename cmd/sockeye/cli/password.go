package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/sockeye-im/sockeye/internal/account"
)

// askPassword asks for a new password twice at a terminal, which does not show it; else it takes the first line of
// standard input. It is never an argument: other users of the machine see those.
func askPassword(ctx context.Context, p Program) (string, error) {
	terminal, isFile := p.Stdin.(*os.File)
	if !isFile || !term.IsTerminal(int(terminal.Fd())) {
		return firstLine(p.Stdin)
	}
	password, err := readHidden(ctx, p.Stderr, terminal, "Password: ")
	if err != nil {
		return "", err
	}
	again, err := readHidden(ctx, p.Stderr, terminal, "The same again: ")
	if err != nil {
		return "", err
	}
	if password != again {
		return "", usageError{errors.New("the two passwords differ")}
	}
	return password, nil
}

// firstLine reads no more than it takes to see that a password is too long.
func firstLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, account.MaxPasswordBytes+int64(len("x\r\n")))).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read password: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}

// readHidden reads a line that the terminal does not show. When ctx ends first, the terminal is as it was, and what reads
// from it is left behind: the program ends.
func readHidden(ctx context.Context, to io.Writer, terminal *os.File, prompt string) (string, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	_, _ = fmt.Fprint(to, prompt)
	defer func() { _, _ = fmt.Fprintln(to) }()
	type answer struct {
		line []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			return "", fmt.Errorf("read password: %w", a.err)
		}
		return string(a.line), nil
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		return "", ctx.Err()
	}
}
