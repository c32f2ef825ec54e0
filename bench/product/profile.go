//go:build linux

package product

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// profile takes a CPU profile of the server while it is measured, and one of what it has allocated until then. What it
// returns waits for them.
func (r *runner) profile(ctx context.Context, s *process.Sockeye, plan crowd.Plan, name string) (done func() error) {
	if r.options.Profile == "" {
		return func() error { return nil }
	}
	ended := make(chan error, 1)
	go func() {
		time.Sleep(2 * plan.WarmUp) // the users come in meanwhile
		seconds := max(1, int(plan.Duration.Seconds())-1)
		err := r.save(ctx, s, fmt.Sprintf("profile?seconds=%d", seconds), name+".cpu")
		ended <- errors.Join(err, r.save(ctx, s, "allocs", name+".allocs"))
	}()
	return func() error { return <-ended }
}

func (r *runner) save(ctx context.Context, s *process.Sockeye, what, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr+"/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	file, err := os.Create(filepath.Join(r.options.Profile, name+".pprof"))
	if err != nil {
		return err
	}
	_, err = io.Copy(file, answer.Body)
	return errors.Join(err, file.Close())
}
