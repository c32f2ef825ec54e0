//go:build linux

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/client"
)

// What is promised of time is waited for several times as long: the machine may be busy.
const (
	revokedWithin = 5 * time.Second  // promised: 1 s
	rightWithin   = 40 * time.Second // promised: 10 s
)

// TestTogether: what is no message holds on all nodes too. A token that was revoked at one node ends the connections at the
// others, who was at a node that died is offline, and a node that hears nothing of the others lets nobody in.
func TestTogether(t *testing.T) {
	t.Parallel()
	cl := start(t, setup{nodes: 3, redis: true})
	t.Run("revocation", func(t *testing.T) { revoke(t, cl) })
	t.Run("presence", func(t *testing.T) { die(t, cl) })
	t.Run("out of step", func(t *testing.T) { deafen(t, cl) })
}

func revoke(t *testing.T, cl *cluster) {
	token := cl.token("eve")
	var ends []<-chan struct{}
	for i, n := range cl.nodes {
		w, err := dialNode(t.Context(), n.Addr(), token, i%2 == 0)
		if err != nil {
			t.Fatal(err)
		}
		come, stop := w.listen()
		t.Cleanup(stop)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for range come { // until it ends
			}
		}()
		ends = append(ends, ended)
	}
	logOut(t, cl.nodes[0], token)
	late := time.After(revokedWithin)
	for i, ended := range ends {
		select {
		case <-ended:
		case <-late:
			t.Fatalf("a connection to %s still stands %s after its token was revoked at %s", cl.nodes[i].Name, revokedWithin, cl.nodes[0].Name)
		}
	}
	for _, n := range cl.nodes {
		w, err := dialNode(t.Context(), n.Addr(), token, false)
		if err == nil {
			w.close()
			t.Errorf("%s lets somebody in whose token was revoked", n.Name)
		}
	}
}

// logOut revokes a token.
func logOut(t *testing.T, n *node, token string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+n.Addr()+"/api/v1/logout", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode >= 300 {
		t.Fatalf("logout: %s", answer.Status)
	}
}

// die has a friend's node die, and the friend come back at another one.
func die(t *testing.T, cl *cluster) {
	ada, bob := comeTo(t, cl, cl.nodes[0], "ada"), comeTo(t, cl, cl.nodes[1], "bob")
	if _, err := ada.RequestFriend(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.AcceptFriend(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	hear(t, ada, func(e client.Event) bool { on, ok := e.(*client.UserOnline); return ok && on.UserID == "bob" })
	if err := bob.StartTyping(t.Context(), client.Typing{RecipientID: "ada"}); err != nil {
		t.Fatal(err)
	}
	hear(t, ada, func(e client.Event) bool { types, ok := e.(*client.TypingStarted); return ok && types.UserID == "bob" })
	if err := cl.nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	bob.Close()
	hear(t, ada, func(e client.Event) bool { off, ok := e.(*client.UserOffline); return ok && off.UserID == "bob" })
	comeTo(t, cl, cl.nodes[2], "bob")
	hear(t, ada, func(e client.Event) bool { on, ok := e.(*client.UserOnline); return ok && on.UserID == "bob" })
	cl.start(cl.nodes[1])
	cl.awaitReady(cl.nodes[1])
}

// comeTo connects a user to a node.
func comeTo(t *testing.T, cl *cluster, n *node, user string) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, clientConfig(cl, n.Addr(), user))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func hear(t *testing.T, c *client.Client, wanted func(client.Event) bool) {
	t.Helper()
	late := time.After(rightWithin)
	for {
		select {
		case e, open := <-c.Events():
			if !open {
				t.Fatalf("the client has stopped: %v", c.Err())
			}
			if wanted(e) {
				return
			}
		case <-late:
			t.Fatalf("it was not told within %s", rightWithin)
		}
	}
}

// deafen cuts a node off from PostgreSQL and Redis: it must not let in whose token may be revoked by now. It does again once
// it hears.
func deafen(t *testing.T, cl *cluster) {
	n := cl.nodes[0]
	for _, p := range []*proxy{n.toPostgres, n.toRedis} {
		p.hold(toClient, true)
		p.hold(toServer, true)
	}
	await(t, "a refusal", func() error {
		w, err := dialNode(t.Context(), n.Addr(), cl.token("fay"), true)
		if err == nil {
			w.close()
			return errors.New("it lets people in")
		}
		if status := ws.StatusError(0); errors.As(err, &status) && status == http.StatusServiceUnavailable {
			return nil
		}
		return err
	})
	// Over Socket.IO it closes the connection: clients of that come back by themselves only then.
	if w, err := dialNode(t.Context(), n.Addr(), cl.token("fay"), false); err == nil {
		w.close()
		t.Error("it lets people in over Socket.IO")
	}
	for _, p := range []*proxy{n.toPostgres, n.toRedis} {
		p.hold(toClient, false)
		p.hold(toServer, false)
	}
	await(t, "a node that lets people in", func() error {
		w, err := dialNode(t.Context(), n.Addr(), cl.token("fay"), false)
		if err == nil {
			w.close()
		}
		return err
	})
}

// await tries again until it works.
func await(t *testing.T, what string, try func() error) {
	t.Helper()
	var last string
	for late := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if last = fmt.Sprint(err); time.Now().After(late) {
			t.Fatalf("waited in vain for %s: %s", what, last)
		}
	}
}
