package socketio_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

const (
	// mostWaiting is how much may wait for all clients together by default (see
	// engineio.Config.QueueMemory), and mostBeside what a burst may take beside.
	mostWaiting = 256 << 20
	mostBeside  = 64 << 20
	// asServer makes a process of this test a server.
	asServer = "SOCKEYE_TEST_BURST_SERVER"
)

// TestBurstServer is the server of a test of bursts, in a process of its own: its memory is its own too.
func TestBurstServer(t *testing.T) {
	if os.Getenv(asServer) == "" {
		t.Skip("is run by other tests")
	}
	h := serve(t, patient)
	onPour(h.Of("/"), func(_ context.Context, s *socketio.Socket, b burst) error { return b.emit(s.Emit) })
	h.Of("/").On("broadcast", func(_ context.Context, e *socketio.Event) error {
		var count, size int
		if err := e.Args().Decode(&count, &size); err != nil {
			return err
		}
		return burst{count, size}.emit(e.Socket().Broadcast().Emit)
	})
	fmt.Println(h.http.URL)
	_, _ = io.ReadAll(os.Stdin) // until the other test has ended
}

// burstServer is that process.
type burstServer struct {
	t      testing.TB
	url    string
	pid    int
	before int // bytes resident when it had started
}

func startBurstServer(t testing.TB) *burstServer {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBurstServer$")
	cmd.Env = append(os.Environ(), asServer+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("server: %v", err)
		}
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s := &burstServer{t: t, url: strings.TrimSpace(url), pid: cmd.Process.Pid}
	s.before = s.status("VmRSS")
	return s
}

// status is a figure of /proc/PID/status, in bytes.
func (s *burstServer) status(name string) int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+name+":")
	figure, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.Atoi(figure)
	if err != nil {
		s.t.Fatal(err)
	}
	return kib << 10
}

// grew is by how much the server was larger at most than when it had started.
func (s *burstServer) grew() int { return s.status("VmHWM") - s.before }

// read has readers read the burst that a packet asks for.
func (s *burstServer) read(asker reader, event string, b burst, readers []reader) {
	var reading sync.WaitGroup
	for i, c := range readers {
		reading.Go(func() {
			if err := c.read(b); err != nil {
				s.t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	if err := asker.say(fmt.Sprintf(`42["%s",%d,%d]`, event, b.count, b.size)); err != nil {
		s.t.Error(err)
	}
	reading.Wait()
}

// Whatever a burst is made of, the server's memory is bounded while its readers take it.
func TestBurstMemory(t *testing.T) {
	for way := range ways {
		for _, b := range []burst{{20_000, 100}, {20, 900_000}} {
			t.Run(fmt.Sprint(way, b), func(t *testing.T) { testBurstMemory(t, way, b, 10) })
		}
	}
}

// TestSoakBurstMemory is the same with large bursts and a hundred readers, and with a tenth of a thousand that stop.
func TestSoakBurstMemory(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("takes minutes")
	}
	for way := range ways {
		for _, b := range bursts {
			t.Run(fmt.Sprint(way, b), func(t *testing.T) { testBurstMemory(t, way, b, 100) })
		}
	}
	for _, b := range bursts {
		t.Run(fmt.Sprint("stopped", b), func(t *testing.T) { testStoppedMemory(t, b) })
	}
}

func testBurstMemory(t *testing.T, way string, b burst, readers int) {
	s := startBurstServer(t)
	all := make([]reader, readers)
	for i := range all {
		all[i] = ways[way](t, s.url)
	}
	s.read(all[0], "pour", b, all[:1])
	handler := s.grew()
	s.read(ways[way](t, s.url), "broadcast", b, all)
	t.Logf("the server grew by %d MiB while a handler sent it, by %d MiB with broadcasts", handler>>20, s.grew()>>20)
	if s.grew() > mostWaiting+mostBeside {
		t.Errorf("the server grew by %d MiB", s.grew()>>20)
	}
}

func testStoppedMemory(t *testing.T, b burst) {
	s := startBurstServer(t)
	const members, stopped = 1000, 100
	all := make([]reader, members)
	for i := range all {
		all[i] = readSocket(t, s.url)
	}
	s.read(readSocket(t, s.url), "broadcast", b, all[stopped:])
	t.Logf("the server grew by %d MiB", s.grew()>>20)
	if s.grew() > mostWaiting+mostBeside {
		t.Errorf("the server grew by %d MiB", s.grew()>>20)
	}
}
