//go:build unix

package app

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// giving gives files to the owner of a folder, which only root can and has to. It does nothing for others.
type giving struct{ to *syscall.Stat_t }

func givingTo(dir string) (g giving, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return g, err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 && (owner.Uid != 0 || owner.Gid != 0) {
		g.to = owner
	}
	return g, nil
}

// file gives a file away, unless it has another name, which may be anywhere.
func (g giving) file(file *os.File) error {
	if g.to == nil {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && !info.IsDir() && (!info.Mode().IsRegular() || is.Nlink > 1) {
		return fmt.Errorf("%s is no regular file with one name: somebody else has put it there", file.Name())
	}
	return file.Chown(int(g.to.Uid), int(g.to.Gid))
}

// named gives what has that name in a folder.
func (g giving) named(root *os.Root, name string) (err error) {
	if g.to == nil {
		return nil
	}
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would keep it waiting
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return g.file(file)
}
