//go:build linux

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/test/cluster/history"
)

// keeper has made the rooms, talks in the porch, and kicks the guests out of it, through any node.
type keeper struct {
	client *client.Client
	quit   chan struct{}
	done   chan error
}

// newKeeper makes the rooms, of which all users are members before anybody comes.
func newKeeper(t *testing.T, c *crowd, users int) *keeper {
	t.Helper()
	balancer := newBalancer(t, c.cluster, 77)
	talks := dial(t, clientConfig(c.cluster, balancer.addr(), "keeper"))
	for _, room := range []string{hall, attic, porch} {
		if _, err := talks.CreateRoom(t.Context(), client.NewRoom{ID: room, Name: room, MaxMembers: 1000}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range users {
		user := dial(t, clientConfig(c.cluster, balancer.addr(), userName(i)))
		for _, room := range []string{hall, attic} {
			if room == attic && i%2 == 1 {
				continue
			}
			if _, err := user.JoinRoom(t.Context(), room); err != nil {
				t.Fatal(err)
			}
		}
		user.Close()
	}
	k := &keeper{client: talks, quit: make(chan struct{}), done: make(chan error, 1)}
	go func() { k.done <- k.keep(t.Context(), c) }()
	return k
}

// dial is a client that has come, and does nothing with what it is told.
func dial(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	go func() {
		for range c.Events() { // until it is closed
		}
	}()
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// keep says something and kicks somebody, again and again. What is refused because of a fault is left.
func (k *keeper) keep(ctx context.Context, c *crowd) error {
	for turn := 0; ; turn++ {
		draft := client.Draft{ClientMsgID: fmt.Sprintf("keeper/%d", turn), Content: fmt.Sprintf("keeper says %d", turn)}
		c.recorder.Began("keeper", draft.ClientMsgID, draft.Content)
		sent, err := k.client.SendToRoom(ctx, client.RoomDraft{RoomID: porch, Draft: draft})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("keeper: %w", err)
		}
		c.recorder.Acked("keeper", draft.ClientMsgID, history.Ack{Node: "any node", ID: sent.ID, ConversationID: sent.ConversationID, Seq: sent.Seq})
		if turn%5 == 4 {
			err := k.client.Kick(ctx, porch, guests[turn/5%len(guests)])
			if code := client.Code(err); err != nil && code != "not_in_room" && code != "user_not_in_room" && code != "unavailable" &&
				!errors.Is(err, client.ErrConnectionLost) && ctx.Err() == nil {
				return fmt.Errorf("keeper: kick: %w", err)
			}
		}
		select {
		case <-time.After(pace):
		case <-k.quit:
			return nil
		}
	}
}

// rest has it say nothing more.
func (k *keeper) rest(t *testing.T) {
	t.Helper()
	close(k.quit)
	if err := <-k.done; err != nil {
		t.Error(err)
	}
}
