package upload

import (
	"context"
	"crypto/sha1" //nolint:gosec // tus asks for it; it guards against faults, not against people
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Checksum is what a piece has to have. The zero value is none.
type Checksum struct {
	hash hash.Hash
	want []byte
}

// Algorithms are those that NewChecksum knows, as tus names them.
const Algorithms = "sha1,sha256"

// NewChecksum returns a checksum, which is for one piece.
func NewChecksum(algorithm string, want []byte) (Checksum, error) {
	var c Checksum
	switch algorithm {
	case "sha1":
		c.hash = sha1.New() //nolint:gosec // see above
	case "sha256":
		c.hash = sha256.New()
	default:
		return c, refusal.Invalid("Upload-Checksum", "must be by one of "+Algorithms)
	}
	if len(want) != c.hash.Size() {
		return c, refusal.Invalid("Upload-Checksum", fmt.Sprintf("must have %d bytes in base64", c.hash.Size()))
	}
	c.want = want
	return c, nil
}

func (c *Checksum) matches() bool {
	return c.hash == nil || subtle.ConstantTimeCompare(c.hash.Sum(nil), c.want) == 1
}

// Piece is what comes for an upload.
type Piece struct {
	Offset   int64
	Body     io.Reader
	Length   int64 // of Body, -1 if it is not known
	Checksum Checksum
	// Stop has a Read of Body fail that is under way. It may be called at any time, by another goroutine.
	Stop func()
}

// Append adds a piece to an upload of the owner's, and makes a file of it when it is whole. What has come of a piece that does not
// come whole stays, unless it has a checksum. All that the record says is durable. A piece for an upload to which another one
// still comes ends that one: its client has gone and come back.
func (s *Service) Append(ctx context.Context, owner chat.UserID, id string, p Piece) (Record, error) {
	if _, err := s.Upload(ctx, owner, id); err != nil {
		return Record{}, err
	}
	end, err := s.begin(ctx, id, p.Stop)
	if err != nil {
		return Record{}, err
	}
	defer end()
	r, err := s.Upload(ctx, owner, id)
	switch {
	case err != nil:
		return Record{}, err
	case r.Offset != p.Offset:
		return Record{}, ErrOffset
	case p.Length > r.Length-r.Offset:
		return Record{}, refusal.Beyond("Upload-Offset", int(r.Length), fmt.Sprintf("must not have the upload become longer than %d bytes", r.Length))
	}
	// A client that goes away leaves what has come: it is stored whatever has become of the request.
	ctx = context.WithoutCancel(ctx)
	came := &arrival{from: p.Body, sum: p.Checksum.hash}
	for !r.Whole() {
		done, err := s.take(ctx, &r, came, &p.Checksum)
		if err != nil || done {
			return r, err
		}
	}
	return r, nil
}

// errMore is for a body that goes on behind the announced length.
var errMore = errors.New("upload: more has come than was announced")

// take makes the next part of what comes durable. done is that nothing more is to be taken.
func (s *Service) take(ctx context.Context, r *Record, came *arrival, sum *Checksum) (done bool, err error) {
	rest := r.Length - r.Offset
	most := min(rest, s.cfg.PartSize)
	if sum.hash != nil {
		most = rest // it is known for all of it only
	}
	kept, absorbed := r.Parts, int64(0)
	var ahead []Part
	if n := len(kept); n > 0 && kept[n-1].Size < s.cfg.PartSize/16 {
		// Small pieces are put together, so that there are never many parts.
		ahead, kept, absorbed = kept[n-1:], kept[:n-1], kept[n-1].Size
	}
	key := s.key(r.ID, "part")
	before := s.read(ctx, ahead)
	came.start(most, most == rest)
	size, err := s.deps.Blobs.Put(ctx, key, io.MultiReader(before, came))
	err = errors.Join(err, before.Close())
	fresh := size - absorbed
	switch {
	case errors.Is(err, errMore):
		s.discard(key)
		return true, refusal.Beyond("Upload-Offset", int(r.Length), fmt.Sprintf("must not have the upload become longer than %d bytes", r.Length))
	case err != nil:
		return true, fmt.Errorf("store a part of an upload: %w", err)
	case fresh <= 0 || sum.hash != nil && came.broken != nil:
		s.discard(key)
		return true, came.broken
	case !sum.matches():
		s.discard(key)
		return true, ErrChecksum
	}
	parts := append(append([]Part(nil), kept...), Part{Blob: key, Size: size})
	if err := s.moveOn(ctx, r, parts, fresh); err != nil {
		if refusal.Of(err) != nil { // else the store may have taken it all the same, and the bytes are needed
			s.discard(key)
		}
		return true, err
	}
	for _, part := range ahead {
		s.discard(part.Blob)
	}
	return came.ended || sum.hash != nil, came.broken
}

// moveOn stores where an upload is with so many more bytes; at its end it becomes a file.
func (s *Service) moveOn(ctx context.Context, r *Record, parts []Part, fresh int64) error {
	from, to := r.Offset, r.Offset+fresh
	next := *r
	next.Parts = parts
	if to == r.Length && !r.Partial() {
		file, err := s.finish(ctx, next, from, nil)
		if err == nil {
			*r = file
		}
		return err
	}
	if from == 0 && to >= headSize && !r.Partial() {
		if _, err := s.allowed(ctx, &next); err != nil {
			return err
		}
	}
	expires := s.now().Add(s.cfg.Unattached)
	if err := s.deps.Store.Advance(ctx, Advance{ID: r.ID, From: from, Offset: to, Parts: parts, ExpiresAt: expires}); err != nil {
		return fmt.Errorf("move an upload on: %w", err)
	}
	r.Offset, r.Parts, r.ExpiresAt = to, parts, expires
	return nil
}

// arrival is what comes of a body, in portions. It ends a portion also where the body breaks off: what has come is to stay.
type arrival struct {
	from   io.Reader
	sum    hash.Hash
	left   int64 // of the portion
	last   bool  // nothing may come behind the portion
	ended  bool  // the body is at its end
	broken error // why it came to no good end
}

func (a *arrival) start(most int64, last bool) { a.left, a.last = most, last }

func (a *arrival) Read(b []byte) (int, error) {
	if a.ended {
		return 0, io.EOF
	}
	if a.left == 0 {
		return 0, a.after()
	}
	n, err := a.from.Read(b[:min(int64(len(b)), a.left)])
	if n > 0 {
		a.left -= int64(n)
		if a.sum != nil {
			_, _ = a.sum.Write(b[:n]) // never fails
		}
	}
	if err != nil {
		a.ended = true
		if !errors.Is(err, io.EOF) {
			a.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		}
		return n, io.EOF
	}
	return n, nil
}

// after looks behind the last portion, so that the body is known to end there.
func (a *arrival) after() error {
	if !a.last {
		return io.EOF
	}
	var one [1]byte
	for {
		n, err := a.from.Read(one[:])
		switch {
		case n > 0:
			return errMore
		case errors.Is(err, io.EOF):
			a.ended = true
			return io.EOF
		case err != nil: // all that was announced has come
			a.ended = true
			return io.EOF
		}
	}
}

// turn is a request that changes an upload.
type turn struct {
	stop func()
	done chan struct{}
}

// stopWait is how long a request that was told to stop may take to store what has come.
const stopWait = 10 * time.Second

// begin has the caller be the only one of this process that changes an upload, until it calls end. Who did before is told to stop.
// Other nodes are kept apart by the store, which knows where an upload is.
func (s *Service) begin(ctx context.Context, id string, stop func()) (end func(), err error) {
	if stop == nil {
		stop = func() {}
	}
	mine := &turn{stop, make(chan struct{})}
	limit, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	for {
		s.mu.Lock()
		before := s.turns[id]
		if before == nil {
			s.turns[id] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.turns, id)
				s.mu.Unlock()
				close(mine.done)
			}, nil
		}
		s.mu.Unlock()
		before.stop()
		select {
		case <-before.done:
		case <-limit.Done():
			return nil, ErrLocked
		}
	}
}

