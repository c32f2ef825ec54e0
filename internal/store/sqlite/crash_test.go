package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// victimDir names the environment variable that makes the test binary a process
// to be killed.
const victimDir = "SQLITE_TEST_VICTIM_DIR"

// victim stores messages and prints the id of each when it is acknowledged,
// until it is killed.
func victim(dir string) int {
	s, err := sqlite.Open(context.Background(), sqlite.DefaultConfig(dir), discard)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var out sync.Mutex
	var senders sync.WaitGroup
	for i := range 8 {
		senders.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), i, n)
				cmd := message(id, id+" trout")
				cmd.Message.ClientMsgID = id
				if _, err := s.AppendMessage(context.Background(), cmd); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				out.Lock()
				fmt.Println(id)
				out.Unlock()
			}
		})
	}
	senders.Wait()
	return 1
}

// TestKilledProcessKeepsWhatItAcknowledged kills a process in the middle of its
// work, several times over on the same database.
func TestKilledProcessKeepsWhatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acknowledged := make(map[string]bool)
	for range 3 {
		for _, id := range killAfter(t, dir, 200) {
			acknowledged[id] = true
		}
	}
	stored := make(map[string]int)
	s := openStore(t, dir, discard)
	messages := history(t, s)
	for i, m := range messages {
		stored[m.ID]++
		if m.Seq != int64(i+1) {
			t.Fatalf("message %d has seq %d", i, m.Seq)
		}
	}
	if len(acknowledged) < 600 {
		t.Fatalf("only %d messages were acknowledged", len(acknowledged))
	}
	for id := range acknowledged {
		if stored[id] != 1 {
			t.Errorf("acknowledged message %s is there %d times", id, stored[id])
		}
	}
	// Its death found the indexer wherever it was.
	eventually(t, "every message is found", func() bool { return len(found(t, s, "bert", "trout")) == len(messages) })
}

// killAfter starts a victim, kills it when it has acknowledged n messages, and
// returns the ids of all it did acknowledge.
func killAfter(t *testing.T, dir string, n int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		acknowledged = append(acknowledged, lines.Text())
		if len(acknowledged) == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if len(acknowledged) < n {
		t.Fatalf("the process ended by itself: %s", complaints.String())
	}
	return acknowledged
}
