package presence

import (
	"container/list"
	"time"
)

// deadlines are entries that all have the same time from being set until they are due, so that the order of setting is
// that of being due and one timer does for all. Not safe for concurrent use.
type deadlines[K comparable] struct {
	after time.Duration
	order list.List // of deadline[K], the next due first
	of    map[K]*list.Element
}

type deadline[K comparable] struct {
	key K
	at  time.Time
}

func newDeadlines[K comparable](after time.Duration) *deadlines[K] {
	return &deadlines[K]{after: after, of: make(map[K]*list.Element)}
}

// set makes key due after the common time, whether it was set or not.
func (d *deadlines[K]) set(key K, now time.Time) {
	d.clear(key)
	d.of[key] = d.order.PushBack(deadline[K]{key, now.Add(d.after)})
}

func (d *deadlines[K]) clear(key K) {
	if e := d.of[key]; e != nil {
		d.order.Remove(e)
		delete(d.of, key)
	}
}

// due takes out the next key whose time has come.
func (d *deadlines[K]) due(now time.Time) (key K, ok bool) {
	e := d.order.Front()
	if e == nil {
		return key, false
	}
	next := e.Value.(deadline[K])
	if now.Before(next.at) {
		return key, false
	}
	d.clear(next.key)
	return next.key, true
}

// wait returns how long it is until the next is due.
func (d *deadlines[K]) wait(now time.Time) (time.Duration, bool) {
	e := d.order.Front()
	if e == nil {
		return 0, false
	}
	return max(e.Value.(deadline[K]).at.Sub(now), 0), true
}