// Receive takes a file whole, as a form has it. length is how long it is at most, -1 if that is not known.
func (s *Service) Receive(ctx context.Context, owner chat.UserID, name string, length int64, body io.Reader) (Record, error) {
	if length < 0 || length > s.cfg.MaxSize {
		length = s.cfg.MaxSize
	}
	r, err := s.record(owner, name, max(length, 1))
	if err != nil {
		return Record{}, err
	}
	if err := s.deps.Store.Begin(ctx, Begin{Record: r, Quota: s.cfg.Quota}); err != nil {
		return Record{}, fmt.Errorf("begin an upload: %w", err)
	}
	file, err := s.receive(ctx, &r, body)
	if err != nil && (refusal.Of(err) != nil || errors.Is(err, ErrBroken)) {
		if failed := s.deps.Store.Remove(context.WithoutCancel(ctx), Remove{ID: r.ID, At: s.now()}); failed != nil && !errors.Is(failed, chat.ErrFileNotFound) {
			s.deps.Log.Warn("an upload that has failed could not be removed, and expires", "upload", r.ID, "err", failed)
		}
	}
	return file, err
}

// ErrBroken is for a body that did not come whole.
var ErrBroken = errors.New("upload: the body broke off")

func (s *Service) receive(ctx context.Context, r *Record, body io.Reader) (Record, error) {
	key := s.key(r.ID, "whole")
	source := &ownErrors{from: io.LimitReader(body, s.cfg.MaxSize+1)}
	size, err := s.deps.Blobs.Put(ctx, key, source)
	switch {
	case source.err != nil:
		return Record{}, fmt.Errorf("%w: %w", ErrBroken, source.err)
	case err != nil:
		return Record{}, fmt.Errorf("store an upload: %w", err)
	case size == 0:
		return Record{}, refusal.Invalid("file", "must not be empty")
	case size > s.cfg.MaxSize:
		return Record{}, errTooLarge(s.cfg.MaxSize)
	}
	next := *r
	next.Length, next.Parts = size, []Part{{Blob: key, Size: size}}
	return s.finish(ctx, next, 0, nil)
}
