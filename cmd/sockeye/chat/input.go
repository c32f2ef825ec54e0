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

// input is where lines come from. restore must be called.
type input struct {
	lines   <-chan inputLine
	restore func()
	person  bool // somebody sits there and looks
}

// openInput opens what is typed, with a prompt if that is a terminal.
func (s *Session) openInput(at Place) (input, error) {
	if s.options.JSON {
		return input{lines: readLines(s.streams.In), restore: func() {}}, nil
	}
	t, err := openTerminal(s.streams, prompt(at))
	switch {
	case err != nil:
		return input{}, err
	case t == nil:
		return input{lines: readLines(s.streams.In), restore: func() {}}, nil
	}
	s.show(t)
	return input{lines: t.lines(), restore: t.restore, person: true}, nil
}

func prompt(at Place) string {
	if at.RoomID != "" {
		return "#" + at.RoomID + "> "
	}
	return "@" + at.UserID + "> "
}
