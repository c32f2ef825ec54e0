package blackbox_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAcknowledgedMeansSynced watches the server's system calls: between the read of a message from the sender's socket
// and the first write that tells of it, a sync of the database's log begins and ends. After a kill the kernel still has
// what was written; this shows that a power cut does no more harm.
func TestAcknowledgedMeansSynced(t *testing.T) {
	skipIfShort(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is not installed: this test needs it to see what the server syncs")
	}
	output := filepath.Join(t.TempDir(), "trace")
	calls := "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync"
	s := launch(t, setup{wrap: []string{strace, "-f", "-qq", "-yy", "-s", "4096", "-e", "signal=none", "-e", calls, "-o", output}})
	select {
	case <-s.ready:
	case <-s.exited:
		if s.log.contains("ptrace") {
			t.Fatalf("strace may not trace here: allow ptrace (in a container, the capability SYS_PTRACE)\n%s", s.log)
		}
		t.Fatalf("the server under strace ended with %v:\n%s", s.state, s.log)
	case <-time.After(patience):
		t.Fatalf("the server under strace did not become ready:\n%s", s.log)
	}
	s.befriend("ada", "bob")
	c := s.connect("ada")
	c.must(t, "room:create", object{"id": "hall", "name": "Hall"})
	var ids []string
	for i := range 5 {
		ids = append(ids,
			c.must(t, "message:send", object{"recipientId": "bob", "content": "direct", "clientMsgId": "d" + strconv.Itoa(i)}).ID,
			c.must(t, "room:message", object{"roomId": "hall", "content": "to all"}).ID)
	}
	socket := c.link.conn.LocalAddr().String()
	c.close()
	stopTraced(t, s)
	raw, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	trace := parseTrace(string(raw))
	for _, id := range ids {
		if err := syncedBefore(trace, socket, id); err != nil {
			t.Errorf("message %s: %v", id, err)
		}
	}
}

// stopTraced stops the server below strace, which passes no signals on, and waits for both.
func stopTraced(t *testing.T, s *server) {
	t.Helper()
	strace := strconv.Itoa(s.cmd.Process.Pid)
	children, err := os.ReadFile("/proc/" + strace + "/task/" + strace + "/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(children)) {
		if out, err := exec.Command("kill", "-TERM", pid).CombinedOutput(); err != nil {
			t.Fatalf("kill: %v %s", err, out)
		}
	}
	s.wait(patience)
}

// systemCall is one line of a trace, or two that belong together.
type systemCall struct {
	begin, end int // lines; end is -1 for one that did not return
	name       string
	arguments  string // as strace writes them, the file first
	result     string
}

// parseTrace reads what strace -f -o writes. A call that another thread's interrupts stands there in two parts.
func parseTrace(text string) []systemCall {
	var trace []systemCall
	unfinished := make(map[string]int) // by thread
	number := 0
	for line := range strings.Lines(text) {
		number++
		thread, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest = strings.TrimSpace(rest)
		if resumed, found := strings.CutPrefix(rest, "<... "); found {
			if i, known := unfinished[thread]; known {
				_, tail, _ := strings.Cut(resumed, "resumed>")
				trace[i].finish(tail, number)
				delete(unfinished, thread)
			}
			continue
		}
		name, tail, isCall := strings.Cut(rest, "(")
		if !isCall {
			continue
		}
		call := systemCall{begin: number, end: -1, name: name}
		if head, cut := strings.CutSuffix(tail, "<unfinished ...>"); cut {
			call.arguments = head
			unfinished[thread] = len(trace)
		} else {
			call.finish(tail, number)
		}
		trace = append(trace, call)
	}
	return trace
}

func (c *systemCall) finish(tail string, line int) {
	c.end = line
	if parts := returned.FindStringSubmatch(tail); parts != nil {
		c.arguments += parts[1]
		c.result = parts[2]
		return
	}
	c.arguments += tail
}

// returned splits the arguments of a call from its result. strace fills short lines up with spaces between the two.
var returned = regexp.MustCompile(`^(.*)\) += (.*?)\s*$`)

