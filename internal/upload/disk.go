package upload

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sockeye-im/sockeye/internal/machine"
)

// Disk keeps blobs in a folder: ab/ID/NAME, where ab are the last two characters of the id. What is being written has a name that begins
// with a dot, which a process that died leaves behind; it goes with the record. Several processes may share the folder.
type Disk struct {
	dir     string
	reserve uint64
}

var _ Blobs = (*Disk)(nil)

// Reserve is how many bytes of a disk files leave free: the database may be on it, and needs room for what is said.
const Reserve = 256 << 20

// NewDisk keeps blobs in a folder, which is made, for the owner only, with the first one. reserve is how many bytes are left free.
func NewDisk(dir string, reserve uint64) *Disk { return &Disk{dir, reserve} }

// folder is that of a record.
func (d *Disk) folder(id string) string {
	return filepath.Join(d.dir, id[max(len(id)-2, 0):], id)
}

// path is that of a blob. The keys are the server's own; one that could lead elsewhere is a fault.
func (d *Disk) path(key string) (folder, name string, err error) {
	id, name, _ := strings.Cut(key, "/")
	if !plain(id) || !plain(name) {
		return "", "", fmt.Errorf("upload: %q is no key of a blob", key)
	}
	return d.folder(id), name, nil
}

// plain tells whether a text is a name that leads nowhere else.
func plain(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		case c == '.' && i > 0:
		default:
			return false
		}
	}
	return name != "" && len(name) <= 200
}

// Put implements [Blobs]. Bytes and names are on the disk when it returns.
func (d *Disk) Put(_ context.Context, key string, from io.Reader) (n int64, err error) {
	folder, name, err := d.path(key)
	if err != nil {
		return 0, err
	}
	if err := d.makeFolder(folder); err != nil {
		return 0, full(err)
	}
	if disk, known := machine.DiskOf(d.dir); known && disk.Free < d.reserve {
		return 0, ErrStorageFull
	}
	unfinished := filepath.Join(folder, "."+name+"."+rand.Text())
	file, err := os.OpenFile(unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, full(err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(unfinished) // what cannot be removed now goes with the record
		}
	}()
	source := &ownErrors{from: from}
	n, err = io.Copy(file, source)
	if source.err != nil {
		return 0, errors.Join(source.err, file.Close())
	}
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return 0, full(err)
	}
	if err := os.Rename(unfinished, filepath.Join(folder, name)); err != nil {
		return 0, full(err)
	}
	return n, full(syncFolder(folder))
}

// ownErrors keeps the error of a source apart from those of whoever copies it. It hides that the source could write itself.
type ownErrors struct {
	from io.Reader
	err  error
}

func (o *ownErrors) Read(b []byte) (int, error) {
	n, err := o.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		o.err = err
	}
	return n, err
}

// full says of an error what users are told.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrStorageFull, err)
	}
	return err
}

// makeFolder makes the folder of a record durable. Somebody may remove one above it meanwhile, as it was empty.
func (d *Disk) makeFolder(folder string) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return errors.Join(syncFolder(filepath.Dir(folder)), syncFolder(d.dir), syncFolder(filepath.Dir(d.dir)))
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// diskBlob is a blob that is a file.
type diskBlob struct {
	*os.File
	size int64
}

// OnDisk is the blob as another process can read it.
func (b *diskBlob) OnDisk() *os.File { return b.File }

// Size implements [Blob].
func (b *diskBlob) Size() int64 { return b.size }

// Open implements [Blobs].
func (d *Disk) Open(_ context.Context, key string) (Blob, error) {
	folder, name, err := d.path(key)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(folder, name))
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &diskBlob{file, info.Size()}, nil
}

// Remove implements [Blobs].
func (d *Disk) Remove(_ context.Context, key string) error {
	folder, name, err := d.path(key)
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveAll implements [Blobs].
func (d *Disk) RemoveAll(_ context.Context, id string) error {
	if !plain(id) {
		return fmt.Errorf("upload: %q is no id of a record", id)
	}
	folder := d.folder(id)
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	err := syncFolder(filepath.Dir(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Each implements [Blobs].
func (d *Disk) Each(ctx context.Context, found func(id string, names []string, last time.Time) error) error {
	shards, err := os.ReadDir(d.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, shard := range shards {
		records, err := os.ReadDir(filepath.Join(d.dir, shard.Name()))
		if err != nil {
			if shard.IsDir() && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			continue
		}
		for _, record := range records {
			names, last, err := listed(filepath.Join(d.dir, shard.Name(), record.Name()))
			if err == nil {
				err = found(record.Name(), names, last)
			}
			if err := errors.Join(err, ctx.Err()); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed are the names of the blobs of a folder, and when the last one was stored. What has gone meanwhile is left out.
func listed(folder string) (names []string, last time.Time, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, last, err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			continue
		}
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
		names = append(names, entry.Name())
	}
	return names, last, nil
}
