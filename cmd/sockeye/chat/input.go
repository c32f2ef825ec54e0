package chat

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// inputLine is a line that was entered, or why there are no more.
type inputLine struct {
	text string
	err  error
}

// maxLine is how many bytes a line of a pipe may have: more than the longest message.
const maxLine = 1 << 20

// readLines reads a pipe to its end. Its goroutine may wait for input when the
// program ends: nothing ends a read.
func readLines(in io.Reader) <-chan inputLine {
	out := make(chan inputLine)
	go func() {
		defer close(out)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			out <- inputLine{text: strings.TrimSuffix(scanner.Text(), "\r")}
		}
		if err := scanner.Err(); errors.Is(err, bufio.ErrTooLong) {
			out <- inputLine{err: errors.New("input: a line has over 1 MiB")}
		} else if err != nil {
			out <- inputLine{err: err}
		}
	}()
	return out
}

// openInput opens what is typed, with a prompt if that is a terminal. restore must be
// called.
func (s *Session) openInput(at Place) (in <-chan inputLine, restore func(), err error) {
	t, err := openTerminal(s.streams, prompt(at))
	switch {
	case err != nil:
		return nil, nil, err
	case t == nil || s.options.JSON:
		return readLines(s.streams.In), func() {}, nil
	}
	s.show(t)
	return t.lines(), t.restore, nil
}

func prompt(at Place) string {
	if at.RoomID != "" {
		return "#" + at.RoomID + "> "
	}
	return "@" + at.UserID + "> "
}
