//go:build linux

package process_test

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
)

// The time of a child counts while it lives, and as much when it has ended.
func TestFamilyTime(t *testing.T) {
	const work = `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done`
	parent := exec.Command("/bin/sh", "-c", fmt.Sprintf(`/bin/sh -c '%s; echo $$; read line'; echo ended; read line`, work))
	input, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	said := func() string {
		if !lines.Scan() {
			t.Fatalf("the shell said nothing: %v", lines.Err())
		}
		return lines.Text()
	}
	answer := func() {
		if _, err := io.WriteString(input, "\n"); err != nil {
			t.Fatal(err)
		}
	}
	spent := func(of func(int) (time.Duration, error), pid int) time.Duration {
		d, err := of(pid)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	child, err := strconv.Atoi(strings.TrimSpace(said()))
	if err != nil {
		t.Fatal(err)
	}
	pid := parent.Process.Pid
	alone, its := spent(process.CPUTime, pid), spent(process.CPUTime, child)
	living := spent(process.FamilyTime, pid) - alone
	answer()
	said()
	ended := spent(process.FamilyTime, pid) - alone
	answer()
	if err := parent.Wait(); err != nil {
		t.Fatal(err)
	}
	// Two ticks are what is lost of user and system time by rounding, and more than the shells need to come to rest.
	const slack = 20 * time.Millisecond
	if its < 2*slack {
		t.Errorf("the child has worked for %s only", its)
	}
	if living < its || living > its+slack {
		t.Errorf("while the child lives it counts %s, it has spent %s", living, its)
	}
	if ended < its-slack || ended > its+slack {
		t.Errorf("ended, the child counts %s, it had spent %s", ended, its)
	}
}
