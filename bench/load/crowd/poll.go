//go:build linux

package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pollingOf is a role over HTTP long-polling instead: one connection, on which it polls, and sends what it has to send
// between polls. It takes no compressed answers.
func pollingOf(r role) role {
	r.path = string(bytes.Replace([]byte(r.path), []byte("transport=websocket"), []byte("transport=polling"), 1))
	r.polls = true
	return r
}

// poll is what a client on long-polling knows.
type poll struct {
	session string // to go behind the path
	posting bool   // the answer that comes is one to a data request
	opened  []byte // the packet that opened the session, where it goes on by another connection
}

// polls tells whether it is on long-polling now.
func (c *conn) polls() bool { return c.role.polls || c.isOpening() }

// isOpening tells whether it is still to go on by another connection.
func (c *conn) isOpening() bool { return c.role.opens.apart && c.poll.opened == nil }

// goOn does so, with the session that was opened.
func (c *conn) goOn(opened []byte) error {
	c.poll.opened = bytes.Clone(opened)
	if err := unix.Close(c.fd); err != nil {
		return os.NewSyscallError("close", err)
	}
	c.connected = false
	return c.connect(c.role.server)
}

// resume takes the opening packet, on the connection by which it goes on.
func (c *conn) resume() error {
	if c.role.polls {
		return c.message(c.poll.opened) // upon which it posts
	}
	c.step++
	return c.write([]byte(c.request()))
}

func (c *conn) get() error {
	path := strings.Replace(c.role.path, "transport=websocket", "transport=polling", 1)
	return c.write([]byte("GET " + path + c.poll.session + " HTTP/1.1\r\nHost: " + c.loop.plan.Addr + "\r\n\r\n"))
}

func (c *conn) post(packet string) error {
	c.poll.posting = true
	return c.write([]byte("POST " + c.role.path + c.poll.session + " HTTP/1.1\r\nHost: " + c.loop.plan.Addr +
		"\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: " + strconv.Itoa(len(packet)) + "\r\n\r\n" + packet))
}

// answered takes HTTP answers, of which one at most is under way.
func (c *conn) answered(data []byte) error {
	body, whole, err := httpBody(data)
	if err != nil || !whole {
		c.rest = bytes.Clone(data)
		return err
	}
	if c.poll.posting {
		c.poll.posting = false
		if string(body) != "ok" {
			return fmt.Errorf("the server answered %q to a data request", body)
		}
		return c.get()
	}
	if id, found := bytes.CutPrefix(body, []byte(`0{"sid":"`)); found {
		c.poll.session = "&sid=" + string(id[:max(0, bytes.IndexByte(id, '"'))])
		if c.isOpening() {
			return c.goOn(body)
		}
	}
	for packet := range bytes.SplitSeq(body, []byte{0x1e}) {
		if err := c.message(packet); err != nil {
			return err
		}
	}
	if c.poll.posting {
		return nil
	}
	return c.get()
}

// httpBody is the body of an answer that says how long it is.
func httpBody(data []byte) (body []byte, whole bool, err error) {
	head, body, found := bytes.Cut(data, []byte("\r\n\r\n"))
	if !found {
		return nil, false, nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		return nil, false, fmt.Errorf("the server answered %q", head)
	}
	const name = "\r\nContent-Length: "
	at := bytes.Index(head, []byte(name))
	if at < 0 {
		return nil, false, fmt.Errorf("no length in %q", head)
	}
	digits, _, _ := bytes.Cut(head[at+len(name):], []byte("\r\n"))
	length, err := strconv.Atoi(string(digits))
	switch {
	case err != nil:
		return nil, false, err
	case len(body) < length:
		return nil, false, nil
	case len(body) > length:
		return nil, false, errors.New("more came than was asked for")
	}
	return body, true, nil
}
