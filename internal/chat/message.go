package chat

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"
)

// The limits of a message beside its content.
const (
	// MaxAttachments is how many files a message may carry.
	MaxAttachments = 10
	// MaxFileID is the longest id of a file, in bytes.
	MaxFileID = 128
	// MaxMessageID is the longest id of a message, in bytes.
	MaxMessageID = 64
	// MaxClientMsgID is the longest id that a client gives a message, in bytes.
	MaxClientMsgID = 128
)

// MessageType says what a message is, so that clients know how to show it.
type MessageType string

// The types of messages.
const (
	TypeText  MessageType = "text"
	TypeImage MessageType = "image"
	TypeVideo MessageType = "video"
	TypeAudio MessageType = "audio"
	TypeVoice MessageType = "voice"
	TypeFile  MessageType = "file"
	// TypeSystem is the server's own; users cannot send it.
	TypeSystem MessageType = "system"
)

func (t MessageType) sendable() bool {
	switch t {
	case TypeText, TypeImage, TypeVideo, TypeAudio, TypeVoice, TypeFile:
		return true
	default:
		return false
	}
}

// Message is a stored message. Exactly one of RoomID and RecipientID is set.
type Message struct {
	ID             string
	ConversationID string
	RoomID         string
	RecipientID    UserID
	SenderID       UserID
	// SenderName is the sender's display name at the time of sending.
	SenderName  string
	Content     string
	Type        MessageType
	ClientMsgID string
	ReplyTo     string
	// ThreadID is the message at the root of the replies that this is one of; empty
	// if it is no reply.
	ThreadID    string
	Attachments []string
	// Files are those of Attachments that are known, in their order.
	Files []File
	// Mentions are the members that Content names as @login or @id.
	Mentions []UserID
	// Reactions are in the order of their first giving.
	Reactions []Reactions
	// Seq is the place of the message's creation in the conversation's log.
	Seq int64
	// Timestamp never goes backwards within a conversation; UTC, milliseconds.
	Timestamp time.Time
	// EditedAt and DeletedAt are zero unless it was. A deleted message is a
	// tombstone without content.
	EditedAt  time.Time
	DeletedAt time.Time
	// PinnedAt is zero, and PinnedBy empty, unless the message is pinned.
	PinnedAt time.Time
	PinnedBy UserID
	// Names are those of Mentions, Reactions and PinnedBy, see [Message.Nameless].
	Names Names
}

// Reactions are those to one message with one emoji. Users are the first
// [ListedMembers] of them by their ids, Count is all.
type Reactions struct {
	Emoji string
	Count int
	Users []UserID
}

// Draft is a message that passed validation and is about to be stored. A
// [Filter] may change Content, nothing else. Exactly one of RoomID and
// RecipientID is set.
type Draft struct {
	Sender      Actor
	RoomID      string
	RecipientID UserID
	Content     string
	Type        MessageType
	ReplyTo     string
	Attachments []string
}

// DirectID returns the id of the one conversation between two users, whichever
// comes first. It tells nothing about them to who does not know both ids.
func DirectID(a, b UserID) string {
	if b < a {
		a, b = b, a
	}
	digest := digestOf(string(a), string(b))
	return "dm:" + base64.RawURLEncoding.EncodeToString(digest[:18])
}

// fingerprint tells two drafts under one clientMsgId apart. Sender and
// conversation are compared by themselves and are not a part of it.
func (d *Draft) fingerprint() []byte {
	parts := append([]string{d.Content, string(d.Type), d.ReplyTo}, d.Attachments...)
	digest := digestOf(parts...)
	return digest[:16]
}

// digestOf hashes the parts with their lengths, so that no two lists of parts
// look the same.
func digestOf(parts ...string) [sha256.Size]byte {
	var buf []byte
	for _, p := range parts {
		buf = binary.AppendUvarint(buf, uint64(len(p)))
		buf = append(buf, p...)
	}
	return sha256.Sum256(buf)
}

// Repeats decides what a second use of a clientMsgId means, given what is stored
// under it: nil, if it is the same message again, else [ErrClientMsgIDReused]. A
// message without a stored fingerprint was deleted; its tombstone answers whatever
// the content was. Drivers call it inside the transaction.
func (c *Append) Repeats(stored *Sent) error {
	m := &c.Message
	sameTarget := stored.Message.RoomID == m.RoomID && stored.Message.RecipientID == m.RecipientID && !stored.Replaced
	sameContent := len(stored.Fingerprint) == 0 || slices.Equal(stored.Fingerprint, c.Fingerprint)
	if sameTarget && sameContent {
		return nil
	}
	return ErrClientMsgIDReused
}
