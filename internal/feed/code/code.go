// Package code makes bytes of facts, and facts of bytes: for the log of commits, and for what nodes tell each other. The bytes
// are JSON with short names.
//
// Nodes of two successive versions read each other's. Who adds something to facts adds a field here, which an older node
// passes over; where that would mislead it, the new node writes a greater [Version] and the older one refuses.
package code

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
)

// Version is the newest that this program reads, and the one that it writes.
const Version = 1

// ErrVersion is for what a newer program has written that this one would misread.
var ErrVersion = errors.New("the facts are of a newer version")

// facts are [feed.Facts] as they travel.
type facts struct {
	Version  int            `json:"v"`
	At       time.Time      `json:"t,omitzero"`
	Writer   int64          `json:"w,omitzero"`
	N        int64          `json:"n,omitzero"`
	Chat     []event        `json:"c,omitempty"`
	Accounts []accountEvent `json:"a,omitempty"`
	Heads    []head         `json:"h,omitempty"`
	Notices  []notice       `json:"i,omitempty"`
	Passing  []passing      `json:"p,omitempty"`
	Files    []fileMade     `json:"f,omitempty"`
}

// Encode returns facts as a whole. They fail to be encoded if the body of a notice does; text that is no UTF-8 does not come
// back as it was. Times keep their instant, and come back in UTC.
func Encode(f *feed.Facts) ([]byte, error) {
	out := facts{
		Version: Version, At: f.At.UTC(), Writer: f.Commit.Writer, N: f.Commit.N,
		Chat: make([]event, len(f.Chat)), Accounts: accountEvents(f),
		Heads: each(f.Heads, func(h chat.Head) head { return head(h) }), Notices: make([]notice, len(f.Notices)),
		Passing: each(f.Passing, func(p feed.Passing) passing { return passing(p) }),
		Files:   each(f.Files, func(f feed.FileMade) fileMade { return fileMade(f) }),
	}
	for i := range f.Chat {
		out.Chat[i] = eventOf(&f.Chat[i])
	}
	for i := range f.Notices {
		body, err := json.Marshal(f.Notices[i].Body)
		if err != nil {
			return nil, fmt.Errorf("encode the body of a notice: %w", err)
		}
		out.Notices[i] = notice{f.Notices[i].Topics, f.Notices[i].Users, body}
	}
	return json.Marshal(&out)
}

// EncodeLogged returns of facts what the log of commits keeps: events of chats and accounts, but where one has content that
// a delete wipes the place of it alone. Places that follow each other in a conversation are one. They stand where the first
// of them stood: no event that is whole is overtaken, nor one of the same conversation.
func EncodeLogged(f *feed.Facts) ([]byte, error) {
	out := facts{Version: Version, Accounts: accountEvents(f), Chat: make([]event, 0, len(f.Chat))}
	growing := make(map[string]int) // where the place of a conversation is that may still grow
	for i := range f.Chat {
		e := &f.Chat[i]
		if !hasContent(e) {
			out.Chat = append(out.Chat, eventOf(e))
			clear(growing)
			continue
		}
		at, grows := growing[e.ConversationID]
		if grows && out.Chat[at].Last == e.Seq-1 {
			out.Chat[at].Last = e.Seq
			continue
		}
		growing[e.ConversationID] = len(out.Chat)
		out.Chat = append(out.Chat, event{ConversationID: e.ConversationID, Seq: e.Seq, Last: e.Seq})
	}
	return json.Marshal(&out)
}

// hasContent tells whether an event has something that a delete of a message wipes.
func hasContent(e *chat.Event) bool { return e.Message != nil || e.Reaction != nil }

// Decode returns what Encode or EncodeLogged has made bytes of. Whatever the bytes are, events have what their kinds promise,
// or there is an error; events of kinds that this program does not know are left out. The body of a notice is a
// [json.RawMessage].
func Decode(data []byte) (feed.Committed, error) {
	var in facts
	if err := json.Unmarshal(data, &in); err != nil {
		return feed.Committed{}, fmt.Errorf("decode facts: %w", err)
	}
	if in.Version > Version {
		return feed.Committed{}, fmt.Errorf("%w: %d, this program knows %d", ErrVersion, in.Version, Version)
	}
	at := feed.Commit{Writer: in.Writer, N: in.N}
	c := feed.Committed{Commit: at, Facts: feed.Facts{
		At: in.At, Commit: at,
		Heads:   each(in.Heads, func(h head) chat.Head { return chat.Head(h) }),
		Notices: each(in.Notices, func(n notice) feed.Notice { return feed.Notice{Topics: n.Topics, Users: n.Users, Body: n.Body} }),
		Passing: each(in.Passing, func(p passing) feed.Passing { return feed.Passing(p) }),
		Files:   each(in.Files, func(f fileMade) feed.FileMade { return feed.FileMade(f) }),
	}}
	if err := decodeChat(in.Chat, &c); err != nil {
		return feed.Committed{}, err
	}
	return c, decodeAccounts(in.Accounts, &c)
}

// each changes the elements of a list, of which nothing comes to nothing.
func each[From, To any](list []From, change func(From) To) []To {
	if len(list) == 0 {
		return nil
	}
	changed := make([]To, len(list))
	for i := range list {
		changed[i] = change(list[i])
	}
	return changed
}
