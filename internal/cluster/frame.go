package cluster

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"sync"
	"time"
)

// version is of the frames that this program sends. A node drops those of other versions,
// so it changes only together with how nodes of two versions live side by side.
const version = 1

// frame is what one node tells the others at a time. As bytes it is
//
//	version  1 byte
//	sum      32 bytes: HMAC-SHA256 of all else
//	from     its length as a varint, then the id of the sender
//	n        varint: of the sender's frames; beats are numbered by themselves
//	at       varint: milliseconds since 1970, by the sender's clock
//	kind     its length as a varint, then its name
//	body     the rest
type frame struct {
	from string
	n    uint64
	at   time.Time
	kind Kind
	body []byte
}

// Why a payload is no frame.
var (
	errVersion   = errors.New("it is of another version")
	errSignature = errors.New("its signature is wrong")
	errMalformed = errors.New("it is malformed")
)

// Channel is the name under which the nodes of a cluster find each other at a broker, and
// by which two clusters at one broker do not hear each other. It tells nothing of the secret.
func Channel(secret string) string {
	return "sockeye-" + hex.EncodeToString(derive(secret, "channel")[:10])
}

// derive makes a key for one purpose.
func derive(secret, purpose string) []byte {
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte("sockeye: cluster: " + purpose))
	return sum.Sum(nil)
}

// sealer makes frames bytes and back. Its methods may be called concurrently.
type sealer struct{ sums sync.Pool }

func newSealer(secret string) *sealer {
	key := derive(secret, "frames")
	return &sealer{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

const (
	sumAt  = 1
	bodyAt = sumAt + sha256.Size
)

func (s *sealer) seal(f *frame) []byte {
	b := make([]byte, bodyAt, bodyAt+len(f.from)+len(f.kind)+len(f.body)+4*binary.MaxVarintLen64)
	b[0] = version
	b = binary.AppendUvarint(b, uint64(len(f.from)))
	b = append(b, f.from...)
	b = binary.AppendUvarint(b, f.n)
	b = binary.AppendVarint(b, f.at.UnixMilli())
	b = binary.AppendUvarint(b, uint64(len(f.kind)))
	b = append(b, f.kind...)
	b = append(b, f.body...)
	s.sum(b, b[sumAt:sumAt])
	return b
}

// sum appends the signature of a frame to a slice.
func (s *sealer) sum(b, to []byte) []byte {
	sum := s.sums.Get().(hash.Hash)
	defer s.sums.Put(sum)
	sum.Reset()
	sum.Write(b[:sumAt])
	sum.Write(b[bodyAt:])
	return sum.Sum(to)
}

// open returns the frame of a payload, to which its body points.
func (s *sealer) open(b []byte) (f frame, err error) {
	if len(b) < bodyAt {
		return f, errMalformed
	}
	if b[0] != version {
		return f, errVersion
	}
	var sum [sha256.Size]byte
	if !hmac.Equal(s.sum(b, sum[:0]), b[sumAt:bodyAt]) {
		return f, errSignature
	}
	r := reader{rest: b[bodyAt:]}
	f = frame{from: string(r.text()), n: r.uvarint(), at: time.UnixMilli(r.varint()), kind: Kind(r.text()), body: r.rest}
	if r.failed || f.from == "" {
		return f, errMalformed
	}
	return f, nil
}

// reader takes values off the beginning of bytes.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) text() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.skip(0)
		return nil
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

// skip goes on behind a number that took n bytes; 0 and less is one that cannot be read.
func (r *reader) skip(n int) {
	if n <= 0 {
		r.failed, r.rest = true, nil
		return
	}
	r.rest = r.rest[n:]
}
