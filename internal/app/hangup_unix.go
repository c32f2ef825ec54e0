//go:build unix

package app

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// onHangup has do called for each SIGHUP, one at a time, until stop, which
// waits for it.
func onHangup(do func()) (stop func() error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	var done sync.WaitGroup
	done.Go(func() {
		for range signals {
			do()
		}
	})
	return func() error {
		signal.Stop(signals)
		close(signals)
		done.Wait()
		return nil
	}
}