// on tells whether the call's file, as strace -yy shows it, is the one with that mark.
func (c *systemCall) on(mark string) bool {
	file, _, _ := strings.Cut(c.arguments, ">,")
	return strings.Contains(file, mark)
}

func (c *systemCall) isRead() bool {
	return slices.Contains([]string{"read", "readv", "recvfrom", "recvmsg"}, c.name)
}

func (c *systemCall) isWrite() bool {
	return slices.Contains([]string{"write", "writev", "sendto", "sendmsg"}, c.name)
}

func (c *systemCall) isSync() bool {
	return (c.name == "fsync" || c.name == "fdatasync") && strings.Contains(c.arguments, "sockeye.db-wal")
}

// syncedBefore looks at the first write to the client's socket that names the message. What was read last from that
// socket before it is the message itself, because the client sends one by one; a sync must lie between the two.
func syncedBefore(trace []systemCall, socket, id string) error {
	peer := "->" + socket + "]"
	told := slices.IndexFunc(trace, func(c systemCall) bool {
		return c.isWrite() && c.on(peer) && strings.Contains(c.arguments, id)
	})
	if told < 0 {
		return fmt.Errorf("no write to %s tells of it", socket)
	}
	read := -1
	for i, c := range trace[:told] {
		if c.isRead() && c.on(peer) && c.end >= 0 && c.end < trace[told].begin && !strings.HasPrefix(c.result, "-") && c.result != "0" {
			read = i
		}
	}
	if read < 0 {
		return fmt.Errorf("nothing was read from %s before it", socket)
	}
	for _, c := range trace[read:told] {
		if c.isSync() && c.result == "0" && c.begin > trace[read].end && c.end < trace[told].begin {
			return nil
		}
	}
	return fmt.Errorf("no sync of the database's log between line %d, its read, and line %d, its acknowledgement", trace[read].end, trace[told].begin)
}

// TestTraceCheck makes sure that the check above would see a sync that is missing, failed, late or of another file.
func TestTraceCheck(t *testing.T) {
	const (
		read    = `7 read(9<TCP:[127.0.0.1:3000->127.0.0.1:5000]>, "x"..., 65536) = 90`
		write   = `8 write(9<TCP:[127.0.0.1:3000->127.0.0.1:5000]>, "430[{\"id\":\"m1\"}]", 20) = 20`
		synced  = `9 fdatasync(5</data/sockeye.db-wal>) = 0`
		failed  = `9 fdatasync(5</data/sockeye.db-wal>) = -1 EIO (Input/output error)`
		other   = `9 fsync(4</data/sockeye.db>) = 0`
		begun   = `9 fsync(5</data/sockeye.db-wal> <unfinished ...>`
		resumed = `9 <... fsync resumed>)              = 0`
		begun2  = `8 write(9<TCP:[127.0.0.1:3000->127.0.0.1:5000]>, "430[{\"id\":\"m1\"}]", 20 <unfinished ...>`
		idle    = `7 read(9<TCP:[127.0.0.1:3000->127.0.0.1:5000]>, 0xc000, 65536) = -1 EAGAIN (Resource temporarily unavailable)`
	)
	for name, tc := range map[string]struct {
		lines []string
		ok    bool
	}{
		"synced":               {[]string{read, synced, write}, true},
		"synced in two parts":  {[]string{read, begun, resumed, write}, true},
		"empty read behind it": {[]string{read, synced, idle, write}, true},
		"missing":              {[]string{read, write}, false},
		"before the read":      {[]string{synced, read, write}, false},
		"begun before":         {[]string{begun, read, resumed, write}, false},
		"behind the write":     {[]string{read, write, synced}, false},
		"while it is written":  {[]string{read, begun, begun2, resumed}, false},
		"unfinished":           {[]string{read, begun, write}, false},
		"failed":               {[]string{read, failed, write}, false},
		"another file":         {[]string{read, other, write}, false},
		"no read":              {[]string{synced, write}, false},
		"no write":             {[]string{read, synced}, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := syncedBefore(parseTrace(strings.Join(tc.lines, "\n")), "127.0.0.1:5000", "m1")
			if (err == nil) != tc.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}
