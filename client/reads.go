package client

import (
	"context"
	"encoding/json"
	"time"
)

// Conversation is a room's or a direct conversation, as a list shows it.
type Conversation struct {
	ConversationID string    `json:"conversationId"`
	Room           *Room     `json:"room,omitempty"` // or Peer
	Peer           *Peer     `json:"peer,omitempty"`
	FirstSeq       int64     `json:"firstSeq"` // with Seq: what there is of the log
	Seq            int64     `json:"seq"`
	ReadSeq        int64     `json:"readSeq"` // one's mark
	LastAt         time.Time `json:"lastAt"`
	LastMessage    *Message  `json:"lastMessage"`
	Unread         int       `json:"unread"`
	Mentions       int       `json:"mentions"`
}

// Peer is the other side of a direct conversation.
type Peer struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Login    string `json:"login,omitempty"` // of an account on the server
}

// MarkRead marks messages as read, and all before them. Their senders are told.
func (c *Client) MarkRead(ctx context.Context, messageIDs ...string) error {
	return tell(ctx, c, "message:read", struct {
		MessageIDs []string `json:"messageIds"`
	}{messageIDs})
}

// MarkConversation moves one's mark up to seq. Nobody else is told.
func (c *Client) MarkConversation(ctx context.Context, conversationID string, seq int64) error {
	return tell(ctx, c, "conversation:read", struct {
		ConversationID string `json:"conversationId"`
		Seq            int64  `json:"seq"`
	}{conversationID, seq})
}

// ConversationPage is some conversations, the latest first. Next is empty on the last
// page.
type ConversationPage struct {
	Conversations []Conversation `json:"conversations"`
	Next          string         `json:"next,omitempty"`
}

// Conversations lists one's conversations; after is the Next of the page before, limit
// is at most 100, 0 is 50.
func (c *Client) Conversations(ctx context.Context, after string, limit int) (ConversationPage, error) {
	return ask[ConversationPage](ctx, c, "conversation:list", struct {
		After string `json:"after,omitempty"`
		Limit int    `json:"limit,omitempty"`
	}{after, limit})
}

// Synced is what happened since a client last looked.
type Synced struct {
	Epoch         string             `json:"epoch"` // of the server's database: another one after a restore
	Conversations map[string]Catchup `json:"conversations"`
	New           []Conversation     `json:"new"` // those that were not named, at most 100
	More          bool               `json:"more"`
}

// Catchup is what happened in one conversation. Reset: too much, to be read from
// the history. Gone: one is in it no longer.
type Catchup struct {
	Gone     bool          `json:"gone,omitempty"`
	Reset    bool          `json:"reset,omitempty"`
	FirstSeq int64         `json:"firstSeq,omitempty"`
	Seq      int64         `json:"seq,omitempty"`
	ReadSeq  int64         `json:"readSeq,omitempty"`
	Events   []MissedEvent `json:"events,omitempty"`
}

// MissedEvent is an event of a sync, under the name and with the payload that it has
// live.
type MissedEvent struct {
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
}

type syncQuery struct {
	Conversations map[string]int64 `json:"conversations"`
	Epoch         string           `json:"epoch,omitempty"` // of which the seqs are
}

// Sync asks what happened after the seq of each conversation. The client does so
// by itself; this is for applications that look into a log of their own accord. The seqs
// are taken for those of the server's epoch of now, see [Client.Epoch].
func (c *Client) Sync(ctx context.Context, since map[string]int64) (Synced, error) {
	return ask[Synced](ctx, c, commandSync, syncQuery{Conversations: since})
}
