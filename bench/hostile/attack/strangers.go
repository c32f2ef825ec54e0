//go:build linux

package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// What strangers do who never sign in, all at once, each on a connection of its own.
const (
	// Bodies posts to a session that does not exist, with a body that lacks its last byte.
	Bodies = "bodies"
	// Frames begins a message of a megabyte over a WebSocket, and does not end it; half of them on each path.
	Frames = "frames"
	// Packets opens a session and posts a megabyte of packets of one byte each.
	Packets = "packets"
	// Values signs in with a token beside which stands a megabyte of small JSON values.
	Values = "values"
	// Promises announces a body that never comes, in five ways that the server refuses anyway.
	Promises = "promises"
)

// StrangersPlan says who they are.
type StrangersPlan struct {
	Kind      string
	Addr      string
	PID       int
	Count     int
	Scattered bool          // each from an address of its own
	Within    time.Duration // how long one waits to be sent away
	Tokens    []string      // of those who mean well
	Patience  time.Duration // how long they wait for an answer
}

// StrangersOutcome is what came of it.
type StrangersOutcome struct {
	Strangers    int   // who came that far
	Refused      int   // who were sent away before they could do anything; Logins: wrong ones that were not looked at
	Stayed       int   // who were still there when they had waited for long enough
	Before, Peak int64 // the server's resident memory, in bytes
	Rid          time.Duration
	Right        Logins // Logins
	Talk         Talk
	Quiet        Answers // acknowledgements before, and meanwhile
	Meanwhile    Answers
}

// approach brings a stranger to where it does harm: what it sends is the rest.
type approach func(ctx context.Context, p *StrangersPlan, number int) (*socket, net.Buffers, error)

var approaches = map[string]approach{Bodies: unfinishedBody, Frames: unfinishedFrame, Packets: manyPackets, Values: manyValues, Promises: noBody}

// RunStrangers has strangers come, while others talk.
func RunStrangers(ctx context.Context, p StrangersPlan) (outcome StrangersOutcome, err error) {
	do := comeAtOnce
	if p.Kind == WrongLogins {
		do = wrongLogins
	} else if approaches[p.Kind] == nil {
		return outcome, fmt.Errorf("strangers do nothing that is called %q", p.Kind)
	}
	t, err := bringTalkers(ctx, &p)
	if err != nil {
		return outcome, fmt.Errorf("talkers: %w", err)
	}
	if p.Kind == WrongLogins {
		if err := register(ctx, p.Addr); err != nil {
			return outcome, err
		}
	}
	time.Sleep(2 * TalkPause)
	outcome.Quiet = t.answers()
	watched, err := watch(p.PID)
	if err != nil {
		return outcome, err
	}
	outcome.Before = watched.first
	err = do(ctx, &p, &outcome)
	_, _, outcome.Peak, _ = watched.stop()
	outcome.Meanwhile = t.answers()
	outcome.Talk = t.stop()
	return outcome, err
}

// comeAtOnce has all strangers come, and waits until each is sent away.
func comeAtOnce(ctx context.Context, p *StrangersPlan, outcome *StrangersOutcome) error {
	var mu sync.Mutex
	return all(p.Count, func(i int) error {
		began := time.Now()
		s, sends, err := approaches[p.Kind](ctx, p, i)
		gone := true
		if err == nil {
			gone = s.untilSentAway(sends, p.Within)
		}
		mu.Lock()
		defer mu.Unlock()
		outcome.Strangers++
		if err != nil {
			outcome.Refused++
		}
		if !gone {
			outcome.Stayed++
		}
		outcome.Rid = max(outcome.Rid, time.Since(began))
		return ctx.Err()
	})
}

// untilSentAway sends, reads what is answered, and reports whether the server has closed the connection in time.
func (s *socket) untilSentAway(sends net.Buffers, within time.Duration) (gone bool) {
	_ = s.SetDeadline(time.Now().Add(within))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = sends.WriteTo(s.Conn) // the server may take no more
	}()
	_, err := io.Copy(io.Discard, s.in)
	_ = s.Close()
	<-sent
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// source is where a stranger comes from: all from one address of the loopback, or each from its own.
func (p *StrangersPlan) source(number int) *net.Dialer {
	from := net.IPv4(127, 1, 0, 1)
	if p.Scattered {
		from = net.IPv4(127, 2, byte(number>>8), byte(number))
	}
	return &net.Dialer{Timeout: dialTimeout, LocalAddr: &net.TCPAddr{IP: from}}
}

