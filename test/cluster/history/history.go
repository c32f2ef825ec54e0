// Package history says whether what clients of a cluster have seen, and were told, is what was promised to them: nothing
// that was acknowledged is lost, nothing is stored or told twice, every conversation has one order, and who misses
// something learns of it. It knows no server and no client: a test notes what happens, and asks at the end.
//
//	history.go   what is noted
//	check.go     what must hold of it
package history

import (
	"slices"
	"sync"
	"time"
)

// Recorder collects what happens. Its methods may be called concurrently.
type Recorder struct {
	mu      sync.Mutex
	sends   []*Send
	byID    map[string]*Send // by the sender and its id
	devices []*Device
}

// Send is a message, as its sender knows it.
type Send struct {
	Sender      string // user
	ClientMsgID string
	Content     string
	Began       time.Time // when it was sent for the first time
	Acks        []Ack     // every answer that it is stored: more than one where it was sent again
	Changed     bool      // it was edited or deleted later
}

// Ack is the server's word that a message is stored.
type Ack struct {
	At             time.Time
	Node           string // that said it
	ID             string // of the message
	ConversationID string
	Seq            int64
}

// Event is an event of a conversation's log as somebody has it.
type Event struct {
	ConversationID string
	Seq            int64
	Kind           string // as the store calls it, such as message.created
	About          string // the id of the message, or of the user
	Content        string // of a message.created
}

// Reset is the Kind of an Event that stands for what a device was not told, because it had missed too much: it goes on
// behind Seq.
const Reset = "reset"

// ResetBehind is how many events a device must have missed at least for that.
const ResetBehind = 1000

// Device is one of a user's. Streams and Known belong to whoever has made it, until the end.
type Device struct {
	Name, User string
	// Streams are what connections told by themselves, one after the other.
	Streams []*Stream
	// Known is what the device has in the end of each conversation: what it was told, with what it has asked for where it
	// saw that something is missing, in the order in which its application was told.
	Known []Event
}

// Stream is what one connection has told by itself, in order.
type Stream struct {
	Node string
	// Whole says that no fault was under way, so that not even a hole may be in it.
	Whole  bool
	Events []Event
}

// NewRecorder returns one that knows nothing yet.
func NewRecorder() *Recorder { return &Recorder{byID: make(map[string]*Send)} }

// Device makes a device.
func (r *Recorder) Device(name, user string) *Device {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := &Device{Name: name, User: user}
	r.devices = append(r.devices, d)
	return d
}

// Began notes that a message is sent. The same message again changes nothing.
func (r *Recorder) Began(sender, clientMsgID, content string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := keyOf(sender, clientMsgID)
	if r.byID[key] != nil {
		return
	}
	s := &Send{Sender: sender, ClientMsgID: clientMsgID, Content: content, Began: time.Now()}
	r.byID[key], r.sends = s, append(r.sends, s)
}

// Acked notes that a message was acknowledged.
func (r *Recorder) Acked(sender, clientMsgID string, ack Ack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.byID[keyOf(sender, clientMsgID)]; s != nil {
		ack.At = time.Now()
		s.Acks = append(s.Acks, ack)
	}
}

// Changed notes that a message is to be edited or deleted: its content is then another one.
func (r *Recorder) Changed(sender, clientMsgID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.byID[keyOf(sender, clientMsgID)]; s != nil {
		s.Changed = true
	}
}

// Content is what a message was sent with; empty: it was not.
func (r *Recorder) Content(sender, clientMsgID string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.byID[keyOf(sender, clientMsgID)]; s != nil {
		return s.Content
	}
	return ""
}

// History is all that is known once nothing happens any more.
func (r *Recorder) History(conversations map[string]*Conversation) *History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &History{Sends: slices.Clone(r.sends), Devices: slices.Clone(r.devices), Conversations: conversations}
}

// Conversation is one as the database has it.
type Conversation struct {
	Room    bool
	Log     []Entry  // by seq, from 1 on
	Members []string // in the end
}

// Entry is a line of a log.
type Entry struct {
	Seq  int64
	Kind string
	// About is the id of the message, or of the user.
	About string
	// Sender, ClientMsgID and Content are those of a message.created, as it is now.
	Sender, ClientMsgID, Content string
}

// History is what has happened, as everybody knows it.
type History struct {
	Sends         []*Send
	Devices       []*Device
	Conversations map[string]*Conversation
}

// Figures count what has happened: a run in which nothing did shows nothing.
type Figures struct {
	Stored, Acked, AckedAgain int // messages
	Streams, Whole            int // connections, and those that no fault has touched
	Live, Known               int // events that connections told, and that devices know in the end
}

// Figures counts.
func (h *History) Figures() (f Figures) {
	for _, c := range h.Conversations {
		for _, e := range c.Log {
			if e.Kind == Created {
				f.Stored++
			}
		}
	}
	for _, s := range h.Sends {
		if len(s.Acks) > 0 {
			f.Acked++
		}
		if len(s.Acks) > 1 {
			f.AckedAgain++
		}
	}
	for _, d := range h.Devices {
		f.Known += len(d.Known)
		for _, s := range d.Streams {
			f.Streams++
			f.Live += len(s.Events)
			if s.Whole {
				f.Whole++
			}
		}
	}
	return f
}
