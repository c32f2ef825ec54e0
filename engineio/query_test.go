package engineio_test

import (
	"bytes"
	"net/url"
	"testing"

	"github.com/sockeye-im/sockeye/engineio"
)

// FuzzParameter holds what decides who serves a request against net/url, where the query
// is written as clients write it.
func FuzzParameter(f *testing.F) {
	for _, seed := range []string{"EIO=4&transport=polling&sid=x", "sid", "=&&sid=&sid=1", "xsid=1&sid=2", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, query []byte) {
		got, found := engineio.Parameter(query, "sid")
		if bytes.ContainsAny(query, "%+;") {
			return
		}
		want, err := url.ParseQuery(string(query))
		if err != nil {
			return
		}
		if found && !want.Has("sid") || string(got) != want.Get("sid") && want.Get("sid") != "" && found && bytes.Count(query, []byte("sid")) == 1 {
			t.Errorf("%q: %q, net/url has %q", query, got, want.Get("sid"))
		}
	})
}
