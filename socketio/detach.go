package socketio

// The turn of an event in the order of its connection.
const (
	turnTaken  = iota // the events behind it wait for its handlers
	turnPassed        // they do not
	turnOver          // its handlers have returned
)

// Detach lets the events behind this one be handled while its handlers go on. A
// handler calls it, as a rule in its first line, before it does what takes long:
//
//	e.Detach()
//
// The handlers of the event itself still run one after the other, and so do the
// events behind it. Shutdown waits for what is detached, Config.MaxDetached bounds
// it. OnDisconnect handlers do not wait for it. Once the handlers have returned
// Detach does nothing.
func (e *Event) Detach() {
	if e.turn.CompareAndSwap(turnTaken, turnPassed) {
		e.socket.client.passTurn()
	}
}

// handled notes that the handlers have returned, and reports whether the event
// was detached.
func (e *Event) handled() bool { return !e.turn.CompareAndSwap(turnTaken, turnOver) }

// passTurn hands what is queued to another worker, unless too many go on beside
// already: then the first of those that returns does.
func (c *client) passTurn() {
	c.mu.Lock()
	c.beside++
	c.held = int(c.beside) > c.server.cfg.MaxDetached
	held := c.held
	c.mu.Unlock()
	if !held {
		c.server.work.Start(c)
	}
}

// rejoin is the end of a worker that went on beside.
func (c *client) rejoin() {
	c.mu.Lock()
	c.beside--
	held := c.held
	c.held = false
	c.mu.Unlock()
	if held {
		c.server.work.Start(c)
	}
}
