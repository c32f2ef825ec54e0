//go:build linux

package measure

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// writeProfile saves a profile of what is in use, behind a collection.
func (s sockeye) writeProfile(ctx context.Context, path string) error {
	profile, err := s.get(ctx, "/debug/pprof/heap?gc=1")
	if err != nil {
		return fmt.Errorf("heap profile: %w", err)
	}
	return os.WriteFile(path, profile, 0o600)
}

// runtimeFigures are the lines of /metrics about the runtime's memory and goroutines.
func (s sockeye) runtimeFigures(ctx context.Context) ([]string, error) {
	metrics, err := s.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	var figures []string
	for line := range strings.Lines(string(metrics)) {
		for _, prefix := range []string{"go_memstats_", "go_goroutines", "go_threads", "process_open_fds"} {
			if strings.HasPrefix(line, prefix) {
				figures = append(figures, strings.TrimSpace(line))
			}
		}
	}
	return figures, nil
}
