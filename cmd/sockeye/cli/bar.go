package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/sockeye-im/sockeye/internal/backup"
)

// bar shows on a terminal how far something is; elsewhere it shows nothing. It is for one goroutine.
type bar struct {
	to    io.Writer // nil: nothing is shown
	what  string
	size  func(int64) string // how much is written
	began time.Time
	shown time.Time
}

// barEvery is how often it changes at most.
const barEvery = 100 * time.Millisecond

// newBar is for bytes.
func newBar(to io.Writer, what string) *bar { return newBarOf(to, what, backup.Bytes) }

func newBarOf(to io.Writer, what string, size func(int64) string) *bar {
	b := &bar{what: what, size: size, began: time.Now()}
	if isTerminal(to) {
		b.to = to
	}
	return b
}

func (b *bar) progress(done, total int64) {
	now := time.Now()
	if b.to == nil || total <= 0 || now.Sub(b.shown) < barEvery && done < total {
		return
	}
	b.shown = now
	const width = 30
	full := int(done * width / total)
	speed := float64(done) / max(now.Sub(b.began).Seconds(), 0.001)
	_, _ = fmt.Fprintf(b.to, "\r%s [%s%s] %3d %% of %s, %s/s\x1b[K", b.what, strings.Repeat("#", full), strings.Repeat(".", width-full),
		done*100/total, b.size(total), b.size(int64(speed)))
}

// end takes the bar away.
func (b *bar) end() {
	if b.to != nil {
		_, _ = fmt.Fprint(b.to, "\r\x1b[K")
	}
}

// isTerminal reports whether somebody looks at it.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
