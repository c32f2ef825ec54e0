// Package upload takes files from users, in pieces that survive whatever dies meanwhile, keeps their bytes, and gives them to those who
// may have them. It knows no protocol: tus and forms are read by its callers.
//
//	upload.go  Record: a file from the first byte of its upload on
//	store.go   what is needed of a store
//	blobs.go   Blobs: where bytes are; disk.go keeps them in a folder
//	config.go  what an operator may choose
//	service.go Service: uploads begin, are cancelled, become files; files are read and removed
//	receive.go the bytes of an upload, as they come
//	name.go    what files are called
//	kind.go    what bytes are
//	make.go    what is made of files behind their upload, such as thumbnails
//	upkeep.go  what goes when nobody wants it any more, and what belongs to nobody
package upload

import (
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// State is where a file is in its life.
type State string

// States.
const (
	Uploading State = "uploading" // bytes are still to come
	Ready     State = "ready"
	Removed   State = "removed" // its bytes are to go
)

// Original is the variant that was uploaded.
const Original = "original"

// Part is a piece of an upload that is durable.
type Part struct {
	Blob string `json:"b"`
	Size int64  `json:"n"`
}

// Variant is something that was made of a file.
type Variant struct {
	Blob string `json:"b"`
	Type string `json:"t"`
	Size int64  `json:"n"`
}

// Record is a file as it is stored, from the first byte of its upload on.
type Record struct {
	ID    string
	Owner chat.UserID
	State State
	Name  string
	// Metadata and Concat are the headers Upload-Metadata and Upload-Concat of tus as they came.
	Metadata, Concat string
	// Length is how many bytes were announced, Offset how many of them are durable, in Parts.
	Length, Offset int64
	Parts          []Part

	// Of a file that is whole.
	Type      string
	Size      int64 // of Blob, which may have less than was uploaded
	Blob      string
	Processed bool
	Details   chat.FileDetails
	Variants  map[string]Variant

	CreatedAt time.Time
	// ExpiresAt is when it goes; zero while a message carries it.
	ExpiresAt time.Time
}

// Partial tells whether it is an upload that is to be a part of another one.
func (r *Record) Partial() bool { return r.Concat == "partial" }

// Whole tells whether all bytes of an upload are there.
func (r *Record) Whole() bool { return r.Offset == r.Length }

// File is what others are told of it.
func (r *Record) File() chat.File {
	f := chat.File{
		ID: r.ID, Owner: r.Owner, Name: r.Name, Type: r.Type, Size: r.Size, At: r.CreatedAt, Processed: r.Processed, Details: r.Details,
	}
	for name := range r.Variants {
		f.Variants = append(f.Variants, name)
	}
	slices.Sort(f.Variants)
	return f
}

// JobKind is of the jobs that are about files.
const JobKind = "file"

// RemovalJob removes the bytes of a file whose record says that it is removed. There is one for each file at most.
func RemovalJob(id string, at time.Time) job.Job {
	return job.Job{ID: id + ".remove", Kind: JobKind, Payload: []byte(`{"remove":"` + id + `"}`), State: job.Waiting, RunAt: at, CreatedAt: at}
}

// Codes of refusals.
const (
	CodeUploadNotFound refusal.Code = "upload_not_found"
	CodeOffset         refusal.Code = "upload_offset_mismatch"
	CodeLocked         refusal.Code = "upload_in_use"
	CodeChecksum       refusal.Code = "checksum_mismatch"
	CodeType           refusal.Code = "file_type_not_allowed"
	CodeTooLarge       refusal.Code = "file_too_large"
	CodeQuota          refusal.Code = "file_quota_exceeded"
	CodeStorageFull    refusal.Code = "storage_full"
	CodeTooMany        refusal.Code = "too_many_uploads"
	CodeInUse          refusal.Code = "file_in_use"
)

// Codes returns all of them, with that of package chat for files.
func Codes() []refusal.Code {
	return []refusal.Code{
		chat.CodeFileNotFound, CodeUploadNotFound, CodeOffset, CodeLocked, CodeChecksum, CodeType, CodeTooLarge, CodeQuota, CodeStorageFull,
		CodeTooMany, CodeInUse,
	}
}

// The refusals without a variable part. Compare by errors.Is; do not change them.
var (
	ErrUploadNotFound = &refusal.Error{Code: CodeUploadNotFound, Message: "Upload not found"}
	ErrOffset         = &refusal.Error{Code: CodeOffset, Message: "The upload is at another offset", Field: "Upload-Offset"}
	ErrLocked         = &refusal.Error{Code: CodeLocked, Message: "The upload is in use by another request", RetryAfter: time.Second}
	ErrChecksum       = &refusal.Error{Code: CodeChecksum, Message: "The checksum does not match", Field: "Upload-Checksum"}
	ErrQuota          = &refusal.Error{Code: CodeQuota, Message: "Your files take all the space that you may use"}
	ErrStorageFull    = &refusal.Error{Code: CodeStorageFull, Message: "The server has no space left for files"}
	ErrTooMany        = &refusal.Error{Code: CodeTooMany, Message: "Too many unfinished uploads", Limit: MaxUnfinished}
	ErrInUse          = &refusal.Error{Code: CodeInUse, Message: "A message carries the file"}
)

func errTooLarge(most int64) *refusal.Error {
	return &refusal.Error{Code: CodeTooLarge, Message: "The file is larger than the limit", Field: "file", Limit: int(most)}
}

func errType(kind string) *refusal.Error {
	return &refusal.Error{Code: CodeType, Message: "File type " + kind + " not allowed", Field: "file"}
}
