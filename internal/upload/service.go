package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/media"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Deps are what a Service works with; all are required but for Maker and Tell.
type Deps struct {
	Store Store
	Blobs Blobs
	// Maker makes thumbnails and the like. Nil: files are as they were uploaded.
	Maker Maker `need:"optional"`
	// Tell is called once all is made of a file, with those who have messages with it. It may be called again for one.
	Tell  func(f chat.File, to Audience) `need:"optional"`
	Now   func() time.Time
	NewID func() string // unique across all nodes, of letters, digits, "_" and "-"
	Log   *slog.Logger
}

// Service takes uploads and gives files. All methods may be called concurrently.
type Service struct {
	cfg  Config
	deps Deps

	mu    sync.Mutex
	turns map[string]*turn // of uploads to which something comes, by their ids
}

// New returns a service.
func New(cfg Config, d Deps) (*Service, error) {
	if err := errors.Join(deps.Check(d), cfg.Validate()); err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, deps: d, turns: make(map[string]*turn)}, nil
}

// MaxSize is how many bytes a file may have.
func (s *Service) MaxSize() int64 { return s.cfg.MaxSize }

// now is the present in the precision that is stored and sent.
func (s *Service) now() time.Time { return s.deps.Now().UTC().Truncate(time.Millisecond) }

// NewUpload describes an upload that begins.
type NewUpload struct {
	Owner    chat.UserID
	Length   int64  // bytes
	Name     string // as the client calls the file
	Metadata string // the header Upload-Metadata of tus
	Partial  bool   // it is to be a part of another one
}

// Create begins an upload.
func (s *Service) Create(ctx context.Context, n NewUpload) (Record, error) {
	r, err := s.record(n.Owner, n.Name, n.Length)
	if err != nil {
		return Record{}, err
	}
	r.Metadata = n.Metadata
	if n.Partial {
		r.Concat = "partial"
	}
	if err := s.deps.Store.Begin(ctx, Begin{Record: r, Quota: s.cfg.Quota}); err != nil {
		return Record{}, fmt.Errorf("begin an upload: %w", err)
	}
	return r, nil
}

// record is that of an upload of a length that is allowed.
func (s *Service) record(owner chat.UserID, name string, length int64) (Record, error) {
	switch {
	case length < 0:
		return Record{}, refusal.Missing("Upload-Length")
	case length == 0:
		return Record{}, refusal.Invalid("file", "must not be empty")
	case length > s.cfg.MaxSize:
		return Record{}, errTooLarge(s.cfg.MaxSize)
	}
	name, err := NameOf("filename", name)
	if err != nil {
		return Record{}, err
	}
	now := s.now()
	return Record{
		ID: "file_" + s.deps.NewID(), Owner: owner, State: Uploading, Name: name, Length: length, CreatedAt: now, ExpiresAt: now.Add(s.cfg.Unattached),
	}, nil
}

// Upload returns an upload of the owner's, also when it has become a file.
func (s *Service) Upload(ctx context.Context, owner chat.UserID, id string) (Record, error) {
	r, err := s.deps.Store.Record(ctx, id)
	switch {
	case errors.Is(err, chat.ErrFileNotFound) || err == nil && r.Owner != owner:
		return Record{}, ErrUploadNotFound
	case err != nil:
		return Record{}, fmt.Errorf("look up an upload: %w", err)
	case r.State == Uploading && !r.ExpiresAt.After(s.now()):
		return Record{}, ErrUploadNotFound
	}
	return r, nil
}

// Settled is Upload once nothing comes for it any more: what still does was sent by a client that has gone, and is told to stop.
func (s *Service) Settled(ctx context.Context, owner chat.UserID, id string) (Record, error) {
	if _, err := s.Upload(ctx, owner, id); err != nil {
		return Record{}, err
	}
	end, err := s.begin(ctx, id, nil)
	if err != nil {
		return Record{}, err
	}
	defer end()
	return s.Upload(ctx, owner, id)
}

// Cancel removes an upload of the owner's, or a file that no message carries.
func (s *Service) Cancel(ctx context.Context, owner chat.UserID, id string) error {
	if _, err := s.Settled(ctx, owner, id); err != nil {
		return err
	}
	err := s.deps.Store.Remove(ctx, Remove{ID: id, Owner: owner, At: s.now()})
	if errors.Is(err, chat.ErrFileNotFound) {
		return ErrUploadNotFound
	}
	return err
}

// Delete removes a file of the owner's that no message carries.
func (s *Service) Delete(ctx context.Context, owner chat.UserID, id string) error {
	if err := s.deps.Store.Remove(ctx, Remove{ID: id, Owner: owner, At: s.now()}); err != nil {
		return fmt.Errorf("remove a file: %w", err)
	}
	return nil
}

