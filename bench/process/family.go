//go:build linux

package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// FamilyTime is CPUTime of a process and of its children, also of those that have ended: their time is counted in ticks of
// 10 ms.
func FamilyTime(parent int) (time.Duration, error) {
	total, err := CPUTime(parent)
	if err != nil {
		return 0, err
	}
	// The children first: the time of one that ends meanwhile is not missing, if it is not counted twice.
	children, err := childrenOf(parent)
	if err != nil {
		return 0, err
	}
	for _, child := range children {
		if spent, err := CPUTime(child); err == nil { // else it has ended
			total += spent
		}
	}
	ended, err := endedTime(parent)
	return total + ended, err
}

func childrenOf(parent int) (children []int, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		fields, err := statFields(file)
		if errors.Is(err, os.ErrNotExist) || err == nil && fields[statParent] != strconv.Itoa(parent) {
			continue
		}
		if err != nil {
			return nil, err
		}
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
	return children, nil
}

// endedTime is that of children which have ended and were waited for.
func endedTime(parent int) (time.Duration, error) {
	fields, err := statFields(fmt.Sprintf("/proc/%d/stat", parent))
	if err != nil {
		return 0, err
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on all that Linux runs Go on
	var total time.Duration
	for _, field := range fields[statEnded : statEnded+2] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the time of ended children: %w", err)
		}
		total += time.Duration(n) * tick
	}
	return total, nil
}

// Where things stand behind the name of a process in /proc/PID/stat.
const (
	statParent = 1
	statEnded  = 13 // in user mode, in kernel mode
	statLength = 15 // at least
)

// statFields are those behind the name, which may hold anything.
func statFields(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < statLength {
		return nil, fmt.Errorf("%s has only %d fields", file, len(fields))
	}
	return fields, nil
}
