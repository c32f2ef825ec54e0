package netloop

// Watched reports whether epoll still tells of c, which is on one of its links.
func Watched(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state != gone && c.link.(*epollLink).registered
}
