package engineio

import (
	"sync"
	"time"
)

// strangers are the sessions that are open and not trusted, the oldest first. It may be
// used concurrently.
type strangers struct {
	most int // 0: they are not counted

	mu    sync.Mutex
	count int
	line  []*Session // also some that are none any more
}

// enter counts a session and returns the one that is to end for it; nil for none.
func (l *strangers) enter(s *Session) (oldest *Session) {
	if l.most == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	l.line = append(l.line, s)
	for len(l.line) > 0 && (l.count > l.most || !l.line[0].isStranger()) {
		first := l.line[0]
		l.line[0] = nil
		l.line = l.line[1:]
		if first.isStranger() {
			return first // its end uncounts it
		}
	}
	return nil
}

// oldest takes the oldest out of the line if it has been open for that long; nil if not.
func (l *strangers) oldest(age time.Duration) *Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.line) > 0 {
		first := l.line[0]
		stranger := first.isStranger()
		if stranger && time.Since(first.handshake.Time) < age {
			return nil
		}
		l.line[0] = nil
		l.line = l.line[1:]
		if stranger {
			return first
		}
	}
	return nil
}

// leave uncounts one that has ended, or is trusted.
func (l *strangers) leave() {
	if l.most == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count--
}
