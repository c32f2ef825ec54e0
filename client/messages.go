package client

import (
	"context"
	"time"
)

// Message is a message. A tombstone is Deleted, with empty Content.
type Message struct {
	ID             string              `json:"id"`
	ConversationID string              `json:"conversationId"`
	RoomID         string              `json:"roomId,omitempty"`      // of a room's message
	RecipientID    string              `json:"recipientId,omitempty"` // of a direct one
	SenderID       string              `json:"senderId"`
	SenderUsername string              `json:"senderUsername"`
	Content        string              `json:"content"`
	Type           string              `json:"type"` // text, image, video, audio, voice, file, system
	Timestamp      time.Time           `json:"timestamp"`
	Seq            int64               `json:"seq"` // of its creation
	Edited         bool                `json:"edited"`
	EditedAt       *time.Time          `json:"editedAt,omitempty"`
	Deleted        bool                `json:"deleted,omitempty"`
	Reactions      map[string][]string `json:"reactions"` // users by emoji
	ReplyTo        *string             `json:"replyTo"`
	ThreadID       string              `json:"threadId,omitempty"`
	Attachments    []File              `json:"attachments"`
	Mentions       []string            `json:"mentions,omitempty"`
	PinnedAt       *time.Time          `json:"pinnedAt,omitempty"`
	PinnedBy       string              `json:"pinnedBy,omitempty"`
	ClientMsgID    string              `json:"clientMsgId,omitempty"`
	Names          Names               `json:"names,omitempty"` // of Mentions, Reactions and PinnedBy
}

// File is what a message carries. Addresses are relative to the server's; those of what was not made are empty.
type File struct {
	ID           string       `json:"id"`
	OriginalName string       `json:"originalName"` // as its uploader calls it
	Filename     string       `json:"filename"`     // of letters and digits, with an ending for its type
	Mimetype     string       `json:"mimetype"`     // what its bytes are
	Size         int64        `json:"size"`         // bytes
	UploadedBy   string       `json:"uploadedBy"`
	UploadedAt   time.Time    `json:"uploadedAt"`
	Processed    bool         `json:"processed"` // nothing more is made of it
	Metadata     FileMetadata `json:"metadata"`
	URL          string       `json:"url"`
	Thumbnail    string       `json:"thumbnail,omitempty"`
	Compressed   string       `json:"compressed,omitempty"`
	Preview      string       `json:"preview,omitempty"`
	Blurhash     string       `json:"blurhash,omitempty"` // what to show of a picture until it has come, see https://blurha.sh
}

// FileMetadata is what is known of the content of a file; what is not is zero.
type FileMetadata struct {
	Width      int     `json:"width,omitempty"`  // pixels
	Height     int     `json:"height,omitempty"` // pixels
	Format     string  `json:"format,omitempty"`
	Duration   float64 `json:"duration,omitempty"`   // seconds
	Bitrate    int     `json:"bitrate,omitempty"`    // bits a second
	SampleRate int     `json:"sampleRate,omitempty"` // a second
}

// Named is how a user is called.
type Named struct {
	Username string `json:"username"`        // for display
	Login    string `json:"login,omitempty"` // of an account on the server
}

// Names are how users are called who stand beside them by their ids alone. Who is not
// known to the server is not in it.
type Names map[string]Named

// Place is the conversation and the seq of the message's creation.
func (m *Message) Place() (conversation string, seq int64) { return m.ConversationID, m.Seq }

// Draft is what a message says.
type Draft struct {
	Content     string   `json:"content"`
	Type        string   `json:"type,omitempty"`        // text if empty
	ClientMsgID string   `json:"clientMsgId,omitempty"` // made by the client if empty
	ReplyTo     string   `json:"replyTo,omitempty"`     // a message of the same conversation
	Attachments []string `json:"attachments,omitempty"` // ids of files
}

// DirectDraft is a message to a user.
type DirectDraft struct {
	RecipientID string `json:"recipientId"`
	Draft
}

// RoomDraft is a message to a room.
type RoomDraft struct {
	RoomID string `json:"roomId"`
	Draft
}

// Sent says where a message is stored.
type Sent struct {
	ID             string    `json:"id"`
	RecipientID    string    `json:"recipientId,omitempty"`
	RoomID         string    `json:"roomId,omitempty"`
	Timestamp      time.Time `json:"timestamp"`
	ConversationID string    `json:"conversationId"`
	Seq            int64     `json:"seq"`
	ClientMsgID    string    `json:"clientMsgId,omitempty"`
}