func (p *StrangersPlan) connect(ctx context.Context, number int) (*socket, error) {
	conn, err := p.source(number).DialContext(ctx, "tcp", p.Addr)
	if err != nil {
		return nil, err
	}
	// What has been sent is to lie with the server, not in the kernel.
	return &socket{Conn: conn, in: conn}, conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
}

func (p *StrangersPlan) webSocket(ctx context.Context, number int, path string) (*socket, error) {
	s, err := openPath(ctx, "ws://"+p.Addr+path, ws.Dialer{
		Timeout: dialTimeout, Protocols: []string{"sockeye.v1"}, NetDial: p.source(number).DialContext,
	})
	if err != nil {
		return nil, err
	}
	return s, s.Conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
}

const (
	pollPath   = "/socket.io/?EIO=4&transport=polling"
	socketPath = "/socket.io/?EIO=4&transport=websocket"
	noSession  = "AAAAAAAAAAAAAAAAAAAA"
	megabyte   = 999_999
)

// What is sent is the same for all: it takes the memory of this process only once.
var (
	zeros   = make([]byte, megabyte)
	packets = []byte(strings.Repeat("3\x1e", megabyte/2) + "3")
	// values is of a whole frame, masked with zeros.
	values = frame([]byte(`40{"token":"x","a":[` + strings.Repeat("[],", megabyte/3-20) + `[]]}`))
)

func frame(text []byte) []byte {
	var b bytes.Buffer
	f := ws.NewTextFrame(text)
	f.Header.Masked = true // with zeros
	_ = ws.WriteFrame(&b, f)
	return b.Bytes()
}

func unfinishedBody(ctx context.Context, p *StrangersPlan, number int) (*socket, net.Buffers, error) {
	s, err := p.connect(ctx, number)
	head := fmt.Sprintf("POST %s&sid=%s HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n", pollPath, noSession, megabyte)
	return s, net.Buffers{[]byte(head), zeros[1:]}, err
}

func unfinishedFrame(ctx context.Context, p *StrangersPlan, number int) (*socket, net.Buffers, error) {
	s, err := p.webSocket(ctx, number, []string{"/ws", socketPath}[number%2])
	var head bytes.Buffer
	_ = ws.WriteHeader(&head, ws.Header{Fin: true, OpCode: ws.OpText, Masked: true, Length: megabyte})
	return s, net.Buffers{head.Bytes(), zeros[1:]}, err
}

func manyPackets(ctx context.Context, p *StrangersPlan, number int) (*socket, net.Buffers, error) {
	client := http.Client{Transport: &http.Transport{DialContext: p.source(number).DialContext, DisableKeepAlives: true}, Timeout: p.Patience}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Addr+pollPath, nil)
	if err != nil {
		return nil, nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	opened, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	_, rest, found := bytes.Cut(opened, []byte(`"sid":"`))
	sid, _, _ := bytes.Cut(rest, []byte(`"`))
	if err != nil || !found {
		return nil, nil, fmt.Errorf("no session: %s, %w", answer.Status, err)
	}
	s, err := p.connect(ctx, number)
	head := fmt.Sprintf("POST %s&sid=%s HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", pollPath, sid, len(packets))
	return s, net.Buffers{[]byte(head), packets}, err
}

func manyValues(ctx context.Context, p *StrangersPlan, number int) (*socket, net.Buffers, error) {
	s, err := p.webSocket(ctx, number, socketPath)
	return s, net.Buffers{values}, err
}

// promised are heads of requests that the server refuses, and whose body never comes.
var promised = []string{
	"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n",
	"POST /health HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n",
	"POST /api/v1/nope HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n",
	"POST /api/v1/rooms HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer wrong\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n",
	"POST " + pollPath + "&sid=" + noSession + " HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab",
}

func noBody(ctx context.Context, p *StrangersPlan, number int) (*socket, net.Buffers, error) {
	s, err := p.connect(ctx, number)
	return s, net.Buffers{[]byte(promised[number%len(promised)])}, err
}
