package chat

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// terminal edits a line at the bottom while things are shown above it.
type terminal struct {
	*term.Terminal
	out    *os.File
	prompt string
	state  *term.State
}

// openTerminal takes a terminal over; nil if the streams are none.
func openTerminal(s Streams, prompt string) (*terminal, error) {
	in, isIn := s.In.(*os.File)
	out, isOut := s.Out.(*os.File)
	if !isIn || !isOut || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil, nil
	}
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("take over the terminal: %w", err)
	}
	t := &terminal{out: out, prompt: prompt, state: state}
	t.Terminal = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, prompt)
	t.fit()
	return t, nil
}

// fit follows the size of the window.
func (t *terminal) fit() (width int) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err == nil && width > 0 {
		_ = t.SetSize(width, height) // of no more than looks
	}
	return width
}

// Write shows text above the line that is being typed.
func (t *terminal) Write(text []byte) (int, error) {
	t.fit()
	return t.Terminal.Write(text)
}

func (t *terminal) restore() {
	t.SetPrompt("")
	_, _ = t.out.WriteString("\r\x1b[K")
	_ = term.Restore(int(t.out.Fd()), t.state)
}

// lines are what is entered, until Ctrl-D or Ctrl-C. What was entered goes from the
// screen: it is shown when it is said.
func (t *terminal) lines() <-chan inputLine {
	out := make(chan inputLine)
	go func() {
		defer close(out)
		for {
			text, err := t.ReadLine()
			if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
				return
			}
			t.wipe(text)
			out <- inputLine{text: text}
		}
	}()
	return out
}

// wipe takes an entered line off the screen again.
func (t *terminal) wipe(text string) {
	width := max(t.fit(), 1)
	rows := 1 + (utf8.RuneCountInString(t.prompt)+utf8.RuneCountInString(text))/width
	_, _ = fmt.Fprintf(t.Terminal, "\x1b[%dA\r\x1b[J", rows) // of no more than looks
}
