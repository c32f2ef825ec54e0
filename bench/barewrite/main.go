//go:build linux

// Command barewrite is the floor that fan-out is measured against: a loop that writes WebSocket frames to the connections
// of /room and does nothing else. What comes on /send is not even looked at, but for the length of a message and its
// number: what is written are copies of the first.
//
//	barewrite            # write(2), one frame a call
//	barewrite -frames 4  # up to four frames a call, where as many have come
//	barewrite -net       # net.Conn.Write instead
//	barewrite -members 10  # each message to ten members only, on and on round the room
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

func main() {
	frames := flag.Int("frames", 1, "frames a call, at most")
	useNet := flag.Bool("net", false, "call net.Conn.Write, not write(2)")
	members := flag.Int("members", 0, "members that get a message; 0: all")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, &server{frames: max(1, *frames), useNet: *useNet, members: *members}))
}

// member is a connection that is written to.
type member struct {
	conn net.Conn
	fd   int
}

type server struct {
	frames  int
	useNet  bool
	members int // that get a message; 0: all

	mu   sync.Mutex
	room []*member
	turn int // messages so far
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, _, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	if r.URL.Path == "/room" {
		err = s.join(conn)
	}
	if err == nil {
		err = ws.WriteFrame(conn, ws.NewTextFrame([]byte("joined")))
	}
	if err == nil && r.URL.Path == "/send" {
		err = s.loop(conn)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func (s *server) join(conn net.Conn) error {
	m := &member{conn: conn}
	if err := m.find(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room = append(s.room, m)
	return nil
}

// find looks up the descriptor, which stays valid because nobody closes the connection.
func (m *member) find() error {
	raw, err := m.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { m.fd = int(fd) })
}

// loop reads messages, all of one size, and writes as many frames to every member.
func (s *server) loop(sender net.Conn) error {
	buf := make([]byte, 64<<10)
	var size, have int // of a message with its header; bytes that have come and make no whole message yet
	var batch []byte   // s.frames copies of the frame to write
	var frame int      // the size of one
	for {
		n, err := sender.Read(buf[have:])
		if err != nil {
			return nil // the sender has gone
		}
		have += n
		if size == 0 {
			payload, whole := unmask(buf[:have])
			if whole == 0 {
				continue
			}
			size = whole
			one := ws.MustCompileFrame(ws.NewTextFrame(payload))
			frame = len(one)
			for range s.frames {
				batch = append(batch, one...)
			}
		}
		if err := s.writeAll(have/size, batch, frame); err != nil {
			if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
				return nil // the members have gone
			}
			return err
		}
		have %= size
	}
}

// unmask returns the payload of the first frame and the size of the whole frame, 0 when it is not there yet.
func unmask(data []byte) (payload []byte, size int) {
	if len(data) < 8 {
		return nil, 0
	}
	head, length := 6, int(data[1]&0x7f)
	if length == 126 {
		head, length = 8, int(data[2])<<8|int(data[3])
	}
	if len(data) < head+length {
		return nil, 0
	}
	payload = append(payload, data[head:head+length]...)
	ws.Cipher(payload, [4]byte(data[head-4:head]), 0)
	return payload, head + length
}

func (s *server) writeAll(messages int, batch []byte, frame int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members > 0 {
		return s.ring(messages, batch[:frame])
	}
	for messages > 0 {
		n := min(messages, s.frames)
		messages -= n
		for _, m := range s.room {
			if err := s.write(m, batch[:n*frame]); err != nil {
				return err
			}
		}
	}
	return nil
}

// roomStride is that of package crowd: how far apart in the ring those are who get messages that follow each other.
const roomStride = 7919

// ring writes each message to the members that are in its turn.
func (s *server) ring(messages int, frame []byte) error {
	for range messages {
		first := s.turn * roomStride % len(s.room)
		s.turn++
		for i := range s.members {
			if err := s.write(s.room[(first+i)%len(s.room)], frame); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *server) write(m *member, b []byte) error {
	if s.useNet {
		_, err := m.conn.Write(b)
		return err
	}
	n, err := unix.Write(m.fd, b)
	if err == nil && n < len(b) {
		return errors.New("the socket takes no more: too much in flight for a bare write")
	}
	return err
}
