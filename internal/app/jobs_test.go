package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// saidLongAgo has a server believe that what is said was said 60 days ago.
func saidLongAgo(s *app.Settings) {
	s.Said = func() time.Time { return time.Now().Add(-60 * 24 * time.Hour) }
}

// TestUpkeepJobs: what is kept no longer is removed by a job, which waits for its next time then. Of several servers one does it.
func TestUpkeepJobs(t *testing.T) {
	flags := []string{"--chat-dm-policy", "anyone", "--chat-dm-retention", "24h"}
	t.Run("one server", func(t *testing.T) {
		t.Parallel()
		testUpkeepJobs(t, apptest.Serve(t, flags, saidLongAgo))
	})
	t.Run("two servers of a database", func(t *testing.T) {
		t.Parallel()
		flags := append(flags, "--database", pgtest.Database(t))
		testUpkeepJobs(t, apptest.Serve(t, flags, saidLongAgo), apptest.Serve(t, flags, saidLongAgo))
	})
}

func testUpkeepJobs(t *testing.T, servers ...*apptest.Server) {
	s := servers[0]
	if _, err := s.Chat.SendDirect(t.Context(), chat.Actor{ID: "ada", Name: "Ada"}, chat.SendDirect{RecipientID: "lin", Content: "long ago"}); err != nil {
		t.Fatal(err)
	}
	history := func() int {
		t.Helper()
		page, err := s.Chat.History(t.Context(), chat.Actor{ID: "ada", Name: "Ada"}, chat.HistoryQuery{ConversationID: chat.DirectID("ada", "lin"), Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Messages)
	}
	tasks := 5
	if s.Files != nil {
		tasks = 7 // with those about files
	}
	// The test makes them due: it claims them as if it were tomorrow, and puts them back to run now.
	jobs, claimed := s.Jobs.Store, claimUpkeep(t, s.Jobs.Store, tasks)
	now := time.Now()
	for _, j := range claimed {
		if err := jobs.Finish(t.Context(), []job.End{{Held: job.Held{ID: j.ID, Lease: j.Lease}, State: job.Waiting, RunAt: now, At: now}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, j := range claimed {
		for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(10 * time.Millisecond) {
			found, err := jobs.Job(t.Context(), j.ID)
			if err != nil {
				t.Fatal(err)
			}
			if found.State == job.Waiting && found.RunAt.After(now) {
				if found.Error != "" || found.RunAt.After(now.Add(25*time.Hour)) {
					t.Errorf("it waits as %+v", found)
				}
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("it is not done: %+v", found)
			}
		}
	}
	if got := history(); got != 0 {
		t.Errorf("there are %d messages afterwards", got)
	}
	said := 0
	for _, server := range servers {
		said += strings.Count(server.Log.String(), "removed what is kept no longer")
	}
	if said != 1 {
		t.Errorf("it was removed %d times", said)
	}
}

// claimUpkeep claims all upkeep jobs, of which there must be so many. Over the full and the half hour a server may be doing some, and
// then they wait again.
func claimUpkeep(t *testing.T, jobs job.Store, want int) (claimed []job.Job) {
	t.Helper()
	for deadline := time.Now().Add(apptest.Patience); len(claimed) < want; time.Sleep(10 * time.Millisecond) {
		more, err := jobs.Claim(t.Context(), job.Claim{
			Kind: "upkeep", Most: 10, Now: time.Now().Add(25 * time.Hour), Lease: fmt.Sprintf("test:%d", len(claimed)), Last: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		if claimed = append(claimed, more...); time.Now().After(deadline) {
			t.Fatalf("there are %d upkeep jobs, want %d", len(claimed), want)
		}
	}
	counts, err := jobs.Counts(t.Context(), []string{"upkeep"}, time.Now())
	if err != nil || len(claimed) != want || counts[0].Waiting+counts[0].Running != want {
		t.Fatalf("there are %+v upkeep jobs, of which the test has %d, and %d were expected; %v", counts, len(claimed), want, err)
	}
	return claimed
}
