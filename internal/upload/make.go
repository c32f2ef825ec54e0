package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
)

// Maker makes smaller pictures of files, and the like. Its methods may be called concurrently.
type Maker interface {
	// Makes tells whether something can be made of files of a type.
	Makes(kind string) bool
	// Make calls keep for each thing that it makes of a file, one after the other, and returns what it has learnt of it: what it has
	// not is as in known. keep reads all of the content and stores nothing where that fails, and its errors come back as they are.
	// ErrUnmakable is about the file, ErrMaking about this attempt.
	Make(ctx context.Context, from Blob, kind string, known chat.FileDetails, keep func(name, kind string, content io.Reader) error) (chat.FileDetails, error)
}

// ErrUnmakable is for a file of which nothing can be made, whoever tries. ErrMaking is for an attempt that failed by what the file is, as far
// as is known: it needed too much memory, or too long.
var (
	ErrUnmakable = errors.New("upload: nothing can be made of the file")
	ErrMaking    = errors.New("upload: making something of the file has failed")
)

// MakingKind is of the jobs that make something of files. They are a kind of their own, so that removing files never waits for them.
const MakingKind = "media"

// MakingTries is how often it is tried to make something of a file, if that fails by what the file is. Then it stays as it is.
const MakingTries = 3

// makingJob makes something of a file. There is one for each file.
func makingJob(id string, at time.Time) job.Job {
	return job.Job{ID: id + ".make", Kind: MakingKind, Payload: []byte(`{"make":"` + id + `"}`), State: job.Waiting, RunAt: at, CreatedAt: at}
}

// makes tells whether something is to be made of files of a type.
func (s *Service) makes(kind string) bool { return s.deps.Maker != nil && s.deps.Maker.Makes(kind) }

// make makes what there is to be made of a file, stores that and tells it, and has all of it gone if the file is gone meanwhile. It may be
// called again for a file: what it stores has the same keys each time.
func (s *Service) make(ctx context.Context, id string, failed int) error {
	r, err := s.deps.Store.Record(ctx, id)
	switch {
	case errors.Is(err, chat.ErrFileNotFound):
		// Its bytes may have been removed before some of these were stored.
		return s.removeMade(ctx, id)
	case err != nil:
		return fmt.Errorf("look up a file: %w", err)
	case r.State != Ready:
		return nil
	case !r.Processed:
		if err := s.makeOf(ctx, &r, failed); err != nil {
			return err
		}
	}
	if s.deps.Tell == nil || r.State != Ready {
		return nil
	}
	to, err := s.deps.Store.Audience(ctx, id)
	if err != nil {
		return err
	}
	to.Users = append(to.Users, r.Owner)
	s.deps.Tell(r.File(), to)
	return nil
}

// makeOf has r be the record with what was made of it, or one that is removed.
func (s *Service) makeOf(ctx context.Context, r *Record, failed int) error {
	details, variants, err := s.variants(ctx, r)
	var unused map[string]Variant
	last := failed+1 >= MakingTries
	switch {
	case err == nil:
	case errors.Is(err, ErrUnmakable), errors.Is(err, ErrMaking) && last:
		s.deps.Log.Info("nothing was made of a file", "file", r.ID, "type", r.Type, "err", err)
		details, unused, variants = r.Details, variants, nil
	default:
		return err
	}
	made, err := s.deps.Store.Process(ctx, Process{ID: r.ID, Details: details, Variants: variants})
	if errors.Is(err, chat.ErrFileNotFound) {
		r.State = Removed
		return s.removeMade(ctx, r.ID)
	}
	if err != nil {
		return fmt.Errorf("store what was made of a file: %w", err)
	}
	for name, v := range unused {
		if _, used := made.Variants[name]; !used { // another server may have gone on, and have stored the same keys
			s.discard(v.Blob)
		}
	}
	*r = made
	return nil
}

// removeMade removes all bytes of a file that is gone.
func (s *Service) removeMade(ctx context.Context, id string) error {
	if err := s.deps.Blobs.RemoveAll(ctx, id); err != nil {
		return fmt.Errorf("remove what was made of a file that is gone: %w", err)
	}
	return nil
}

// variants makes what can be made of a file, and stores the bytes of it. It returns also what was stored where it fails.
func (s *Service) variants(ctx context.Context, r *Record) (details chat.FileDetails, variants map[string]Variant, err error) {
	if !s.makes(r.Type) {
		return r.Details, nil, nil
	}
	blob, err := s.deps.Blobs.Open(ctx, r.Blob)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.Details, nil, fmt.Errorf("%w: %w", ErrUnmakable, err)
	case err != nil:
		return r.Details, nil, fmt.Errorf("open a file: %w", err)
	}
	defer func() { _ = blob.Close() }() // it was read only
	variants = make(map[string]Variant)
	details, err = s.deps.Maker.Make(ctx, blob, r.Type, r.Details, func(name, kind string, content io.Reader) error {
		key := r.ID + "/" + name
		size, err := s.deps.Blobs.Put(ctx, key, content)
		if err == nil {
			variants[name] = Variant{Blob: key, Type: kind, Size: size}
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("make something of a file: %w", err)
	}
	return details, variants, err
}
