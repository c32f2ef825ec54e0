package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/media/worker"
	"github.com/sockeye-im/sockeye/internal/upload"
)

// makingRetries has something be made of files for most of a day while the database or the disk is at fault. The fault of a file ends
// sooner, see [upload.MakingTries].
const makingRetries = 20

// makers is how many processes make something of files at a time: half of the processors are left to the chat.
func makers() int { return max(1, min(4, runtime.GOMAXPROCS(0)/2)) }

// leastMakerMemory is what a process has in any case, in bytes: a photograph of 12 megapixels takes half of it.
const leastMakerMemory = 128 << 20

// makerMemory is how much memory each process may take, at most most: all of them together half of what there is. Where a container runs
// out of memory, the server may go with them.
func makerMemory(most int64) int64 {
	there, err := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)()
	if err != nil {
		return most
	}
	share := int64(min(there/2, math.MaxInt64)) / int64(makers())
	return min(most, max(share, leastMakerMemory))
}

// mediaMaker is an [upload.Maker] by processes.
type mediaMaker struct{ *worker.Pool }

// buildMaker makes what makes thumbnails.
func (s *Server) buildMaker() (upload.Maker, error) {
	cfg := s.settings.Media
	cfg.MaxPixels, cfg.Memory = s.settings.Uploads.MaxPixels, makerMemory(cfg.Memory)
	if len(cfg.Command) == 0 {
		self, err := worker.Self()
		if err != nil {
			return nil, fmt.Errorf("what is to look at files: %w", err)
		}
		cfg.Command = self
	}
	pool, err := worker.New(cfg, s.log)
	return mediaMaker{pool}, err
}

// Make implements upload.Maker.
func (m mediaMaker) Make(ctx context.Context, from upload.Blob, kind string, known chat.FileDetails, keep func(name, kind string, content io.Reader) error) (chat.FileDetails, error) {
	made, err := m.Pool.Make(ctx, from, kind, keep)
	switch {
	case errors.Is(err, worker.ErrRefused):
		return known, fmt.Errorf("%w: %w", upload.ErrUnmakable, err)
	case errors.Is(err, worker.ErrDied):
		return known, fmt.Errorf("%w: %w", upload.ErrMaking, err)
	case err != nil:
		return known, err
	}
	known.Width, known.Height, known.Blurhash = made.Width, made.Height, made.Blurhash
	return known, nil
}
