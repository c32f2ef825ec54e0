//go:build !unix

package app

import (
	"fmt"
	"os"
)

// lockFolder makes the data folder if needed. There is no lock that would end
// with the process here.
func lockFolder(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return func() error { return nil }, nil
}

// lockPlace is empty: nothing here is one process's alone.
func lockPlace(string) string { return "" }
