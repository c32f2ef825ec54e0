package upload

import (
	"context"
	"io"
	"time"
)

// Blobs keeps bytes under keys. A key is the id of a record, a slash and a name: letters, digits, "_", "." and "-". What is stored under
// a key is never changed, but put anew as a whole where what was made of a file is made again. All methods may be called concurrently.
type Blobs interface {
	// Put stores what from has to give, all of it or nothing, and returns how much that is once it is durable. An error of from is
	// returned as it is. ErrStorageFull.
	Put(ctx context.Context, key string, from io.Reader) (int64, error)
	// Open opens a blob, for one goroutine. The error is an fs.ErrNotExist where there is none.
	Open(ctx context.Context, key string) (Blob, error)
	// Remove removes a blob, if it is there.
	Remove(ctx context.Context, key string) error
	// RemoveAll removes all blobs of a record. It has succeeded only if none is left.
	RemoveAll(ctx context.Context, id string) error
	// Each calls found for every record that has blobs, with their names and when the last one was stored.
	Each(ctx context.Context, found func(id string, names []string, last time.Time) error) error
}

// Blob is one that is open.
type Blob interface {
	io.ReadSeekCloser
	io.ReaderAt
	Size() int64
}
