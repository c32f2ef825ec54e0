//go:build !unix

package app

import "io/fs"

// trust is in the owner of a folder: nobody reads for others here.
type trust struct{}

func trustOf(string) (trust, error) { return trust{}, nil }

func (trust) mayRead(string, fs.FileInfo) bool { return true }
