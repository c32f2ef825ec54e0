//go:build linux

package process

import (
	"fmt"
	"os"
	"strings"
)

// Memory is how much of a process lies in RAM, in bytes.
type Memory struct {
	RSS       int64 // VmRSS
	Anonymous int64 // RssAnon: heaps and stacks
	File      int64 // RssFile: code and mapped files
	Peak      int64 // VmHWM
}

// ReadMemory reads the memory of any process from /proc.
func ReadMemory(pid int) (Memory, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, fmt.Errorf("read the server's memory: %w", err)
	}
	var m Memory
	found := 0
	for line := range strings.Lines(string(raw)) {
		for name, field := range map[string]*int64{"VmRSS:": &m.RSS, "RssAnon:": &m.Anonymous, "RssFile:": &m.File, "VmHWM:": &m.Peak} {
			rest, ok := strings.CutPrefix(line, name)
			if !ok {
				continue
			}
			if _, err := fmt.Sscanf(rest, "%d kB", field); err != nil {
				return Memory{}, fmt.Errorf("read the server's memory: %q: %w", line, err)
			}
			*field <<= 10
			found++
		}
	}
	if found != 4 {
		return Memory{}, fmt.Errorf("read the server's memory: /proc has %d of 4 figures", found)
	}
	return m, nil
}
