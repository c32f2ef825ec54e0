package netloop

import "sync/atomic"

// strangersShare is which part of a Partial's bytes connections may have that are
// restricted: what strangers do leaves the rest to those who are known.
const strangersShare = 8

// Partial bounds the bytes that are kept of requests and messages of which a part has
// come, for any number of loops and handlers together. What comes in one piece, as most
// does, is never kept and counts nothing. It may be used concurrently; a nil Partial has
// no bound.
type Partial struct {
	strangers, known budget
}

// NewPartial returns a Partial of at most that many bytes, an eighth of which is for
// strangers and the rest for others. 0 is no bound.
func NewPartial(most int) *Partial {
	if most <= 0 {
		return nil
	}
	p := new(Partial)
	p.strangers.most = int64(most / strangersShare)
	p.known.most = int64(most) - p.strangers.most
	return p
}

// Bytes is how many bytes are kept at the moment.
func (p *Partial) Bytes() int64 {
	if p == nil {
		return 0
	}
	return p.strangers.used.Load() + p.known.used.Load()
}

func (p *Partial) budget(stranger bool) *budget {
	switch {
	case p == nil:
		return nil
	case stranger:
		return &p.strangers
	default:
		return &p.known
	}
}

// budget is a number of bytes that may be used.
type budget struct {
	most int64
	used atomic.Int64
}

// claim is what one connection or request has of a budget. It is not for concurrent
// use.
type claim struct {
	of    *budget
	bytes int
}

// set makes the claim one of so many bytes; false, with nothing claimed, when the budget
// has not as many.
func (c *claim) set(of *budget, bytes int) bool {
	if c.of == of && c.bytes == bytes {
		return true
	}
	if c.of != nil {
		c.of.used.Add(-int64(c.bytes))
	}
	*c = claim{}
	if of == nil || bytes == 0 {
		return true
	}
	if !of.take(int64(bytes)) {
		return false
	}
	*c = claim{of, bytes}
	return true
}

// take uses bytes if there are as many: who is refused takes nothing from others, not for a moment either.
func (b *budget) take(bytes int64) bool {
	for {
		used := b.used.Load()
		if used+bytes > b.most {
			return false
		}
		if b.used.CompareAndSwap(used, used+bytes) {
			return true
		}
	}
}

func (c *claim) release() { c.set(nil, 0) }
