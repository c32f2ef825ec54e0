package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// changing answers what upkeep asks of a store, and notes when.
type changing struct {
	chat.Store
	asked []time.Duration
}

func (c *changing) Changed(_ context.Context, since time.Time, _ int) ([]chat.Head, error) {
	c.asked = append(c.asked, time.Since(since))
	return []chat.Head{{ConversationID: "c", Seq: 1}}, nil
}

func TestUpkeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(changing)
		service, err := chat.New(chat.DefaultConfig(), chat.Deps{Store: store, Now: time.Now, NewID: chat.NewID})
		if err != nil {
			t.Fatal(err)
		}
		announced, heeded, counted := 0, 0, 0
		u := &upkeep{
			chat: service, announce: func(heads []chat.Head) { announced += len(heads) },
			heed:  func(context.Context) (int, error) { heeded++; return 0, nil },
			count: func(context.Context) error { counted++; return nil },
			now:   time.Now, log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}
		u.start()
		time.Sleep(2*time.Hour + time.Second)
		synctest.Wait()
		if err := u.stop(); err != nil {
			t.Error(err)
		}
		if announced != 240 || heeded != 2*3600+1 || counted != 2*720 {
			t.Errorf("announced %d times, heeded %d times, counted %d times in two hours", announced, heeded, counted)
		}
		for _, span := range store.asked {
			if span <= announceEvery {
				t.Fatalf("asked for the last %s only: rounds must overlap", span)
			}
		}
	})
}

// TestUpkeepThatFails: the log has it at once, then every minute, and when it is over.
func TestUpkeepThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		began := time.Now()
		u := &upkeep{now: time.Now, log: slog.New(slog.NewTextHandler(&log, nil)), heed: func(context.Context) (int, error) {
			if time.Since(began) < 150*time.Second {
				return 0, errors.New("the database is away")
			}
			return 0, nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		u.done.Go(func() { u.every(ctx, heedEvery, "heed", u.heedOperator) })
		time.Sleep(5 * time.Minute)
		cancel()
		u.done.Wait()
		if failed, over := strings.Count(log.String(), "upkeep failed"), strings.Count(log.String(), `"failed for"=2m29s`); failed != 3 || over != 1 {
			t.Errorf("it says:\n%s", &log)
		}
	})
}