// MaxJoined is how many uploads one is joined of at most.
const MaxJoined = 32

// Join makes a file of partial uploads of the owner's, one behind the other, which are removed by that.
func (s *Service) Join(ctx context.Context, n NewUpload, concat string, ids []string) (Record, error) {
	if len(ids) == 0 {
		return Record{}, refusal.Missing("Upload-Concat")
	}
	if len(ids) > MaxJoined {
		return Record{}, refusal.TooMuch("Upload-Concat", MaxJoined, "uploads")
	}
	n.Length = 0
	var parts []Part
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		r, err := s.Upload(ctx, n.Owner, id)
		switch {
		case errors.Is(err, ErrUploadNotFound):
			return Record{}, ErrUploadNotFound.In("Upload-Concat")
		case err != nil:
			return Record{}, err
		case !r.Partial() || !r.Whole() || r.State != Uploading || seen[id]:
			return Record{}, refusal.Invalid("Upload-Concat", "must name partial uploads that are whole, each once")
		}
		seen[id] = true
		n.Length += r.Length
		parts = append(parts, r.Parts...)
	}
	r, err := s.record(n.Owner, n.Name, n.Length)
	if err != nil {
		return Record{}, err
	}
	r.Metadata, r.Concat = n.Metadata, concat
	// Its bytes count already, as those of its parts.
	if err := s.deps.Store.Begin(ctx, Begin{Record: r}); err != nil {
		return Record{}, fmt.Errorf("begin an upload: %w", err)
	}
	r.Parts = parts
	return s.finish(ctx, r, 0, ids)
}

// finish makes a file of an upload whose parts are all there.
func (s *Service) finish(ctx context.Context, r Record, from int64, joined []string) (Record, error) {
	kind, err := s.allowed(ctx, &r)
	if err != nil {
		return Record{}, err
	}
	parts := r.Parts
	if r.Blob, err = s.compose(ctx, &r); err != nil {
		return Record{}, err
	}
	composed := r.Blob
	if r.Size, err = s.inspect(ctx, &r, kind); err != nil {
		return Record{}, err
	}
	now := s.now()
	r.State, r.Type, r.Offset, r.Parts = Ready, kind, r.Length, nil
	r.Processed, r.ExpiresAt = !s.makes(kind), now.Add(s.cfg.Unattached)
	var jobs []job.Job
	if !r.Processed {
		jobs = append(jobs, makingJob(r.ID, now))
	}
	if err := s.deps.Store.Finish(ctx, Finish{Record: r, From: from, Joined: joined, At: now, Jobs: jobs}); err != nil {
		return Record{}, fmt.Errorf("finish an upload: %w", err)
	}
	for _, part := range append(parts, Part{Blob: composed}) {
		if part.Blob != r.Blob && owned(part.Blob, r.ID) { // those of what it was joined of go with that
			s.discard(part.Blob)
		}
	}
	return r, nil
}

// inspect looks at a picture, and has its blob be one without what was written about it: where and when it was made. Nobody reads
// it before. It returns the size of the blob. A picture that is malformed or too large is removed.
func (s *Service) inspect(ctx context.Context, r *Record, kind string) (size int64, err error) {
	if !media.IsPicture(kind) {
		return r.Length, nil
	}
	blob, err := s.deps.Blobs.Open(ctx, r.Blob)
	if err != nil {
		return 0, fmt.Errorf("open a picture: %w", err)
	}
	defer func() { _ = blob.Close() }() // it was read only
	p, err := media.Inspect(blob, blob.Size(), kind)
	switch {
	case errors.Is(err, media.ErrMalformed):
		return 0, s.refuse(ctx, r, refusal.Invalid("file", "must be a well-formed picture, "+kind))
	case err != nil:
		return 0, fmt.Errorf("inspect a picture: %w", err)
	case p.Height > s.cfg.MaxPixels/p.Width:
		most := s.cfg.MaxPixels / 1_000_000
		return 0, s.refuse(ctx, r, refusal.Beyond("file", most, fmt.Sprintf("must have at most %d megapixels", most)))
	}
	r.Details = chat.FileDetails{Width: p.Width, Height: p.Height, Format: p.Format}
	if s.cfg.KeepMetadata || p.Clean() {
		return blob.Size(), nil
	}
	key := s.key(r.ID, "clean")
	if size, err = s.deps.Blobs.Put(ctx, key, p.Without(blob)); err != nil {
		return 0, fmt.Errorf("store a picture: %w", err)
	}
	r.Blob = key
	return size, nil
}

// refuse removes an upload that may not become a file, and returns why.
func (s *Service) refuse(ctx context.Context, r *Record, why *refusal.Error) error {
	if err := s.deps.Store.Remove(ctx, Remove{ID: r.ID, At: s.now()}); err != nil {
		return fmt.Errorf("remove a refused file: %w", err)
	}
	return why
}

