//go:build linux

package cluster_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/sandbox"
	"github.com/sockeye-im/sockeye/test/program"
)

// TestAnyNode has stock clients of all versions go through balancers that send each request to the next of three nodes,
// whose session it may not be: nginx and HAProxy, as they are shipped. None is refused, and nobody notices.
func TestAnyNode(t *testing.T) {
	t.Parallel()
	balanced(t, 20)
}

// TestSoakAnyNode is the same with more than 10,000 requests by each balancer.
func TestSoakAnyNode(t *testing.T) {
	soak(t)
	balanced(t, 900)
}

func balanced(t *testing.T, messages int) {
	if _, err := os.Stat(filepath.Join(stockClients, "node_modules", ".package-lock.json")); err != nil && !testing.Short() {
		t.Fatal("the stock clients are not installed: run `npm ci` in test/clients, or `make test`")
	}
	cl := start(t, setup{nodes: 3})
	var balancing sync.WaitGroup
	for _, kind := range []sandbox.Wanted{sandbox.Nginx, sandbox.HAProxy} {
		b := cl.balance(t, kind)
		balancing.Go(func() { cl.talkThrough(t, b, messages) })
	}
	balancing.Wait()
}

// talkThrough has stock clients talk through a balancer, and ends it. It may be called concurrently.
func (cl *cluster) talkThrough(t *testing.T, b *sandbox.Balancer, messages int) {
	command := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", filepath.Join("balanced", "stock.test.mjs"))
	command.Dir = stockClients
	command.Env = append(os.Environ(), "BALANCER=http://"+b.Addr(), "ADA="+cl.token("ada-"+string(b.Kind)), "BOB="+cl.token("bob-"+string(b.Kind)), "MESSAGES="+strconv.Itoa(messages))
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 10 * time.Second
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("through %s: %v\n%s", b.Kind, err, out)
	}
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
	judge(t, b)
}

// balance starts a balancer before all nodes. It ends with the test.
func (cl *cluster) balance(t *testing.T, kind sandbox.Wanted) *sandbox.Balancer {
	t.Helper()
	var nodes []string
	for _, n := range cl.nodes {
		nodes = append(nodes, n.Addr())
	}
	b, err := cl.folder.Balancer(kind, net.JoinHostPort(program.Loopback(), "0"), nodes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Kill() })
	return b
}

// stockClients is where they are.
var stockClients = filepath.Join("..", "clients")

// judge fails if a balancer that has ended had a request refused, or not all nodes have had their part.
func judge(t *testing.T, b *sandbox.Balancer) {
	log, err := os.ReadFile(b.LogFile())
	if err != nil {
		t.Error(err)
		return
	}
	sent, all := make(map[string]int), 0 // requests by the node
	for line := range strings.Lines(string(log)) {
		_, line, found := strings.Cut(line, "request ")
		if !found {
			continue
		}
		fields := strings.Fields(line) // method, path and query, status, length of the body, node
		if len(fields) != 5 {
			t.Errorf("through %s: %s", b.Kind, line)
			continue
		}
		method, status, length := fields[0], fields[2], fields[3]
		if status != "200" && status != "101" && !mayBeRefused(method, length) && !leftBy(status) {
			t.Errorf("through %s: %s", b.Kind, line)
		}
		sent[fields[4]]++
		all++
	}
	t.Logf("through %s: %d requests, by node: %v", b.Kind, all, sent)
	if len(sent) != 3 {
		t.Errorf("%s has used %d nodes", b.Kind, len(sent))
	}
	for node, n := range sent {
		if n < all/4 {
			t.Errorf("%s had %d of %d", node, n, all)
		}
	}
}

// mayBeRefused tells whether a request may be one that closes its session and does nothing else, "1" or "1:1". It may be refused,
// also by one server alone: a client leaves its namespace before, upon which the server closes the session, and the two
// words cross.
func mayBeRefused(method, length string) bool {
	return method == http.MethodPost && (length == "1" || length == "3")
}

// leftBy tells whether it was the client who did not wait: a poll that is under way ends with its session.
func leftBy(status string) bool { return status == "499" || status == "-1" }

// goneWithin is what is promised of a node that stops: its sessions are known to be lost then.
const goneWithin = 5 * time.Second

// TestNodeOfASessionFails: whoever polls at another node is told at once that the session is gone when its node has died, and
// as soon as that is known when it has stopped without a word.
func TestNodeOfASessionFails(t *testing.T) {
	t.Parallel()
	cl := start(t, setup{nodes: 3})
	for name, fail := range map[string]func(*node) error{
		"killed": func(n *node) error { return n.Kill() },
		"frozen": func(n *node) error { return n.Freeze() },
	} {
		n, others := cl.nodes[1], []*node{cl.nodes[0], cl.nodes[2]}
		var query string
		await(t, "a session that all know", func() error {
			_, opened, err := poll(t, n, "EIO=4&transport=polling")
			if err != nil {
				return err
			}
			_, rest, _ := strings.Cut(opened, `"sid":"`)
			sid, _, _ := strings.Cut(rest, `"`)
			query = "EIO=4&transport=polling&sid=" + sid
			if status, body, err := request(t, http.MethodPost, others[0], query, `40{"token":"`+cl.token("ada")+`"}`); err != nil || status != http.StatusOK {
				return fmt.Errorf("%d %s: %w", status, body, err)
			}
			if status, body, err := poll(t, others[1], query); err != nil || status != http.StatusOK || !strings.HasPrefix(body, "40{") {
				return fmt.Errorf("%d %s: %w", status, body, err)
			}
			return nil
		})
		if err := fail(n); err != nil {
			t.Fatal(err)
		}
		for _, other := range others {
			began := time.Now()
			status, body, err := poll(t, other, query)
			if took := time.Since(began); err != nil || status != http.StatusBadRequest || !strings.Contains(body, "Session ID unknown") || took > 4*goneWithin {
				t.Errorf("%s: after %s %d %s, %v", name, took, status, body, err)
			}
		}
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
		cl.start(n)
		cl.awaitReady(n)
	}
}

func poll(t *testing.T, n *node, query string) (status int, body string, err error) {
	return request(t, http.MethodGet, n, query, "")
}

func request(t *testing.T, method string, n *node, query, packets string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+n.Addr()+"/socket.io/?"+query, strings.NewReader(packets))
	if err != nil {
		return 0, "", err
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}
