package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// lockName is the file of the data folder by which one server keeps others out.
const lockName = "sockeye.lock"

// unfinishedName is the file that stands in a data folder for as long as it is being restored. No server starts there,
// whatever else the folder holds.
const unfinishedName = "restore.unfinished"

// lostAndFound is a folder at the root of some file systems, and of nobody's data.
const lostAndFound = "lost+found"

// claimFolder is lockFolder for a folder that is to be used as it is.
func claimFolder(dir string) (unlock func() error, err error) {
	unlock, err = lockFolder(dir)
	if err != nil {
		return nil, err
	}
	if err := refuseUnfinished(dir); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// refuseUnfinished fails where a folder holds a part of a backup.
func refuseUnfinished(dir string) error {
	_, err := os.Lstat(filepath.Join(dir, unfinishedName))
	if err == nil {
		return fmt.Errorf("data folder %s holds a part of a backup: a restore into it was not finished. Run sockeye restore again, or delete the folder", dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("data folder: %w", err)
}
