package app_test

import (
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestScheduledOverRestart: what is scheduled before a server ends is sent once by the next, when it is due, however often that
// comes back.
func TestScheduledOverRestart(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		testScheduledOverRestart(t, "--data", t.TempDir())
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		testScheduledOverRestart(t, "--database", pgtest.Database(t))
	})
}

func testScheduledOverRestart(t *testing.T, flags ...string) {
	flags = append(flags, "--chat-dm-policy", "anyone")
	ada := chat.Actor{ID: "ada", Name: "Ada"}
	// The first server is a day behind, so that what it schedules for half a day later is due for the second. It does no jobs.
	first := apptest.Serve(t, flags, func(s *app.Settings) { s.Said = func() time.Time { return time.Now().Add(-24 * time.Hour) } })
	if err := first.Jobs.Pause(t.Context(), chat.ScheduledKind, true); err != nil {
		t.Fatal(err)
	}
	var due, waits chat.Scheduled
	for at, into := range map[time.Time]*chat.Scheduled{time.Now().Add(-12 * time.Hour): &due, time.Now().Add(time.Hour): &waits} {
		m, err := first.Chat.Schedule(t.Context(), ada, chat.ScheduleMessage{RecipientID: "lin", Content: "later", SendAt: at})
		if err != nil {
			t.Fatal(err)
		}
		*into = m
	}
	first.Close()

	for attempt := range 2 {
		s := apptest.Serve(t, flags)
		if err := s.Jobs.Pause(t.Context(), chat.ScheduledKind, false); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(10 * time.Millisecond) {
			list, err := s.Chat.Scheduled(t.Context(), ada)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 1 && list[0].ID == waits.ID {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("there wait %+v", list)
			}
		}
		// A job that was done and not said to be comes again.
		if err := s.Chat.SendScheduled(t.Context(), chat.Due{ID: due.ID, Version: due.Version}); err != nil {
			t.Error(err)
		}
		page, err := s.Chat.History(t.Context(), ada, chat.HistoryQuery{UserID: "lin"})
		if err != nil || len(page.Messages) != 1 || page.Messages[0].ClientMsgID != due.Sending() {
			t.Fatalf("server %d: %v, %+v", attempt, err, page.Messages)
		}
		s.Close()
	}
}
