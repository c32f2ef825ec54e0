//go:build linux

package cluster_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
)

// namespace is a network of its own, with a cable to the machine's.
type namespace struct {
	t               *testing.T
	name            string
	cable           string // the end of it that is outside
	outside, inside string // addresses of its ends
}

var namespaces atomic.Uint32

// newNamespace makes one, which goes with the test; nil where the machine does not let it.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	number := namespaces.Add(1)
	removeLeftNamespaces()
	network := fmt.Sprintf("10.%d.%d", 64+os.Getpid()>>8&63, os.Getpid()&255)
	ns := &namespace{
		t: t, name: fmt.Sprintf("sockeye-%d-%d", os.Getpid(), number), cable: fmt.Sprintf("sk%x%d", os.Getpid(), number),
		outside: fmt.Sprintf("%s.%d", network, 4*number+1), inside: fmt.Sprintf("%s.%d", network, 4*number+2),
	}
	if err := ip("netns", "add", ns.name); err != nil {
		t.Logf("without a network of its own for a node: %v", err)
		return nil
	}
	t.Cleanup(func() {
		if err := ip("netns", "del", ns.name); err != nil {
			t.Error(err)
		}
	})
	err := errors.Join(
		ip("link", "add", ns.cable, "type", "veth", "peer", "name", "out", "netns", ns.name),
		ip("addr", "add", ns.outside+"/30", "dev", ns.cable),
		ip("link", "set", ns.cable, "up"),
		ip("-n", ns.name, "addr", "add", ns.inside+"/30", "dev", "out"),
		ip("-n", ns.name, "link", "set", "out", "up"),
		ip("-n", ns.name, "link", "set", "lo", "up"),
	)
	if err != nil {
		t.Logf("without a network of its own for a node: %v", err)
		return nil
	}
	return ns
}

// removeLeftNamespaces removes those of tests that were killed.
func removeLeftNamespaces() {
	names, _ := filepath.Glob("/run/netns/sockeye-*")
	for _, name := range names {
		var pid, number int
		if n, _ := fmt.Sscanf(filepath.Base(name), "sockeye-%d-%d", &pid, &number); n == 2 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = ip("netns", "del", filepath.Base(name)) // another test may do it too
		}
	}
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, out)
	}
	return nil
}

// command runs a program in it.
func (ns *namespace) command() []string { return []string{"ip", "netns", "exec", ns.name} }

// plug pulls the cable out at its inner end, or puts it back: what is sent from either side meanwhile is lost.
func (ns *namespace) plug(in bool) {
	ns.t.Helper()
	state := "down"
	if in {
		state = "up"
	}
	if err := ip("-n", ns.name, "link", "set", "out", state); err != nil {
		ns.t.Fatal(err)
	}
}
