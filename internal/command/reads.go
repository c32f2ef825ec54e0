package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/hub"
)

var readRows = []row{
	declare("message:read", "Failed to mark messages as read", markRead),
	declare("conversation:read", "Failed to mark conversation as read", markConversation),
	declare("conversation:list", "Failed to list conversations", listConversations),
	declare("sync", "Failed to sync", synchronize),
}

type markReadPayload struct {
	MessageIDs []string `json:"messageIds"`
}

func markRead(ctx context.Context, c *call, p markReadPayload) (accepted, error) {
	_, err := c.table.Chat.MarkRead(ctx, c.Actor, p.MessageIDs)
	return done, err
}

type markConversationPayload struct {
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq"`
}

func markConversation(ctx context.Context, c *call, p markConversationPayload) (accepted, error) {
	return done, c.table.Chat.MarkConversation(ctx, c.Actor, p.ConversationID, p.Seq)
}

type listConversationsPayload struct {
	After string `json:"after"`
	Limit int    `json:"limit"`
}

type conversationsAck struct {
	accepted
	Conversations []hub.Conversation `json:"conversations"`
	Next          string             `json:"next,omitempty"` // absent on the last page
}

func listConversations(ctx context.Context, c *call, p listConversationsPayload) (conversationsAck, error) {
	page, err := c.table.Chat.Conversations(ctx, c.Actor, p.After, p.Limit)
	if err != nil {
		return conversationsAck{}, err
	}
	return conversationsAck{done, hub.ConversationsOf(page.Conversations), page.Next}, nil
}

type syncPayload struct {
	Conversations map[string]int64 `json:"conversations"`
}

type syncAck struct {
	accepted
	Conversations map[string]hub.Catchup `json:"conversations"`
	New           []hub.Conversation     `json:"new"`
	More          bool                   `json:"more"`
}

func synchronize(ctx context.Context, c *call, p syncPayload) (syncAck, error) {
	synced, err := c.table.Chat.Sync(ctx, c.Actor, p.Conversations)
	if err != nil {
		return syncAck{}, err
	}
	answer := syncAck{
		accepted: done, More: synced.More,
		Conversations: make(map[string]hub.Catchup, len(synced.Conversations)), New: hub.ConversationsOf(synced.New),
	}
	for i := range synced.Conversations {
		answer.Conversations[synced.Conversations[i].ConversationID] = hub.CatchupOf(&synced.Conversations[i])
	}
	return answer, nil
}
