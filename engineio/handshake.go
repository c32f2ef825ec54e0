package engineio

import (
	"bufio"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// Handshake is what the first request of a session said. It keeps the headers
// as one string and parses them when asked, because a session lives long and
// most never ask.
type Handshake struct {
	Time       time.Time
	RemoteAddr string // as http.Request has it: host:port
	URI        string // path and query, as requested
	Host       string
	Secure     bool // over TLS of this process

	header string
}

func newHandshake(r *http.Request) *Handshake {
	var header strings.Builder
	_ = r.Header.Write(&header) // a strings.Builder takes all
	return &Handshake{
		Time:       time.Now(),
		RemoteAddr: r.RemoteAddr,
		URI:        r.URL.RequestURI(),
		Host:       r.Host,
		Secure:     r.TLS != nil,
		header:     header.String(),
	}
}

// Header parses the request's header fields.
func (h *Handshake) Header() http.Header {
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(h.header + "\r\n"))).ReadMIMEHeader()
	if err != nil {
		return http.Header{}
	}
	return http.Header(header)
}

// Query parses the request's query parameters.
func (h *Handshake) Query() url.Values {
	_, raw, _ := strings.Cut(h.URI, "?")
	query, _ := url.ParseQuery(raw) // what is malformed is left out
	return query
}