// allowed is what the bytes of an upload are. One that may not be is removed.
func (s *Service) allowed(ctx context.Context, r *Record) (string, error) {
	kind, err := s.kindOf(ctx, r)
	if err != nil {
		return "", err
	}
	if guessed[kind] && !s.cfg.allows(kind) {
		kind = "text/plain"
	}
	if !s.cfg.allows(kind) {
		return "", s.refuse(ctx, r, errType(kind))
	}
	return kind, nil
}

// kindOf is what the bytes of an upload are.
func (s *Service) kindOf(ctx context.Context, r *Record) (string, error) {
	head := make([]byte, headSize)
	from := s.read(ctx, r.Parts)
	n, err := io.ReadFull(from, head)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if err := errors.Join(err, from.Close()); err != nil {
		return "", fmt.Errorf("read the beginning of an upload: %w", err)
	}
	return KindOf(head[:n]), nil
}

// compose returns the blob that has all bytes of an upload.
func (s *Service) compose(ctx context.Context, r *Record) (string, error) {
	if len(r.Parts) == 1 && owned(r.Parts[0].Blob, r.ID) {
		return r.Parts[0].Blob, nil
	}
	key := s.key(r.ID, "whole")
	from := s.read(ctx, r.Parts)
	n, err := s.deps.Blobs.Put(ctx, key, from)
	if err == nil && n != r.Length {
		err = fmt.Errorf("its parts have %d bytes, and should have %d", n, r.Length)
	}
	if err := errors.Join(err, from.Close()); err != nil {
		return "", fmt.Errorf("put an upload together: %w", err)
	}
	return key, nil
}

// key is a new one for a blob of a record.
func (s *Service) key(id, what string) string { return id + "/" + what + "-" + s.deps.NewID() }

// owned tells whether a blob goes with a record.
func owned(blob, id string) bool { return len(blob) > len(id) && blob[:len(id)+1] == id+"/" }

// discard removes a blob that nobody needs. One that stays goes with its record.
func (s *Service) discard(key string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.deps.Blobs.Remove(ctx, key); err != nil {
		s.deps.Log.Warn("a part of an upload could not be removed, and goes with its file", "blob", key, "err", err)
	}
}

// read reads parts one behind the other.
func (s *Service) read(ctx context.Context, parts []Part) *partReader {
	return &partReader{ctx: ctx, blobs: s.deps.Blobs, rest: parts}
}

type partReader struct {
	ctx   context.Context
	blobs Blobs
	rest  []Part
	open  Blob
}

func (p *partReader) Read(b []byte) (int, error) {
	for {
		if p.open == nil {
			if len(p.rest) == 0 {
				return 0, io.EOF
			}
			var err error
			if p.open, err = p.blobs.Open(p.ctx, p.rest[0].Blob); err != nil {
				return 0, err
			}
			p.rest = p.rest[1:]
		}
		n, err := p.open.Read(b)
		if n > 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		if err != nil {
			if err := p.Close(); err != nil {
				return 0, err
			}
		}
	}
}

func (p *partReader) Close() error {
	if p.open == nil {
		return nil
	}
	err := p.open.Close()
	p.open = nil
	return err
}

// File returns a file that the user may read.
func (s *Service) File(ctx context.Context, user chat.UserID, id string) (chat.File, error) {
	r, err := s.deps.Store.Readable(ctx, id, user)
	if err != nil {
		return chat.File{}, fmt.Errorf("look up a file: %w", err)
	}
	return r.File(), nil
}

// Content is a variant of a file, to be read.
type Content struct {
	Blob
	File chat.File
	Type string
	// Tag is another one for other bytes, of letters, digits, "_", "-" and "/".
	Tag string
}

// Open opens a variant of a file that the user may read. ErrFileNotFound of package chat, also where the bytes are gone.
func (s *Service) Open(ctx context.Context, user chat.UserID, id, variant string) (Content, error) {
	r, err := s.deps.Store.Readable(ctx, id, user)
	if err != nil {
		return Content{}, fmt.Errorf("look up a file: %w", err)
	}
	of := Variant{Blob: r.Blob, Type: r.Type}
	if variant != Original {
		var made bool
		if of, made = r.Variants[variant]; !made {
			return Content{}, chat.ErrFileNotFound
		}
	}
	blob, err := s.deps.Blobs.Open(ctx, of.Blob)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.deps.Log.Error("the bytes of a file are missing", "file", id, "blob", of.Blob)
		return Content{}, chat.ErrFileNotFound
	case err != nil:
		return Content{}, fmt.Errorf("open a file: %w", err)
	}
	return Content{Blob: blob, File: r.File(), Type: of.Type, Tag: of.Blob}, nil
}
