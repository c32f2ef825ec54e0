package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// Store keeps the messages of one user that wait to be sent (Config.UserID). Its methods are called one at a
// time, and the client waits for them.
type Store interface {
	// Load returns what waits, in the order in which it was added. It is called
	// once, before the others.
	Load() ([]Outgoing, error)
	// Add keeps a message. When it returns the message is as safe as it will be.
	Add(m Outgoing) error
	// Remove forgets the first message with a clientMsgId, if there is one.
	Remove(clientMsgID string) error
}

// memory keeps nothing beyond the client's own queue.
type memory struct{}

func (memory) Load() ([]Outgoing, error) { return nil, nil }
func (memory) Add(Outgoing) error        { return nil }
func (memory) Remove(string) error       { return nil }

// FileStore keeps messages in a file, so that they go out after a restart of the
// program too. One client at a time may use a file. A message is on disk when Add
// returns.
type FileStore struct {
	path    string
	file    *os.File
	size    int64 // of the whole lines of the file
	torn    bool  // there may be more in it: it has to be written anew
	waiting []Outgoing
	dead    int // lines of the file that have no effect any more
}

// line is one line of the file: a message that was added, or the clientMsgId of one
// that was removed.
type line struct {
	Add    *Outgoing `json:"add,omitempty"`
	Remove string    `json:"remove,omitempty"`
}

// maxDead is how many lines without effect there may be.
const maxDead = 1000

// OpenFileStore opens a file, or makes it. Close must be called, after that of the
// client.
func OpenFileStore(path string) (*FileStore, error) {
	s := &FileStore{path: path}
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if s.waiting, err = readLines(content); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := s.rewrite(); err != nil {
		if s.file != nil {
			err = errors.Join(err, s.file.Close())
		}
		return nil, err
	}
	return s, nil
}

// readLines returns what waits. A last line that is not whole was being written when
// the program ended: nobody was told that it is safe.
func readLines(content []byte) ([]Outgoing, error) {
	var waiting []Outgoing
	lines := bufio.NewReader(bytes.NewReader(content))
	for number := 1; ; number++ {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return waiting, nil
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if l.Add != nil {
			waiting = append(waiting, *l.Add)
		} else {
			waiting, _ = without(waiting, l.Remove)
		}
	}
}

func without(all []Outgoing, clientMsgID string) ([]Outgoing, bool) {
	at := slices.IndexFunc(all, func(m Outgoing) bool { return m.ClientMsgID == clientMsgID })
	if at < 0 {
		return all, false
	}
	return slices.Delete(all, at, at+1), true
}

// rewrite replaces the file by one that has what waits, and opens it for more.
func (s *FileStore) rewrite() error {
	next, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for i := range s.waiting {
		err = errors.Join(err, encoder.Encode(line{Add: &s.waiting[i]}))
	}
	if err == nil {
		_, err = next.Write(text.Bytes())
	}
	if err = errors.Join(err, next.Sync()); err == nil {
		err = os.Rename(next.Name(), s.path)
	}
	if err != nil {
		return errors.Join(err, next.Close(), os.Remove(next.Name()))
	}
	if s.file != nil {
		_ = s.file.Close() // all of it is in the new one
	}
	s.file, s.size, s.dead = next, int64(text.Len()), 0
	err = syncDir(filepath.Dir(s.path))
	s.torn = err != nil // until the new name is on disk the old file may come back
	return err
}

// syncDir puts the names in a folder on disk. Windows does so by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close closes the file.
func (s *FileStore) Close() error { return s.file.Close() }

// Load implements Store.
func (s *FileStore) Load() ([]Outgoing, error) { return slices.Clone(s.waiting), nil }

// Add implements Store. A message that it refuses is not in the file.
func (s *FileStore) Add(m Outgoing) error {
	if s.torn {
		if err := s.rewrite(); err != nil {
			return err
		}
	}
	before := s.size
	if err := s.append(line{Add: &m}); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		s.cut(before)
		s.torn = true // what else is on disk is not known
		return err
	}
	s.waiting = append(s.waiting, m)
	return nil
}

// Remove implements Store. It does not wait for the disk: what comes back after a
// crash is sent again, which changes nothing.
func (s *FileStore) Remove(clientMsgID string) error {
	waiting, found := without(s.waiting, clientMsgID)
	if !found {
		return nil
	}
	s.waiting = waiting
	s.dead += 2
	if s.torn || s.dead > maxDead && s.dead > 4*len(s.waiting) {
		return s.rewrite()
	}
	return s.append(line{Remove: clientMsgID})
}

// append writes a line, all of it or nothing.
func (s *FileStore) append(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	n, err := s.file.WriteAt(append(text, '\n'), s.size)
	if err != nil {
		s.cut(s.size)
		return err
	}
	s.size += int64(n)
	return nil
}

// cut takes what is beyond a size out of the file.
func (s *FileStore) cut(size int64) {
	s.size = size
	if s.file.Truncate(size) != nil {
		s.torn = true
	}
}
