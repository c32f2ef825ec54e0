package model_test

import (
	"encoding/json"
	"errors"
	"fmt"
)

// device is a client: its connection, what it was told, and what it knows by that. One goroutine uses it at a time.
type device struct {
	label string // user.number
	user  *person
	link  *link // nil while it is away
	used  bool  // it has been there
	kept  *replica
	// replays tells how it gets to know a conversation: by its whole log if that is kept, or by the history.
	replays bool

	told   []fact // since the last look
	expect []fact // what the reference would have told
	heads  map[string]int64
	greet  greeting
	echo   *sent     // the last message:sent
	shown  []message // the last room:messages

	lose   int  // how many of the next logged events do not reach the replica
	missed bool // some did not, since the last sync
	deaf   bool // nothing reaches it any more: it is about to be cut off
	// unsure is set while nobody can say what it will be told.
	unsure bool
}

// greeting is what comes on connecting.
type greeting struct {
	connected bool
	unread    []message
	heads     []head
}

func (d *device) online() bool { return d.link != nil }

// connect opens a connection and reads all that comes by itself.
func (d *device) connect(url, token string) (err error) {
	if d.link, err = dial(url, token); err != nil {
		return err
	}
	d.used, d.told, d.expect, d.lose, d.deaf = true, nil, nil, 0, false
	d.heads, d.greet = make(map[string]int64), greeting{}
	if err := d.ping(); err != nil {
		return err
	}
	if !d.greet.connected {
		return errors.New("no greeting on connecting")
	}
	return nil
}

func (d *device) disconnect(politely bool) {
	d.link.close(politely)
	d.link = nil
}

// ping reads all that was sent to the device until now.
func (d *device) ping() error {
	ref, err := d.link.send("ping", nil, "")
	for err == nil {
		var f frame
		if f, err = d.link.read(); err != nil {
			break
		}
		if f.Type == "pong" && f.Ref == ref {
			return nil
		}
		err = d.receive(f)
	}
	return fmt.Errorf("%s: %w", d.label, err)
}

// ask sends a command and reads until it is answered.
func (d *device) ask(name string, payload map[string]any) (answer []byte, refused *refusal, err error) {
	typeField := "messageType"
	if name == "room:create" || name == "room:update" {
		typeField = "roomType"
	}
	ref, err := d.link.send(name, payload, typeField)
	for err == nil {
		var f frame
		if f, err = d.link.read(); err != nil {
			break
		}
		if f.Type == "ack" && f.Ref == ref {
			var ack struct {
				OK    bool     `json:"ok"`
				Error *refusal `json:"error"`
			}
			err = json.Unmarshal(f.text, &ack)
			if err == nil && ack.OK != (ack.Error == nil) {
				err = fmt.Errorf("neither one thing nor the other: %s", f.text)
			}
			return f.text, ack.Error, err
		}
		err = d.receive(f)
	}
	return nil, nil, fmt.Errorf("%s: %s: %w", d.label, name, err)
}

// receive takes what was not asked for.
func (d *device) receive(f frame) error {
	switch f.Type {
	case "connection":
		d.greet.connected = true
		return nil
	case "messages:unread":
		return items(f, &d.greet.unread)
	case "conversation:heads":
		return items(f, &d.greet.heads)
	case "room:messages":
		return items(f, &d.shown)
	case "message:sent":
		d.echo = new(sent)
		return json.Unmarshal(f.text, d.echo)
	case "conversation:head":
		var h head
		if err := json.Unmarshal(f.text, &h); err != nil {
			return err
		}
		d.heads[h.ConversationID] = h.Seq
		d.kept.heads([]head{h})
		return nil
	case "server:epoch", "presence", "user:online", "user:offline":
		return nil // of the server and of connections, which the model knows nothing of
	case "ack", "pong", "error":
		return fmt.Errorf("unexpected %s", f.text)
	}
	e, err := eventOf(f.Type, f.text)
	if err != nil {
		return err
	}
	d.told = append(d.told, e.fact())
	logged := e.Name != "conversation:read" && e.Name != "message:read" && e.Name != "room:invited"
	switch {
	case d.deaf:
		return nil
	case logged && d.lose > 0:
		d.lose--
		d.missed = true
		return nil
	}
	return d.kept.take(e)
}

// items reads the payload that is an array.
func items[T any](f frame, into *[]T) error {
	var payload struct {
		Items []T `json:"items"`
	}
	err := json.Unmarshal(f.text, &payload)
	*into = payload.Items
	return err
}

// prepareSync is how the device begins a sync: it says what it knows. What it misses from here on needs another one: an
// event of a conversation that the answer is about to introduce cannot be placed.
func (d *device) prepareSync() map[string]int64 {
	d.kept.lost, d.missed = false, false
	return d.known()
}

// known is how far the device is.
func (d *device) known() map[string]int64 {
	since := make(map[string]int64, len(d.kept.convs))
	for id, k := range d.kept.convs {
		since[id] = k.seq
	}
	return since
}

// absorb takes the answer to a sync. It tells whether to sync again.
func (d *device) absorb(since map[string]int64, answer *synced) (again bool, err error) {
	for id, c := range answer.Conversations {
		k := d.kept.convs[id]
		switch {
		case k == nil: // left meanwhile
			continue
		case c.Gone:
			delete(d.kept.convs, id)
			continue
		case c.Reset:
			err = d.reload(k, c.FirstSeq, c.Seq)
		default:
			var events []event
			if events, err = c.events(); err == nil {
				err = d.kept.replay(k, since[id], events)
			}
			k.trim(c.FirstSeq)
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", d.label, err)
		}
		k.read = max(k.read, c.ReadSeq)
	}
	for i := range answer.New {
		s := &answer.New[i]
		k := d.kept.adopt(s)
		if d.replays && s.FirstSeq == 1 {
			again = true // its log comes with the next answer
		} else if err = d.reload(k, s.FirstSeq, s.Seq); err != nil {
			return false, fmt.Errorf("%s: %w", d.label, err)
		}
	}
	return again || answer.More, nil
}

// reload reads a conversation anew, from the history.
func (d *device) reload(k *kept, first, seq int64) error {
	const limit = 100
	k.messages, k.guessed = make(map[string]*message), make(map[string]bool)
	before := ""
	for more := true; more; {
		payload := map[string]any{"conversationId": k.id, "limit": limit}
		if before != "" {
			payload["before"] = before
		}
		var p page
		if refused, err := d.read("history", payload, &p); refused || err != nil {
			d.kept.lost = d.kept.lost || refused // it has ended meanwhile: the next sync tells
			return err
		}
		for i := range p.Messages {
			k.messages[p.Messages[i].ID] = &p.Messages[i]
		}
		if more = p.More; more {
			before = p.Messages[0].ID
		}
	}
	if k.room != nil {
		var answer struct {
			Room room `json:"room"`
		}
		if refused, err := d.read("room:get", map[string]any{"roomId": k.room.ID}, &answer); refused || err != nil {
			d.kept.lost = d.kept.lost || refused
			return err
		}
		k.describe(&answer.Room)
		k.list(&answer.Room)
	}
	k.seq = seq
	k.trim(first)
	return d.kept.drain(k) // what waited may follow now
}

// read asks for something that may be refused if the conversation has ended.
func (d *device) read(name string, payload map[string]any, answer any) (refused bool, err error) {
	text, no, err := d.ask(name, payload)
	if err != nil || no != nil {
		return no != nil, err
	}
	return false, json.Unmarshal(text, answer)
}
