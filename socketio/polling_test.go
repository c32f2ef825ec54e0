package socketio_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
)

// poller is a client on HTTP long-polling that never touches a network: the
// server's handler is called directly.
type poller struct {
	server http.Handler
	url    string
	sid    string // of the socket
}

// newPoller opens a session.
func newPoller(server http.Handler) *poller {
	p := &poller{server: server, url: "/socket.io/?EIO=4&transport=polling"}
	var handshake struct{ SID string }
	_ = json.Unmarshal([]byte(p.get()[1:]), &handshake)
	p.url += "&sid=" + handshake.SID
	return p
}

func (p *poller) do(method, body string) string {
	answer := httptest.NewRecorder()
	p.server.ServeHTTP(answer, httptest.NewRequest(method, p.url, strings.NewReader(body)))
	return answer.Body.String()
}

// get polls; packets are separated by U+001E.
func (p *poller) get() string { return p.do(http.MethodGet, "") }

// post sends Engine.IO packets.
func (p *poller) post(packets ...string) string {
	return p.do(http.MethodPost, strings.Join(packets, "\x1e"))
}

// connect joins "/".
func (p *poller) connect() {
	p.post("40")
	answer := p.get()
	var connect connected
	_ = json.Unmarshal([]byte(strings.TrimPrefix(answer, "40")), &connect)
	p.sid = connect.SID
}
