package upload

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
)

// Store keeps records of files beside the messages that carry them: it is messages that attach files, see [chat.Append], and whose going
// has them removed. All methods may be called concurrently, and each is one transaction. What is removed has its [RemovalJob] enqueued in
// the transaction that removes it.
type Store interface {
	// Begin stores a record that is new. ErrTooMany; ErrQuota, if what the owner has then would be more than the quota: of each record
	// its length or size, whichever is greater, until it is removed.
	Begin(ctx context.Context, cmd Begin) error
	// Advance moves an upload on. ErrUploadNotFound; ErrOffset if it is not where it is said to be.
	Advance(ctx context.Context, cmd Advance) error
	// Finish makes a file of an upload, and removes those that it was joined of. ErrUploadNotFound if there is none any more; ErrOffset.
	Finish(ctx context.Context, cmd Finish) error
	// Process stores what was made of a file, which is processed by that. ErrFileNotFound of package chat if it is not there any more.
	Process(ctx context.Context, cmd Process) (Record, error)
	// Audience returns who has messages with a file.
	Audience(ctx context.Context, id string) (Audience, error)
	// Record returns a record that is not removed. ErrFileNotFound of package chat.
	Record(ctx context.Context, id string) (Record, error)
	// Readable returns a file that is whole to its owner, and to who is in a conversation with a message that carries it.
	// ErrFileNotFound of package chat.
	Readable(ctx context.Context, id string, user chat.UserID) (Record, error)
	// Remove removes a record. ErrFileNotFound of package chat; ErrInUse while a message carries it.
	Remove(ctx context.Context, cmd Remove) error
	// Expired returns ids of records whose time has come, some at a time.
	Expired(ctx context.Context, at time.Time, limit int) ([]string, error)
	// Release has the messages of a conversation whose room is no more carry no files, some at a time, removes those that no other one
	// carries, and returns how many uses went.
	Release(ctx context.Context, conversation string, at time.Time, limit int) (int, error)
	// Forget removes what is left of a removed record. If there is none it does nothing.
	Forget(ctx context.Context, id string) error
	// Known returns those of the ids under which there is a record, removed or not.
	Known(ctx context.Context, ids []string) ([]string, error)
	// Kept returns records that are not removed, by their ids, behind one.
	Kept(ctx context.Context, after string, limit int) ([]Record, error)
}

// Begin is the command to store a record.
type Begin struct {
	Record Record
	Quota  int64 // bytes; 0 is no limit
}

// Permit is the rule for new records, given what the owner has. Drivers ask it inside the transaction.
func (c *Begin) Permit(bytes int64, unfinished int) error {
	switch {
	case c.Record.State == Uploading && unfinished >= MaxUnfinished:
		return ErrTooMany
	case c.Quota > 0 && bytes+c.Record.Length > c.Quota:
		return ErrQuota
	}
	return nil
}

// MaxUnfinished is how many uploads of a user may be unfinished.
const MaxUnfinished = 100

// Advance is the command to move an upload on.
type Advance struct {
	ID        string
	From      int64 // where it is
	Offset    int64 // where it is then
	Parts     []Part
	ExpiresAt time.Time
}

// Finish is the command to make a file of an upload. Of the record count what belongs to a whole file, and Length.
type Finish struct {
	Record Record
	From   int64    // where the upload is
	Joined []string // uploads that the file has the bytes of
	At     time.Time
	Jobs   []job.Job // that are enqueued in the same transaction
}

// Audience are those who have messages with a file: members of rooms, and users who talk to each other. A room may be gone by now.
type Audience struct {
	Rooms []string
	Users []chat.UserID
}

// Process is the command to store what was made of a file.
type Process struct {
	ID       string
	Details  chat.FileDetails
	Variants map[string]Variant
}

// Remove is the command to remove a record.
type Remove struct {
	ID    string
	Owner chat.UserID // whose it has to be; empty for anybody's
	// ExpiredBy has it removed only if its time has come by then; zero whenever.
	ExpiredBy time.Time
	At        time.Time
}

// Permit is the rule for removing r, given whether a message carries it. Drivers ask it inside the transaction.
func (c *Remove) Permit(r *Record, used bool) error {
	switch {
	case c.Owner != "" && r.Owner != c.Owner:
		return chat.ErrFileNotFound
	case !c.ExpiredBy.IsZero() && (r.ExpiresAt.IsZero() || r.ExpiresAt.After(c.ExpiredBy)):
		return chat.ErrFileNotFound
	case used:
		return ErrInUse
	}
	return nil
}