// SendDirect queues a message to a user and waits until it is stored. When ctx ends
// before, the message stays in the queue and goes out all the same.
func (c *Client) SendDirect(ctx context.Context, d DirectDraft) (Sent, error) {
	return c.send(ctx, Outgoing{RecipientID: d.RecipientID, Draft: d.Draft})
}

// SendToRoom queues a message to a room, like SendDirect.
func (c *Client) SendToRoom(ctx context.Context, d RoomDraft) (Sent, error) {
	return c.send(ctx, Outgoing{RoomID: d.RoomID, Draft: d.Draft})
}

type messageQuery struct {
	MessageID string `json:"messageId"`
}

type messageAnswer struct {
	Message Message `json:"message"`
}

// EditMessage changes the text of one's own message.
func (c *Client) EditMessage(ctx context.Context, messageID, content string) (Message, error) {
	a, err := ask[messageAnswer](ctx, c, "message:edit", struct {
		MessageID string `json:"messageId"`
		Content   string `json:"content"`
	}{messageID, content})
	return a.Message, err
}

// DeleteMessage leaves a tombstone, which it returns.
func (c *Client) DeleteMessage(ctx context.Context, messageID string) (Message, error) {
	a, err := ask[messageAnswer](ctx, c, "message:delete", messageQuery{messageID})
	return a.Message, err
}

// PinMessage pins a message.
func (c *Client) PinMessage(ctx context.Context, messageID string) (Message, error) {
	a, err := ask[messageAnswer](ctx, c, "message:pin", messageQuery{messageID})
	return a.Message, err
}

// UnpinMessage takes the pin off.
func (c *Client) UnpinMessage(ctx context.Context, messageID string) (Message, error) {
	a, err := ask[messageAnswer](ctx, c, "message:unpin", messageQuery{messageID})
	return a.Message, err
}

// Where names a conversation by one of its ids.
type Where struct {
	ConversationID string `json:"conversationId,omitempty"`
	RoomID         string `json:"roomId,omitempty"`
	UserID         string `json:"userId,omitempty"` // the other side of a direct conversation
}

// PinnedMessages returns the pinned messages of a conversation, oldest first.
func (c *Client) PinnedMessages(ctx context.Context, at Where) ([]Message, error) {
	a, err := ask[struct {
		Messages []Message `json:"messages"`
	}](ctx, c, "message:pins", at)
	return a.Messages, err
}

type reactionQuery struct {
	MessageID string `json:"messageId"`
	Emoji     string `json:"emoji"`
}

// AddReaction adds one's own emoji to a message.
func (c *Client) AddReaction(ctx context.Context, messageID, emoji string) error {
	return tell(ctx, c, "reaction:add", reactionQuery{messageID, emoji})
}

// RemoveReaction takes one's own emoji off again.
func (c *Client) RemoveReaction(ctx context.Context, messageID, emoji string) error {
	return tell(ctx, c, "reaction:remove", reactionQuery{messageID, emoji})
}

// Span says which messages of many: at most one of Before and After, ids of
// messages.
type Span struct {
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	Limit  int    `json:"limit,omitempty"` // at most 100; 0: as many as the server likes
}

// Page is some messages of many.
type Page struct {
	Messages []Message `json:"messages"`
	More     bool      `json:"more"`
}

// History returns messages of a conversation, oldest first.
func (c *Client) History(ctx context.Context, at Where, s Span) (Page, error) {
	return ask[Page](ctx, c, "history", struct {
		Where
		Span
	}{at, s})
}

// Thread is a message with its replies.
type Thread struct {
	Root *Message `json:"root,omitempty"` // nil once retention has removed it
	Page
}

// Thread returns the replies of a thread, oldest first; messageID is the root or any
// reply.
func (c *Client) Thread(ctx context.Context, messageID string, s Span) (Thread, error) {
	return ask[Thread](ctx, c, "thread", struct {
		messageQuery
		Span
	}{messageQuery{messageID}, s})
}

// MessageSearch says what to look for.
type MessageSearch struct {
	Query          string `json:"query"`
	ConversationID string `json:"conversationId,omitempty"` // empty: in all
	Before         string `json:"before,omitempty"`         // a message id
	Limit          int    `json:"limit,omitempty"`          // at most 100; 0 is 20
}

// SearchMessages finds messages that have all words, newest first.
func (c *Client) SearchMessages(ctx context.Context, s MessageSearch) (Page, error) {
	return ask[Page](ctx, c, "message:search", s)
}
