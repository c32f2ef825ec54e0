package worker_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-im/sockeye/internal/media/worker"
)

// tryAll is what a process does that was taken over.
func tryAll() int {
	by, err := worker.Confine(worker.Task{Memory: 256 << 20, CPU: 2 * time.Second})
	if err != nil {
		fmt.Println("not confined:", err)
		return 1
	}
	fmt.Println("confined by", strings.Join(by, " and "))
	if _, err := os.ReadFile("/etc/passwd"); err == nil {
		fmt.Println("it reads files")
	}
	if err := os.WriteFile("/tmp/sockeye-taken-over", []byte("x"), 0o600); err == nil {
		fmt.Println("it writes files")
	}
	if _, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		fmt.Println("it listens")
	}
	if _, err := net.Dial("udp", "127.0.0.1:53"); err == nil {
		fmt.Println("it sends")
	}
	if err := unix.Exec("/bin/true", []string{"true"}, nil); err == nil {
		fmt.Println("it runs programs")
	}
	if err := unix.Kill(os.Getppid(), 0); err == nil {
		fmt.Println("it may end the server")
	}
	if err := unix.Tgkill(os.Getppid(), os.Getppid(), 0); err == nil {
		fmt.Println("it may signal a thread of the server")
	}
	if err := unix.Prlimit(os.Getppid(), unix.RLIMIT_CORE, nil, &unix.Rlimit{}); err == nil {
		fmt.Println("it may change the server's limits")
	}
	if _, _, failed := unix.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_NEWUSER, 0, 0); failed == 0 {
		fmt.Println("it makes processes")
	}
	switch os.Args[2] {
	case "memory":
		var kept [][]byte
		for range 100 {
			kept = append(kept, make([]byte, 16<<20))
		}
		fmt.Println("it has all the memory", len(kept))
	case "processor":
		for n := 0; n >= 0; n++ {
			if n == 1<<40 {
				n = 0
			}
		}
	}
	return 0
}

// Who takes a process over has a processor for some seconds, and nothing else.
func TestConfined(t *testing.T) {
	self, err := worker.Self()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, what := range []string{"nothing", "memory", "processor"} {
		out, err := exec.CommandContext(ctx, self[0], "confined", what).Output()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if !strings.HasPrefix(lines[0], "confined by") {
			t.Fatalf("%s: %s, %v", what, out, err)
		}
		t.Log(lines[0])
		if len(lines) > 1 && lines[0] != "confined by " {
			t.Errorf("%s: %s", what, out)
		}
		if died := err != nil; died != (what != "nothing") {
			t.Errorf("%s: it ended with %v", what, err)
		}
	}
	if ctx.Err() != nil {
		t.Error("it was not the limits that have ended them")
	}
}
