package worker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A process writes records to its standard output: the length of a head, the head, which is JSON, and where the head names something
// that was made, its bytes, in pieces that have their length before them, of which the last one is empty. Lengths have four bytes, the
// most significant one first. The last record says how it ended. The server trusts nothing of it.
const (
	maxHead   = 4 << 10
	maxPiece  = 64 << 10
	maxOutput = 64 << 20 // of all that is made of a file
)

// head is what a record begins with: one of the fields is set.
type head struct {
	Name string `json:"name,omitempty"` // of what was made
	Done *Made  `json:"done,omitempty"`
	// Refused is why nothing can be made of the file, whoever tries.
	Refused string `json:"refused,omitempty"`
}

// errStream is for a stream that is not made as it should be: the process has died, or was taken over.
var errStream = errors.New("what the process wrote is broken off, or not well formed")

// recordWriter is the side of the process.
type recordWriter struct{ to io.Writer }

func (w recordWriter) head(h head) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return w.piece(text)
}

func (w recordWriter) piece(b []byte) error {
	framed := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b))) //nolint:gosec // of a piece
	_, err := w.to.Write(append(framed, b...))
	return err
}

// made has something written in pieces, under a name.
func (w recordWriter) made(name string, write func(io.Writer) error) error {
	if err := w.head(head{Name: name}); err != nil {
		return err
	}
	p := &pieces{to: w, buffer: make([]byte, 0, maxPiece)}
	if err := write(p); err != nil {
		return err
	}
	if len(p.buffer) > 0 {
		if err := w.piece(p.buffer); err != nil {
			return err
		}
	}
	return w.piece(nil)
}

// pieces is an io.Writer that writes full pieces.
type pieces struct {
	to     recordWriter
	buffer []byte
}

func (p *pieces) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		some := min(len(b), maxPiece-len(p.buffer))
		p.buffer = append(p.buffer, b[:some]...)
		b, n = b[some:], n+some
		if len(p.buffer) == maxPiece {
			if err := p.to.piece(p.buffer); err != nil {
				return n, err
			}
			p.buffer = p.buffer[:0]
		}
	}
	return n, nil
}

// WriteByte is for who writes single bytes: encoders of JPEG do, if they can.
func (p *pieces) WriteByte(b byte) error {
	_, err := p.Write([]byte{b})
	return err
}

// Flush is for those encoders too. There is nothing that must be written now.
func (*pieces) Flush() error { return nil }

// keep stores what was made, all of content or nothing: content fails where it broke off.
type keep func(name, kind string, content io.Reader) error

// errKeep is an error of who keeps, rather than of the process.
type errKeep struct{ error }

func (e errKeep) Unwrap() error { return e.error }

// readRecords reads what a process writes, to its end.
func readRecords(from io.Reader, keep keep) (Made, error) {
	from = &io.LimitedReader{R: from, N: maxOutput}
	kept := make(map[string]bool)
	for {
		h, err := readHead(from)
		switch {
		case err != nil:
			return Made{}, err
		case h.Refused != "":
			return Made{}, fmt.Errorf("%w: %s", ErrRefused, h.Refused)
		case h.Done != nil:
			return *h.Done, h.Done.check()
		case h.Name != Thumbnail && h.Name != Preview && h.Name != Compressed || kept[h.Name]:
			return Made{}, fmt.Errorf("%w: it has made something called %q", errStream, h.Name)
		}
		kept[h.Name] = true
		content := &content{from: from}
		if err := keep(h.Name, typeJPEG, content); err != nil {
			if content.err != nil {
				return Made{}, content.err
			}
			return Made{}, errKeep{err}
		}
		if !content.ended {
			return Made{}, errKeep{errors.New("what was made was not taken whole")}
		}
	}
}

func readHead(from io.Reader) (h head, err error) {
	n, err := readLength(from)
	if err == nil && (n == 0 || n > maxHead) {
		err = fmt.Errorf("%w: a head of %d bytes", errStream, n)
	}
	if err != nil {
		return h, err
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(from, text); err != nil {
		return h, errStream
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("%w: a head: %w", errStream, err)
	}
	return h, nil
}

func readLength(from io.Reader) (int, error) {
	var b [4]byte
	if _, err := io.ReadFull(from, b[:]); err != nil {
		return 0, errStream
	}
	n := binary.BigEndian.Uint32(b[:])
	if n > maxPiece {
		return 0, fmt.Errorf("%w: a piece of %d bytes", errStream, n)
	}
	return int(n), nil
}

// content is something that was made, as it comes.
type content struct {
	from  io.Reader
	left  int // of the piece
	ended bool
	err   error
}

func (c *content) Read(b []byte) (n int, err error) {
	if c.left == 0 && !c.ended && c.err == nil {
		c.left, c.err = readLength(c.from)
		c.ended = c.err == nil && c.left == 0
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case c.ended:
		return 0, io.EOF
	}
	n, err = c.from.Read(b[:min(len(b), c.left)])
	c.left -= n
	if err != nil && n == 0 {
		c.err = errStream
		return 0, c.err
	}
	return n, nil
}

// maxSide is how many pixels one side of a picture can have: what MaxPixels can be, times one.
const maxSide = 1 << 30

// check tells whether what a process says can be.
func (m *Made) check() error {
	if m.Width < 1 || m.Height < 1 || m.Width > maxSide || m.Height > maxSide || len(m.Blurhash) > 100 {
		return fmt.Errorf("%w: a picture of %d by %d", errStream, m.Width, m.Height)
	}
	for _, c := range []byte(m.Blurhash) {
		if digits[c] < 0 {
			return fmt.Errorf("%w: its blurhash", errStream)
		}
	}
	return nil
}
