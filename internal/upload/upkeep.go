package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
)

// task is the payload of a job: one of its fields is set.
type task struct {
	Remove  string `json:"remove,omitempty"`  // the id of a record whose bytes are to go
	Release string `json:"release,omitempty"` // a conversation whose room is no more
	Make    string `json:"make,omitempty"`    // the id of a file of which something is to be made
}

// portion is how much is looked at, or changed by one transaction.
const portion = 100

// Handle does jobs of [JobKind] and [MakingKind].
func (s *Service) Handle(ctx context.Context, j *job.Job) (job.Result, error) {
	var of task
	if err := json.Unmarshal(j.Payload, &of); err != nil {
		return job.Result{}, job.Hopeless{Err: err}
	}
	switch {
	case of.Remove != "":
		return job.Result{}, s.remove(ctx, of.Remove)
	case of.Release != "":
		return job.Result{}, s.release(ctx, of.Release)
	case of.Make != "":
		return job.Result{}, s.make(ctx, of.Make, j.Attempts)
	}
	return job.Result{}, errors.New("upload: the job is of a newer version")
}

// remove has the bytes of a record go, and then the record.
func (s *Service) remove(ctx context.Context, id string) error {
	if err := s.deps.Blobs.RemoveAll(ctx, id); err != nil {
		return fmt.Errorf("remove the bytes of a file: %w", err)
	}
	return s.deps.Store.Forget(ctx, id)
}

func (s *Service) release(ctx context.Context, conversation string) error {
	for {
		n, err := s.deps.Store.Release(ctx, conversation, s.now(), portion)
		if err != nil {
			return fmt.Errorf("release the files of a room: %w", err)
		}
		if n < portion {
			return nil
		}
	}
}

// Follow says which jobs follow events: the files of a room go at once when it is deleted, though retention removes what was said in it
// later.
func (s *Service) Follow(events []chat.Event) (jobs []job.Job) {
	for i := range events {
		e := &events[i]
		if e.Kind != chat.RoomDeleted {
			continue
		}
		payload, err := json.Marshal(task{Release: e.ConversationID})
		if err != nil {
			continue // text can be written
		}
		jobs = append(jobs, job.Job{
			ID: s.deps.NewID(), Kind: JobKind, Payload: payload, State: job.Waiting, RunAt: e.At, CreatedAt: e.At,
		})
	}
	return jobs
}

// Expire removes what nobody has sent in time, and uploads to which nothing comes. It returns how many.
func (s *Service) Expire(ctx context.Context) (removed int, err error) {
	now := s.now()
	for {
		ids, err := s.deps.Store.Expired(ctx, now, portion)
		if err != nil {
			return removed, fmt.Errorf("look for what has expired: %w", err)
		}
		for _, id := range ids {
			err := s.deps.Store.Remove(ctx, Remove{ID: id, ExpiredBy: now, At: now})
			switch {
			case err == nil:
				removed++
			case !errors.Is(err, chat.ErrFileNotFound) && !errors.Is(err, ErrInUse):
				return removed, fmt.Errorf("remove what has expired: %w", err)
			}
		}
		if len(ids) < portion {
			return removed, nil
		}
	}
}

// Report is what a sweep has found. Nothing of it was changed.
type Report struct {
	Strays  []string // ids of records that are not there, of which there are bytes
	Missing []string // ids of files of which bytes are missing
	Files   int      // that were looked at
}

// mostReported is how many ids a report has of each sort.
const mostReported = 100

// strayAge is how old bytes are at least that belong to nobody: younger ones may be of an upload that is about to be stored.
const strayAge = time.Hour

// Sweep compares the records with the bytes that there are.
func (s *Service) Sweep(ctx context.Context) (report Report, err error) {
	there := make(map[string][]string)
	settle := func() error {
		ids := make([]string, 0, len(there))
		for id := range there {
			ids = append(ids, id)
		}
		known, err := s.deps.Store.Known(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if !slices.Contains(known, id) && len(report.Strays) < mostReported {
				report.Strays = append(report.Strays, id)
			}
		}
		clear(there)
		return nil
	}
	old := s.now().Add(-strayAge)
	err = s.deps.Blobs.Each(ctx, func(id string, names []string, last time.Time) error {
		if last.After(old) {
			return nil
		}
		there[id] = names
		if len(there) < portion {
			return nil
		}
		return settle()
	})
	if err == nil {
		err = settle()
	}
	if err != nil {
		return report, fmt.Errorf("look for bytes that belong to nobody: %w", err)
	}
	return report, s.missing(ctx, &report)
}

// missing looks for files whose bytes are not there.
func (s *Service) missing(ctx context.Context, report *Report) error {
	after := ""
	for {
		records, err := s.deps.Store.Kept(ctx, after, portion)
		if err != nil {
			return fmt.Errorf("look for missing bytes: %w", err)
		}
		for i := range records {
			r := &records[i]
			report.Files++
			after = r.ID
			for _, blob := range blobsOf(r) {
				open, err := s.deps.Blobs.Open(ctx, blob)
				if err == nil {
					err = open.Close()
				}
				if err != nil && len(report.Missing) < mostReported && !s.gone(ctx, r) {
					report.Missing = append(report.Missing, r.ID)
					break
				}
			}
		}
		if len(records) < portion {
			return nil
		}
	}
}

// gone tells whether a record is another one by now.
func (s *Service) gone(ctx context.Context, r *Record) bool {
	now, err := s.deps.Store.Record(ctx, r.ID)
	return errors.Is(err, chat.ErrFileNotFound) || err == nil && (now.State != r.State || now.Offset != r.Offset || now.Blob != r.Blob)
}

// blobsOf are all that a record needs.
func blobsOf(r *Record) (blobs []string) {
	for _, part := range r.Parts {
		blobs = append(blobs, part.Blob)
	}
	if r.Blob != "" {
		blobs = append(blobs, r.Blob)
	}
	for _, v := range r.Variants {
		blobs = append(blobs, v.Blob)
	}
	return blobs
}
