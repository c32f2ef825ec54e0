//go:build linux

package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

// TestRecoveryElsewhere has clients lose their connection and come back to another node: while the old one lives, where stock
// clients go on as if nothing had happened, and after its death, where `sync` brings what was missed.
func TestRecoveryElsewhere(t *testing.T) {
	t.Parallel()
	comeBackElsewhere(t, 4)
}

// TestSoakRecoveryElsewhere is the same with each client 200 times.
func TestSoakRecoveryElsewhere(t *testing.T) {
	soak(t)
	comeBackElsewhere(t, 200)
}

func comeBackElsewhere(t *testing.T, rounds int) {
	skipIfShort(t)
	for _, needed := range []string{filepath.Join(stockClients, "node_modules", ".package-lock.json"), filepath.Join("..", "..", "web", "client", "dist", "index.js")} {
		if _, err := os.Stat(needed); err != nil {
			t.Fatalf("%s is not there: run `make test`", needed)
		}
	}
	cl := start(t, setup{nodes: 3, shipped: true})
	seed := crashSeed(t)
	for name, protocol := range map[string]client.Protocol{"Go client over Socket.IO": client.SocketIO, "Go client over WebSocket": client.WebSocket} {
		t.Run(name, func(t *testing.T) { wander(t, cl, protocol, rounds, rand.New(rand.NewPCG(seed, 3))) })
	}
	t.Run("clients in JavaScript", func(t *testing.T) { wanderInNode(t, cl, rounds, uint32(seed)) })
}

// wanderInNode runs the clients in JavaScript, which say when a node is to die and to come back.
func wanderInNode(t *testing.T, cl *cluster, rounds int, seed uint32) {
	var mu sync.Mutex
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		number, err := strconv.Atoi(r.URL.Query().Get("node"))
		if err == nil && r.URL.Path == "/kill" {
			err = cl.nodes[number].Kill()
		} else if err == nil {
			err = comeBack(t.Context(), cl.nodes[number])
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	defer control.Close()
	addresses := make([]string, len(cl.nodes))
	for i, n := range cl.nodes {
		addresses[i] = "http://" + n.Addr()
	}
	nodes, err := json.Marshal(addresses)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", filepath.Join("balanced", "recovery.test.mjs"))
	command.Dir = stockClients
	command.Env = append(os.Environ(), "NODES="+string(nodes), "CONTROL="+control.URL, "ADA="+cl.token("ada"), "BOB="+cl.token("bob"),
		"ROUNDS="+strconv.Itoa(rounds), "SEED="+strconv.FormatUint(uint64(seed), 10))
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 10 * time.Second
	out, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
}

// comeBack starts a node that has died, and returns when it serves.
func comeBack(ctx context.Context, n *node) error {
	if err := n.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return n.Ready(ctx)
}

// leader leads to one node, and then to another.
type leader struct {
	*proxy
	mu sync.Mutex
	to *node
}

func (l *leader) lead(to *node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = to
}

// wander has a Go client go from node to node while another one talks, and looks whether it is told all, once and in order.
func wander(t *testing.T, cl *cluster, protocol client.Protocol, rounds int, random *rand.Rand) {
	room := fmt.Sprintf("hall-%d", protocol)
	speaks := dial(t, clientConfig(cl, cl.nodes[0].Addr(), "bob"))
	if _, err := speaks.CreateRoom(t.Context(), client.NewRoom{ID: room, Name: "Hall"}); err != nil {
		t.Fatal(err)
	}
	l := &leader{to: cl.nodes[1]}
	l.proxy = newProxy(t, "127.0.0.1", false, func() (net.Conn, error) {
		l.mu.Lock()
		addr := l.to.Addr()
		l.mu.Unlock()
		return net.DialTimeout("tcp", addr, signInTimeout)
	})
	hears := listen(t, cl, l.addr(), protocol)
	if _, err := hears.JoinRoom(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	at, last := 1, int64(0)
	for round := range rounds {
		dies := at > 0 && (round == rounds-1 || random.IntN(10) == 0)
		before := at
		at = (at + 1 + random.IntN(len(cl.nodes)-1)) % len(cl.nodes)
		l.lead(cl.nodes[at])
		said := make(chan error, 1)
		go func() { said <- say(t.Context(), speaks, room, 5) }()
		time.Sleep(rand.N(10 * time.Millisecond)) // somewhere in the midst of it
		if dies {
			if err := cl.nodes[before].Kill(); err != nil {
				t.Fatal(err)
			}
		}
		l.cut()
		if err := <-said; err != nil {
			t.Fatal(err)
		}
		for range 5 {
			seq, err := nextIn(hears, room)
			if err != nil || last > 0 && seq != last+1 {
				t.Fatalf("round %d: seq %d came behind %d: %v", round, seq, last, err)
			}
			last = seq
		}
		if dies {
			if err := comeBack(t.Context(), cl.nodes[before]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// listen connects a client whose events the test reads.
func listen(t *testing.T, cl *cluster, addr string, protocol client.Protocol) *client.Client {
	t.Helper()
	cfg := clientConfig(cl, addr, "ada")
	cfg.Protocol, cfg.Timeout = protocol, patience
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// say says some things in a room.
func say(ctx context.Context, c *client.Client, room string, things int) error {
	for i := range things {
		if _, err := c.SendToRoom(ctx, client.RoomDraft{RoomID: room, Draft: client.Draft{Content: fmt.Sprint(i)}}); err != nil {
			return err
		}
	}
	return nil
}

// nextIn is the seq of the next message of a room that a client tells of.
func nextIn(c *client.Client, room string) (int64, error) {
	late := time.After(patience)
	for {
		select {
		case e, open := <-c.Events():
			if !open {
				return 0, c.Err()
			}
			if m, ok := e.(*client.RoomMessage); ok && m.RoomID == room {
				return m.Seq, nil
			}
			if reset, ok := e.(*client.ConversationReset); ok {
				return 0, fmt.Errorf("%+v", reset)
			}
		case <-late:
			return 0, errors.New("nothing comes")
		}
	}
}
