package netloop

import (
	"bufio"
	"bytes"
	"net/http"
	"sync"
)

// verdict is who is to have a connection.
type verdict int

const (
	undecided verdict = iota // until more has come
	ours                     // it asks for a WebSocket
	netHTTP                  // it asks for something else, or badly
)

const endOfHead = "\r\n\r\n"

// judge looks at the beginning of a connection, of which scanned bytes were looked
// at before. For one that is ours, end is where the head of the request ends.
func judge(data []byte, scanned int) (end int, to verdict) {
	const method = "GET "
	if n := min(len(data), len(method)); string(data[:n]) != method[:n] {
		return 0, netHTTP
	}
	at := bytes.Index(data[scanned:], []byte(endOfHead))
	if at < 0 {
		return 0, undecided
	}
	end = scanned + at + len(endOfHead)
	if asksForWebSocket(data[:end-2]) {
		return end, ours
	}
	return 0, netHTTP
}

// asksForWebSocket tells whether head is a request for an upgrade in which nothing
// is unusual. What is, is left to net/http: it answers it as it should be.
func asksForWebSocket(head []byte) bool {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasSuffix(line, []byte(" HTTP/1.1")) || !isPlain(line) {
		return false
	}
	hosts, upgrades := 0, 0
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, found := bytes.Cut(field, []byte(":"))
		if !found || !isPlain(field) || bytes.ContainsAny(name, " \t") {
			return false
		}
		switch {
		case equalFold(name, "host"):
			hosts++
		case equalFold(name, "upgrade"):
			if equalFold(bytes.TrimSpace(value), "websocket") {
				upgrades++
			}
		case equalFold(name, "content-length"), equalFold(name, "transfer-encoding"), equalFold(name, "expect"):
			return false
		}
	}
	return hosts == 1 && upgrades == 1
}

func equalFold(name []byte, lower string) bool {
	return len(name) == len(lower) && bytes.EqualFold(name, []byte(lower))
}

// isPlain tells whether a line has no control characters.
func isPlain(line []byte) bool {
	for _, b := range line {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// headReader is what a request is parsed with.
type headReader struct {
	bytes    bytes.Reader
	buffered *bufio.Reader
}

var headReaders = sync.Pool{New: func() any {
	r := new(headReader)
	r.buffered = bufio.NewReaderSize(&r.bytes, 4<<10)
	return r
}}

// readRequest parses the head of a request; nil for one that net/http has to
// judge.
func readRequest(head []byte) *http.Request {
	r := headReaders.Get().(*headReader)
	r.bytes.Reset(head)
	r.buffered.Reset(&r.bytes)
	request, err := http.ReadRequest(r.buffered)
	r.bytes.Reset(nil)
	headReaders.Put(r)
	if err != nil || request.Host == "" {
		return nil
	}
	return request
}
