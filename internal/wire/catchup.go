package wire

import "github.com/sockeye-im/sockeye/internal/chat"

// Conversation is a conversation in a list, as it travels. It has a room or a
// peer.
type Conversation struct {
	ConversationID string   `json:"conversationId"`
	Room           *Room    `json:"room,omitempty"`
	Peer           *Peer    `json:"peer,omitempty"`
	FirstSeq       int64    `json:"firstSeq"`
	Seq            int64    `json:"seq"`
	ReadSeq        int64    `json:"readSeq"`
	LastAt         Time     `json:"lastAt"`
	LastMessage    *Message `json:"lastMessage"`
	Unread         int      `json:"unread"`
	Mentions       int      `json:"mentions"`
}

// Peer is the other side of a direct conversation.
type Peer struct {
	UserID   chat.UserID `json:"userId"`
	Username string      `json:"username"`
	Login    string      `json:"login,omitempty"` // of a local account
}

// ConversationsOf are conversations as they travel.
func ConversationsOf(summaries []chat.Summary) []Conversation {
	return allOf(summaries, conversationOf)
}

func conversationOf(s *chat.Summary) Conversation {
	out := Conversation{
		ConversationID: s.ConversationID, FirstSeq: s.FirstSeq, Seq: s.Seq, ReadSeq: s.Mark,
		LastAt: Time(s.LastAt), Unread: s.Unread, Mentions: s.Mentions,
	}
	if s.Room != nil {
		out.Room = new(RoomOf(s.Room))
	}
	if s.Peer != nil {
		out.Peer = &Peer{UserID: s.Peer.ID, Username: s.Peer.Name, Login: s.Peer.Login}
	}
	if s.Last != nil {
		out.LastMessage = new(MessageOf(s.Last))
	}
	return out
}

// Catchup is what happened in one conversation since a client last heard of it.
type Catchup struct {
	Gone     bool    `json:"gone,omitempty"`
	Reset    bool    `json:"reset,omitempty"`
	FirstSeq int64   `json:"firstSeq,omitempty"`
	Seq      int64   `json:"seq,omitempty"`
	ReadSeq  int64   `json:"readSeq,omitempty"`
	Events   []Event `json:"events,omitempty"`
}

// CatchupOf is s as it travels.
func CatchupOf(s *chat.SyncedConversation) Catchup {
	out := Catchup{Gone: s.Gone, Reset: s.Reset, FirstSeq: s.FirstSeq, Seq: s.Seq, ReadSeq: s.Mark}
	for i := range s.Events {
		if event, ok := EventOf(&s.Events[i]); ok {
			out.Events = append(out.Events, event)
		}
	}
	return out
}

// Epoch names the life of the server's database, as it travels. A client that knows another
// one has seen what is not there any more.
type Epoch struct {
	Epoch string `json:"epoch"`
	// Node is the id of the server among those that have the database; empty where there can be one.
	Node string `json:"node,omitempty"`
}

// Leaving is what a device is told before its node ends the connection because it goes, and others stay.
type Leaving struct {
	Node        string `json:"node"`        // the one that goes
	ReturnAfter int64  `json:"returnAfter"` // milliseconds to wait before coming back
}

// Head is how far the log of a conversation goes, as it travels.
type Head struct {
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq"`
}

// HeadOf is h as it travels.
func HeadOf(h *chat.Head) Head { return Head{ConversationID: h.ConversationID, Seq: h.Seq} }

// HeadsOf are heads as they travel.
func HeadsOf(heads []chat.Head) []Head {
	return allOf(heads, HeadOf)
}
