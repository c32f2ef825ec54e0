package rows

import (
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Summaries are the statements of lists of conversations as one user has them.
type Summaries struct {
	Last string // the newest message of each of a list of conversations
	Fill Fill
}

// Read reads conversations with their last messages, by a query for the columns of room, conversation, mark, the other side
// of a direct one, and what is unread.
func (s *Summaries) Read(each Each, query string, args ...any) ([]chat.Summary, error) {
	list, err := Collect(each, []chat.Summary{}, summary, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read conversations: %w", err)
	}
	return list, s.fillLast(each, list)
}

func summary(row Row) (chat.Summary, error) {
	var s chat.Summary
	var r chat.Room
	var peer chat.User
	var retention, createdAt, lastAt, peerSince int64
	err := row.Scan(&r.ID, &r.Name, &r.Description, (*string)(&r.Type), &r.MaxMembers,
		&r.Settings.AllowFileUpload, &r.Settings.AllowVoiceMessage, &retention, (*string)(&r.CreatedBy), &createdAt, &r.MemberCount,
		&s.ConversationID, &s.FirstSeq, &s.Seq, &lastAt, &s.Mark,
		(*string)(&peer.ID), &peer.Name, &peer.Login, &peerSince, &s.Unread, &s.Mentions)
	if err != nil {
		return s, err
	}
	s.LastAt = Instant(lastAt)
	if r.ID != "" {
		r.ConversationID, r.CreatedAt = s.ConversationID, Instant(createdAt)
		r.Settings.MessageRetention = time.Duration(retention) * time.Millisecond
		s.Room = &r
	}
	if peer.ID != "" {
		peer.CreatedAt = InstantOrZero(peerSince)
		s.Peer = &peer
	}
	return s, nil
}

// fillLast adds the newest message of each conversation.
func (s *Summaries) fillLast(each Each, list []chat.Summary) error {
	ids := make([]string, len(list))
	at := make(map[string]int, len(list))
	for i := range list {
		ids[i] = list[i].ConversationID
		at[ids[i]] = i
	}
	last, err := Messages(each, s.Last, ids)
	if err != nil {
		return fmt.Errorf("read last messages: %w", err)
	}
	err = s.Fill(each, last)
	for i := range last {
		list[at[last[i].ConversationID]].Last = &last[i]
	}
	return err
}

// Heads reads where logs end, and which of them are rooms'.
func Heads(each Each, query string, args ...any) ([]chat.Head, error) {
	return Collect(each, []chat.Head{}, func(row Row) (h chat.Head, err error) {
		err = row.Scan(&h.ConversationID, &h.Seq, &h.Audience.RoomID)
		return h, err
	}, query, args...)
}

// AddSides adds to each direct conversation its two sides, which never change, by a query for the conversation and the user
// of each member of a list of conversations.
func AddSides(each Each, query string, heads []chat.Head) ([]chat.Head, error) {
	var direct []string
	at := make(map[string]int)
	for i := range heads {
		if heads[i].Audience.RoomID == "" {
			direct = append(direct, heads[i].ConversationID)
			at[heads[i].ConversationID] = i
		}
	}
	if len(direct) == 0 {
		return heads, nil
	}
	err := each(func(row Row) error {
		var id string
		var user chat.UserID
		err := row.Scan(&id, &user)
		to := &heads[at[id]].Audience
		to.Users = append(to.Users, user)
		return err
	}, query, direct)
	return heads, err
}
