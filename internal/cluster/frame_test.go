package cluster

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"
)

func TestFrameRoundTrip(t *testing.T) {
	s := newSealer(secret)
	for _, f := range []frame{
		{from: "a", n: 1, at: time.UnixMilli(1_790_000_000_000), kind: "word", body: []byte("text")},
		{from: string(bytes.Repeat([]byte("x"), 300)), n: math.MaxUint64, at: time.UnixMilli(-1), kind: "k", body: bytes.Repeat([]byte{0, 255}, 1<<16)},
		{from: "b", kind: ""},
	} {
		got, err := s.open(s.seal(&f))
		if err != nil || got.from != f.from || got.n != f.n || got.at.UnixMilli() != f.at.UnixMilli() || got.kind != f.kind || !bytes.Equal(got.body, f.body) {
			t.Errorf("%+v became %+v, %v", f, got, err)
		}
	}
}

// FuzzFrame opens what somebody has signed who knows the secret, and is malformed all the
// same.
func FuzzFrame(f *testing.F) {
	s := newSealer(secret)
	good := s.seal(&frame{from: "a", n: 7, at: time.UnixMilli(1), kind: "word", body: []byte("body")})
	f.Add(good[bodyAt:])
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1})
	f.Fuzz(func(t *testing.T, inside []byte) {
		b := append(make([]byte, bodyAt), inside...)
		b[0] = version
		s.sum(b, b[sumAt:sumAt])
		opened, err := s.open(b)
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := s.open(s.seal(&opened))
		if err != nil || again.from != opened.from || again.n != opened.n || again.kind != opened.kind || !bytes.Equal(again.body, opened.body) {
			t.Fatalf("%+v became %+v, %v", opened, again, err)
		}
	})
}
