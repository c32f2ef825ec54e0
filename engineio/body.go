package engineio

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// writeBody writes the answer to a poll, compressed where that is wanted, big
// enough to pay, and understood by the client.
func (s *Server) writeBody(w http.ResponseWriter, r *http.Request, body []byte, compress bool) {
	h := w.Header()
	if threshold := s.cfg.HTTPCompression; compress && threshold >= 0 && len(body) >= threshold {
		if encoding := acceptedEncoding(r.Header.Get("Accept-Encoding")); encoding != "" {
			body = compressBody(encoding, body)
			h.Set("Content-Encoding", encoding)
			h.Add("Vary", "Accept-Encoding")
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if shared, ok := w.(netloop.SharedWriter); ok {
		_, _ = shared.WriteShared(body)
		return
	}
	writeSteadily(w, body)
}

// writeStep is how much a client that takes an answer from net/http must take in
// requestTimeout.
const writeStep = 16 << 10

// writeSteadily writes to a client that may be slow, as long as it takes something.
func writeSteadily(w http.ResponseWriter, body []byte) {
	control := http.NewResponseController(w)
	for len(body) > 0 {
		_ = control.SetWriteDeadline(time.Now().Add(requestTimeout))
		n, err := w.Write(body[:min(len(body), writeStep)])
		if err != nil {
			return
		}
		body = body[n:]
	}
}

// acceptedEncoding picks gzip, else deflate, from an Accept-Encoding header
// (RFC 9110 section 12.5.3).
func acceptedEncoding(header string) string {
	found := ""
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := strings.ReplaceAll(params, " ", "")
		if strings.HasPrefix(q, "q=0") && strings.Trim(q[3:], ".0") == "" {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "*":
			return "gzip"
		case "deflate":
			found = "deflate"
		}
	}
	return found
}

func compressBody(encoding string, body []byte) []byte {
	var out bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&out)
	if encoding == "deflate" {
		w = zlib.NewWriter(&out) // what RFC 9110 means by deflate
	}
	// A bytes.Buffer takes all.
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}

// appendJSONString appends text as a JSON string; U+2028 and U+2029 come out
// escaped, as JavaScript of old needs them.
func appendJSONString(dst, text []byte) []byte {
	quoted, _ := json.Marshal(string(text)) // a string always encodes
	return append(dst, quoted...)
}
