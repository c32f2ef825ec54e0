//go:build linux

package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/test/cluster/history"
)

// application is a program that uses the Go client, through a balancer: it knows one address, behind which there is another
// node each time. What it is told has to be everything, once and in order.
type application struct {
	crowd *crowd
	note  *history.Device
	talker
	config   client.Config
	balancer *balancer

	known map[string]int64 // up to which seq it was told, by conversation
	idle  bool             // as the crowd knows; of the goroutine that talks
}

// balancer has each connection go to another node.
type balancer struct {
	*proxy
	mu   sync.Mutex
	node *node
}

func newBalancer(t *testing.T, cl *cluster, seed uint64) *balancer {
	b := &balancer{node: cl.nodes[0]}
	random := rand.New(rand.NewPCG(seed, 2))
	b.proxy = newProxy(t, "127.0.0.1", false, func() (net.Conn, error) {
		b.mu.Lock()
		b.node = cl.another(b.node, random)
		addr := b.node.Addr()
		b.mu.Unlock()
		return net.DialTimeout("tcp", addr, signInTimeout)
	})
	return b
}

func (b *balancer) name() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.node.Name
}

func newApplication(t *testing.T, c *crowd, user string, says talker, native bool) *application {
	a := &application{
		crowd: c, note: c.recorder.Device(says.name, user), talker: says, known: make(map[string]int64),
		balancer: newBalancer(t, c.cluster, uint64(len(c.members))),
	}
	a.config = clientConfig(c.cluster, a.balancer.addr(), user)
	if native {
		a.config.Protocol = client.WebSocket
	}
	return a
}

// clientConfig is for a client that gives a node up as soon as one would that has others.
func clientConfig(cl *cluster, addr, user string) client.Config {
	return client.Config{
		URL: "http://" + addr, Token: client.StaticToken(cl.token(user)), Timeout: signInTimeout,
		Backoff: client.Backoff{First: firstWait, Longest: longestWait, Slow: longestWait},
	}
}

// depart has the balancer choose another node.
func (a *application) depart() { a.balancer.cut() }

func (a *application) at() string { return a.balancer.name() }

// run lives until the crowd goes home.
func (a *application) run(ctx context.Context) error {
	c, err := client.New(a.config)
	if err != nil {
		return err
	}
	defer c.Close()
	var talking sync.WaitGroup
	defer talking.Wait()
	talked, stopped := make(chan error, 1), make(chan struct{})
	defer close(stopped)
	talking.Go(func() { talked <- a.talk(ctx, c, stopped) })
	for {
		changed := a.crowd.changes()
		if a.crowd.orders() == goHome && a.hasAll() {
			return nil
		}
		select {
		case e, open := <-c.Events():
			if !open {
				return fmt.Errorf("%s has stopped: %w", a.note.Name, c.Err())
			}
			if err := a.told(e); err != nil {
				return err
			}
		case <-changed:
		case err := <-talked:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("%s, behind %s, %s: %w", a.note.Name, a.balancer.name(), c.State(), ctx.Err())
		}
	}
}

// talk says one thing after the other, as long as that is wanted.
func (a *application) talk(ctx context.Context, c *client.Client, stopped <-chan struct{}) error {
	for {
		changed := a.crowd.changes()
		if a.crowd.orders() == talk {
			a.setIdle(false)
			if err := a.say(ctx, c); err != nil {
				return fmt.Errorf("%s: %w", a.note.Name, err)
			}
			changed = nil // it waits for its pace
		} else {
			a.setIdle(true)
		}
		var next <-chan time.Time
		if changed == nil {
			next = time.After(pace/2 + rand.N(pace))
		}
		select {
		case <-next:
		case <-changed:
		case <-stopped:
			return nil
		case <-ctx.Done():
			return nil // run says it
		}
	}
}

// say sends a message, and waits until it is stored, however often the client has to send it for that.
func (a *application) say(ctx context.Context, c *client.Client) error {
	id, content := a.content()
	draft := client.Draft{ClientMsgID: id, Content: content}
	a.crowd.recorder.Began(a.note.User, id, content)
	var sent client.Sent
	var err error
	if a.random.IntN(2) == 0 || len(a.peers) == 0 {
		sent, err = c.SendToRoom(ctx, client.RoomDraft{RoomID: pick(a.random, a.rooms), Draft: draft})
	} else {
		sent, err = c.SendDirect(ctx, client.DirectDraft{RecipientID: pick(a.random, a.peers), Draft: draft})
	}
	if err != nil {
		return err
	}
	node := a.balancer.name()
	a.crowd.recorder.Acked(a.note.User, id, history.Ack{Node: node, ID: sent.ID, ConversationID: sent.ConversationID, Seq: sent.Seq})
	a.crowd.update(func(s *state) { s.acked[node]++ })
	return nil
}

func (a *application) setIdle(idle bool) {
	if a.idle == idle {
		return
	}
	a.idle = idle
	a.crowd.update(func(s *state) {
		if idle {
			s.idle++
		} else {
			s.idle--
		}
	})
}

// told notes what the client tells.
func (a *application) told(e client.Event) error {
	var h history.Event
	switch e := e.(type) {
	case *client.RoomMessage:
		h = messageEvent(e.Message)
	case *client.MessageReceived:
		h = messageEvent(e.Message)
	case *client.MessageSent:
		h = eventAt(e.Logged, history.Created, e.ID)
		h.Content = a.crowd.recorder.Content(a.note.User, e.ClientMsgID)
	case *client.MessageEdited:
		h = eventAt(e.Logged, "message.edited", e.Message.ID)
	case *client.MessageDeleted:
		h = eventAt(e.Logged, "message.deleted", e.MessageID)
	case *client.UserJoined:
		h = eventAt(e.Logged, history.Joined, e.UserID)
	case *client.UserLeft:
		h = eventAt(e.Logged, history.Left, e.UserID)
	case *client.ConversationReset:
		h = history.Event{ConversationID: e.ConversationID, Seq: e.Seq, Kind: history.Reset}
	case *client.Connected:
		a.crowd.update(func(s *state) { s.signedIn[a.balancer.name()]++ })
		return nil
	case *client.Disconnected:
		a.crowd.update(func(s *state) { s.lost++ })
		return nil
	case *client.Undelivered:
		return fmt.Errorf("%s: undelivered: %w", a.note.Name, e.Err)
	default:
		return nil
	}
	a.note.Known = append(a.note.Known, h)
	a.known[h.ConversationID] = h.Seq
	return nil
}

func messageEvent(m client.Message) history.Event {
	return history.Event{ConversationID: m.ConversationID, Seq: m.Seq, Kind: history.Created, About: m.ID, Content: m.Content}
}

func eventAt(at client.Logged, kind, about string) history.Event {
	return history.Event{ConversationID: at.ConversationID, Seq: at.Seq, Kind: kind, About: about}
}

// hasAll tells whether it was told all that there is in the end.
func (a *application) hasAll() bool {
	for id, head := range a.crowd.heads(a.note.User) {
		if a.known[id] < head {
			return false
		}
	}
	return true
}
