//go:build linux

package crowd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// conn is one client's connection.
type conn struct {
	loop     *loop
	fd       int
	number   int
	role     role
	interest uint32

	connected bool // the TCP connection stands
	upgraded  bool // the WebSocket does
	step      int  // of the role, up to which it has come
	poll      poll // on long-polling

	rest []byte // the beginning of a frame that has not come as a whole
	out  []byte // what the socket has not taken yet

	gone     bool // the server has closed it, and the scenario does not mind
	received int  // messages, for the scenario to use
	checked  bool // what it received was what was sent
}

func (c *conn) control(op int) error {
	event := unix.EpollEvent{Events: c.interest, Fd: int32(c.number)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(c.loop.fd, op, c.fd, &event))
}

func (c *conn) want(interest uint32) error {
	if c.interest == interest {
		return nil
	}
	c.interest = interest
	return c.control(unix.EPOLL_CTL_MOD)
}

func (c *conn) happened(events uint32) error {
	if events&unix.EPOLLOUT != 0 {
		if err := c.writable(); err != nil {
			return err
		}
	}
	if events&^unix.EPOLLOUT == 0 {
		return nil
	}
	n, err := unix.Read(c.fd, c.loop.buf)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		return errors.New("the server has closed it")
	}
	return c.receive(c.loop.buf[:n])
}

func (c *conn) writable() error {
	if !c.connected {
		c.connected = true
		if c.poll.opened != nil {
			return c.resume()
		}
		if c.polls() {
			return c.get()
		}
		c.out = append(c.out, c.request()...)
	}
	waiting := c.out
	c.out = nil
	return c.write(waiting)
}

func (c *conn) request() string {
	return "GET " + c.role.path + c.poll.session + " HTTP/1.1\r\nHost: " + c.loop.plan.Addr +
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		c.role.header + "\r\n"
}

// write sends b, what the socket does not take a little later.
func (c *conn) write(b []byte) error {
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		return nil
	}
	n, err := unix.Write(c.fd, b)
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("write", err)
	}
	if n = max(n, 0); n < len(b) {
		c.out = append(c.out, b[n:]...)
		return c.want(unix.EPOLLIN | unix.EPOLLOUT)
	}
	return c.want(unix.EPOLLIN)
}

func (c *conn) receive(data []byte) error {
	if c.rest != nil {
		data = append(c.rest, data...)
		c.rest = nil
	}
	if c.polls() {
		return c.answered(data)
	}
	if !c.upgraded {
		answer, frames, found := bytes.Cut(data, []byte("\r\n\r\n"))
		switch {
		case !found:
			c.rest = bytes.Clone(data)
			return nil
		case !bytes.HasPrefix(answer, []byte("HTTP/1.1 101 ")):
			return fmt.Errorf("the server answered %q", answer)
		}
		c.upgraded = true
		if err := c.advance(); err != nil {
			return err
		}
		data = frames
	}
	for len(data) > 0 {
		payload, size := parse(data)
		if size == 0 {
			c.rest = bytes.Clone(data)
			return nil
		}
		kind := data[0] & 0xf
		data = data[size:]
		if kind != 1 {
			if err := c.special(kind, payload); err != nil {
				return err
			}
			continue
		}
		if err := c.frame(payload); err != nil {
			return err
		}
	}
	return nil
}

// parse returns the payload of the first frame of data and the size of the frame, 0 when it is not there as a whole.
func parse(data []byte) (payload []byte, size int) {
	if len(data) < 2 {
		return nil, 0
	}
	head, length := 2, int(data[1])
	switch {
	case length == 126 && len(data) >= 4:
		head, length = 4, int(binary.BigEndian.Uint16(data[2:]))
	case length == 127 && len(data) >= 10:
		head, length = 10, int(binary.BigEndian.Uint64(data[2:]))
	case length >= 126:
		return nil, 0
	}
	if len(data) < head+length {
		return nil, 0
	}
	return data[head : head+length], head + length
}

func (c *conn) frame(payload []byte) error {
	if c.loop.words.lines {
		for line := range bytes.SplitSeq(payload, []byte{'\n'}) {
			if err := c.message(line); err != nil {
				return err
			}
		}
		return nil
	}
	return c.message(payload)
}

func (c *conn) message(payload []byte) error {
	words := c.loop.words
	switch {
	case len(payload) == len(words.ping) && string(payload) == words.ping:
		return c.send(words.pong)
	case c.step == len(c.role.steps):
		return c.loop.heard(c, payload)
	}
	switch step := c.role.steps[c.step]; {
	case bytes.HasPrefix(payload, []byte(step.expect)):
		c.step++
		return c.advance()
	case step.before != "" && bytes.HasPrefix(payload, []byte(step.before)):
		return nil
	default:
		return fmt.Errorf("the server sent %q where %q was expected", payload, step.expect)
	}
}

// advance takes the next step of coming in, or is in.
func (c *conn) advance() error {
	c.loop.last = time.Now()
	if c.step == len(c.role.steps) {
		c.loop.open++
		if c.loop.came != nil {
			return c.loop.came(c)
		}
		return nil
	}
	step := c.role.steps[c.step]
	if step.send == "" {
		return nil
	}
	if err := c.send(step.send); err != nil || step.expect != "" {
		return err
	}
	c.step++
	return c.advance()
}

func (c *conn) send(text string) error {
	if c.role.polls {
		return c.post(text)
	}
	return c.write(clientFrame(text))
}

// check makes sure, once, that what came is what was sent.
func (c *conn) check(payload []byte) error {
	if c.checked {
		return nil
	}
	c.checked = true
	if !bytes.Contains(payload, []byte(c.loop.words.content)) {
		return fmt.Errorf("what came is not what was sent: %q", payload)
	}
	return nil
}

// clientFrame is a text frame as clients send it, masked.
func clientFrame(text string) []byte { return masked(1, []byte(text)) }

// masked is a frame of any kind as clients send it.
func masked(kind byte, payload []byte) []byte {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	frame := []byte{0x80 | kind}
	if len(payload) < 126 {
		frame = append(frame, 0x80|byte(len(payload)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(len(payload)))
	}
	frame = append(frame, mask[:]...)
	for i, b := range payload {
		frame = append(frame, b^mask[i%4])
	}
	return frame
}
