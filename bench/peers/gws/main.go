// Command gws is the bare gws package, without Socket.IO: what comes on /send goes to all connections of /room, what comes
// on /echo goes back.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/lxzan/gws"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, newServer()))
}

type server struct {
	upgrader map[string]*gws.Upgrader

	mu   sync.Mutex
	room map[*gws.Conn]struct{}
}

func newServer() *server {
	s := &server{room: make(map[*gws.Conn]struct{})}
	s.upgrader = map[string]*gws.Upgrader{
		"/room": gws.NewUpgrader(&member{server: s}, nil),
		"/send": gws.NewUpgrader(&sender{server: s}, nil),
		"/echo": gws.NewUpgrader(&echo{}, nil),
	}
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	upgrader := s.upgrader[r.URL.Path]
	if upgrader == nil {
		http.NotFound(w, r)
		return
	}
	conn, err := upgrader.Upgrade(w, r)
	if err != nil {
		return
	}
	go conn.ReadLoop()
}

func (s *server) broadcast(payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := gws.NewBroadcaster(gws.OpcodeText, payload)
	defer b.Close()
	for conn := range s.room {
		_ = b.Broadcast(conn) // a connection that fails closes itself
	}
}

type member struct {
	gws.BuiltinEventHandler
	server *server
}

func (m *member) OnOpen(conn *gws.Conn) {
	m.server.mu.Lock()
	m.server.room[conn] = struct{}{}
	m.server.mu.Unlock()
	_ = conn.WriteString("joined")
}

func (m *member) OnClose(conn *gws.Conn, _ error) {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	delete(m.server.room, conn)
}

type sender struct {
	gws.BuiltinEventHandler
	server *server
}

func (s *sender) OnOpen(conn *gws.Conn) { _ = conn.WriteString("joined") }

func (s *sender) OnMessage(_ *gws.Conn, message *gws.Message) {
	defer func() { _ = message.Close() }()
	s.server.broadcast(message.Bytes())
}

type echo struct{ gws.BuiltinEventHandler }

func (*echo) OnMessage(conn *gws.Conn, message *gws.Message) {
	defer func() { _ = message.Close() }()
	_ = conn.WriteMessage(gws.OpcodeText, message.Bytes())
}
