package netloop_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// What the loop takes for an opening handshake is one for net/http too, with the
// same fields, in however many pieces it comes.
func FuzzFirstRequest(f *testing.F) {
	f.Add([]byte(opening), 1000)
	f.Add([]byte(opening+"\x81\x00"), 1)
	f.Add([]byte("GET /page HTTP/1.1\r\nHost: a\r\n\r\n"), 3)
	f.Add([]byte("POST /?poll HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"), 9)
	f.Add([]byte("GET  HTTP/1.1\r\nhost:\r\nupgrade:websocket\r\n\r\n"), 5)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		if piece < 1 {
			piece = 1
		}
		got := netloop.FirstRequest(data, piece)
		if whole := netloop.FirstRequest(data, len(data)+1); (whole == nil) != (got == nil) {
			t.Fatalf("in pieces of %d it is judged differently", piece)
		}
		if got == nil {
			return
		}
		want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
		if err != nil {
			t.Fatalf("net/http would refuse it: %v", err)
		}
		if want.Method != got.Method || want.RequestURI != got.RequestURI || want.Host != got.Host ||
			!cmp.Equal(want.Header, got.Header) || want.ContentLength != got.ContentLength || len(want.TransferEncoding) > 0 {
			t.Errorf("got %+v, net/http %+v", got, want)
		}
		if upgrade := strings.TrimSpace(got.Header.Get("Upgrade")); !strings.EqualFold(upgrade, "websocket") && !strings.Contains(got.RequestURI, "poll") {
			t.Errorf("taken for the loop's: %s %+v", got.RequestURI, got.Header)
		}
	})
}
