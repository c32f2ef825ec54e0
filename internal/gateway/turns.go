package gateway

const (
	// signInsAtOnce is how many users are looked up, or stored, at a time: as
	// many as are worth to share a transaction.
	signInsAtOnce = 64
	// subscriptionsAtOnce is how many connections are put into their rooms and
	// shown what is unread at a time: a few more than the store reads for.
	subscriptionsAtOnce = 8
)

// turns lets a number of callers do something at a time, the others in the order
// in which they came. When everybody comes back at once, who is first is so
// through early, and not all of them at the end.
type turns chan struct{}

func (t turns) take() { t <- struct{}{} }

func (t turns) give() { <-t }
