package netloop

import (
	"bufio"
	"bytes"
	"net/http"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// verdict is who is to have a connection.
type verdict int

const (
	undecided verdict = iota // until more has come
	upgraded                 // the loop: it asks for a WebSocket
	exchanged                // the loop, for this request
	netHTTP                  // it asks for something else, or badly
	smuggling                // nobody: it has two lengths
)

// request is what the loop has to know of one before it parses it.
type request struct {
	verdict verdict
	end     int // of the head
	body    int // bytes behind it
}

const endOfHead = "\r\n\r\n"

// judge looks at the beginning of a request, of which scanned bytes were looked at
// before.
func judge(data []byte, scanned int, cfg *ListenerConfig) request {
	if !begins(data, "GET ") && !begins(data, "POST ") {
		return request{verdict: netHTTP}
	}
	at := bytes.Index(data[scanned:], []byte(endOfHead))
	if at < 0 {
		if endsBare(data, scanned) {
			return request{verdict: netHTTP} // which takes such lines; this end may be the head's
		}
		return request{}
	}
	r := request{end: scanned + at + len(endOfHead)}
	if r.end > maxArrival {
		return request{verdict: netHTTP}
	}
	r.verdict, r.body = classify(data[:r.end-2], cfg)
	return r
}

// endsBare tells whether a line that ends behind the scanned bytes does so without a
// CR.
func endsBare(data []byte, scanned int) bool {
	for at := scanned; ; at++ {
		next := bytes.IndexByte(data[at:], '\n')
		if next < 0 {
			return false
		}
		if at += next; at == 0 || data[at-1] != '\r' {
			return true
		}
	}
}

// begins tells whether data begins with a word, as far as it has come.
func begins(data []byte, word string) bool {
	n := min(len(data), len(word))
	return string(data[:n]) == word[:n]
}

// classify judges a head, which ends with a CRLF. What is unusual is left to
// net/http: it answers it as it should be.
func classify(head []byte, cfg *ListenerConfig) (to verdict, body int) {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	method, target, _ := bytes.Cut(line, []byte(" "))
	target, plain := bytes.CutSuffix(target, []byte(" HTTP/1.1"))
	if !plain || !isPlain(line) {
		return netHTTP, 0
	}
	hosts, upgrades, lengths, codings := 0, 0, 0, 0
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, found := bytes.Cut(field, []byte(":"))
		if !found || !isPlain(field) || !httpguts.ValidHeaderFieldName(string(name)) {
			return netHTTP, 0
		}
		switch value = bytes.TrimSpace(value); {
		case equalFold(name, "host"):
			if hosts++; !httpguts.ValidHostHeader(string(value)) {
				return netHTTP, 0
			}
		case equalFold(name, "upgrade"):
			if !equalFold(value, "websocket") {
				return netHTTP, 0
			}
			upgrades++
		case equalFold(name, "content-length"):
			lengths++
			if body = decimal(value); body < 0 {
				return netHTTP, 0
			}
		case equalFold(name, "transfer-encoding"):
			codings++
		case equalFold(name, "expect"):
			return netHTTP, 0
		}
	}
	get := string(method) == "GET"
	switch {
	case codings > 0 && lengths > 0:
		return smuggling, 0
	case codings > 0:
		return netHTTP, 0
	case hosts != 1 || upgrades > 1 || lengths > 1 || get && lengths > 0:
		return netHTTP, 0
	case upgrades == 1 && get:
		return upgraded, 0
	case upgrades == 0 && (get || lengths == 1) && body <= cfg.MaxBody && cfg.Serves != nil && cfg.Serves(target):
		return exchanged, body
	default:
		return netHTTP, 0
	}
}

// targetOf is the target of a request that has a verdict of the loop's.
func targetOf(head []byte) []byte {
	_, behind, _ := bytes.Cut(head, []byte(" "))
	target, _, _ := bytes.Cut(behind, []byte(" "))
	return target
}

// decimal is a length; -1 for what is none of up to nine digits.
func decimal(digits []byte) (n int) {
	if len(digits) == 0 || len(digits) > 9 {
		return -1
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return -1
		}
		n = 10*n + int(d-'0')
	}
	return n
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
