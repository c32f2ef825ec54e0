package job_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// victimDir names the environment variable that makes the test binary a process to be killed.
const victimDir = "JOB_TEST_VICTIM_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		os.Exit(victim(dir))
	}
	goleak.VerifyTestMain(m)
}

// victim does jobs, and prints the payload of each and waits until that is read, until it is killed.
func victim(dir string) int {
	store, err := sqlite.Open(context.Background(), sqlite.DefaultConfig(dir), func([]chat.Event) {})
	var queue *job.Queue
	if err == nil {
		queue, err = job.NewQueue([]job.Kind{printing}, job.QueueDeps{Store: store.Jobs(), Now: time.Now, NewID: chat.NewID})
	}
	var runner *job.Runner
	if err == nil {
		runner, err = job.NewRunner(job.DefaultConfig(), job.Deps{
			Queue: queue, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Observe: func(string, job.Outcome, time.Duration) {},
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	runner.Start()
	select {}
}

var printing = job.Kind{Name: "print", Handle: func(_ context.Context, j *job.Job) (job.Result, error) {
	_, err := fmt.Println(string(j.Payload))
	if err == nil {
		_, err = os.Stdin.Read(make([]byte, 1))
	}
	return job.Result{}, err
}}

// TestKilled kills who does jobs, again and again: each is done, and none has used up its retries by that.
func TestKilled(t *testing.T) { testKilled(t, 1500, 5) }

// TestSoakKilled is TestKilled with more of all.
func TestSoakKilled(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("set SOCKEYE_SOAK to run it")
	}
	testKilled(t, 20_000, 20)
}

func testKilled(t *testing.T, jobs, kills int) {
	dir := t.TempDir()
	s := newServerIn(t, dir, printing)
	all := make([]job.New, jobs)
	for n := range all {
		all[n] = job.New{Kind: printing.Name, Payload: fmt.Append(nil, n)}
	}
	s.enqueue(all...)
	done := make(map[string]int)
	for n := range kills {
		killAfter(t, dir, done, func(lines int) bool { return lines == jobs/(kills+2) })
		if len(done) >= jobs-job.MaxBatch {
			t.Fatalf("%d jobs are done after %d deaths", len(done), n+1)
		}
	}
	killAfter(t, dir, done, func(int) bool { return len(done) == jobs })
	twice := 0
	for _, times := range done {
		if times > 1 {
			twice++
		}
	}
	t.Logf("of %d jobs %d were done more than once", jobs, twice)

	// What the last one has done and not stored, the next one does.
	last := newServerIn(t, dir, job.Kind{Name: printing.Name, Handle: nothing}).start()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		counts, err := last.queue.Store.Counts(t.Context(), []string{printing.Name}, last.now())
		must(t, err)
		if c := counts[0]; c.Dead > 0 || time.Now().After(deadline) {
			t.Fatalf("left are %+v", c)
		} else if c.Waiting+c.Running == 0 {
			return
		}
	}
}

// killAfter runs a victim until enough has been printed, and adds what was.
func killAfter(t *testing.T, dir string, done map[string]int, enough func(lines int) bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for n := 1; lines.Scan(); n++ {
		done[lines.Text()]++
		if enough(n) {
			break
		}
		_, err := in.Write([]byte{'\n'})
		must(t, err)
	}
	must(t, cmd.Process.Kill())
	for lines.Scan() {
		done[lines.Text()]++ // was printed before it died
	}
	_ = cmd.Wait()
}
