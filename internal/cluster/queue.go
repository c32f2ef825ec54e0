package cluster

import "sync"

// overhead is what a payload costs beside its bytes.
const overhead = 64

// queue is a line of payloads, bounded in bytes. All methods may be called concurrently;
// one goroutine takes.
type queue struct {
	most  int
	ready chan struct{} // has one in it while something waits

	mu      sync.Mutex
	waiting [][]byte
	bytes   int
}

func newQueue(most int) *queue { return &queue{most: most, ready: make(chan struct{}, 1)} }

// put reports whether there was room.
func (q *queue) put(payload []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := len(payload) + overhead
	if q.bytes+size > q.most {
		return false
	}
	q.waiting, q.bytes = append(q.waiting, payload), q.bytes+size
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return true
}

// take returns all that waits, in order.
func (q *queue) take() (payloads [][]byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	payloads, q.waiting, q.bytes = q.waiting, nil, 0
	select {
	case <-q.ready:
	default:
	}
	return payloads
}
