package postgres_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
)

// proxy stands between a store and its server, and reads what the store sends.
type proxy struct {
	listener net.Listener
	server   string // its socket

	mu     sync.Mutex
	text   []byte      // in what statement
	atNext func(*link) // what to do with the link at the next such statement, once
	closed bool        // to new links
	links  map[*link]bool
	done   sync.WaitGroup
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
}

func (l *link) cut() {
	_ = l.client.Close()
	_ = l.server.Close()
}

// newProxy returns a proxy, and the address of the database through it. Statements are sent as text, so that the proxy can
// read them.
func newProxy(t *testing.T, address string) (*proxy, string) {
	t.Helper()
	direct, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := direct.Query()
	p := &proxy{server: filepath.Join(query.Get("host"), ".s.PGSQL.5432"), links: make(map[*link]bool)}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.done.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.shut(true)
		p.done.Wait()
	})
	host, port, err := net.SplitHostPort(p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	query.Set("host", host)
	query.Set("port", port)
	query.Set("sslmode", "disable")
	query.Set("default_query_exec_mode", "exec")
	direct.RawQuery = query.Encode()
	return p, direct.String()
}

// onCommit has the next COMMIT, on whatever link, kept from the server and do called in its place.
func (p *proxy) onCommit(do func(*link)) { p.on("\x00COMMIT\x00", do) }

// on does so with the next statement in which there is a text, and with what is sent behind it.
func (p *proxy) on(text string, do func(*link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.atNext = []byte(text), do
}

// shut cuts all links and refuses new ones; or takes them again.
func (p *proxy) shut(shut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = shut
	for l := range p.links {
		if shut {
			l.cut()
		}
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{client, server}
		if !p.add(l) {
			l.cut()
			continue
		}
		p.done.Go(func() {
			_ = p.forward(l) // until it is cut
			l.cut()
			p.remove(l)
		})
		p.done.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
	}
}

func (p *proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.links[l] = true
	}
	return !p.closed
}

func (p *proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

var errCut = errors.New("cut")

// cancelRequest is what a connection begins with that cancels what another one does.
const cancelRequest = 80877102

// forward passes the messages of the client on, of which the first has no type.
func (p *proxy) forward(l *link) error {
	kind := make([]byte, 1)
	for first := true; ; first = false {
		head := []byte{}
		if !first {
			if _, err := io.ReadFull(l.client, kind); err != nil {
				return err
			}
			head = append(head, kind[0])
		}
		size := make([]byte, 4)
		if _, err := io.ReadFull(l.client, size); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(size)-4)
		if _, err := io.ReadFull(l.client, body); err != nil {
			return err
		}
		if first && binary.BigEndian.Uint32(body) == cancelRequest {
			return errCut // what a client sends behind a connection that broke: it could come before what is under way is carried out
		}
		if !first && kind[0] == 'P' && p.intercept(l, body) {
			return errCut
		}
		if _, err := l.server.Write(append(append(head, size...), body...)); err != nil {
			return err
		}
	}
}

func (p *proxy) intercept(l *link, statement []byte) bool {
	p.mu.Lock()
	var do func(*link)
	if p.atNext != nil && bytes.Contains(statement, p.text) {
		do, p.atNext = p.atNext, nil
	}
	p.mu.Unlock()
	if do != nil {
		do(l)
	}
	return do != nil
}

// commit sends the COMMIT that was kept from the server.
func (l *link) commit() error {
	_, err := l.server.Write([]byte("Q\x00\x00\x00\x0bCOMMIT\x00"))
	return err
}
