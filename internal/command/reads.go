package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/wire"
)

var readRows = []row{
	declare("message:read", "Failed to mark messages as read", markRead),
	declare("conversation:read", "Failed to mark conversation as read", markConversation),
	declare("conversation:list", "Failed to list conversations", listConversations),
	declare("sync", "Failed to sync", synchronize),
}

type markReadPayload struct {
	MessageIDs []string `json:"messageIds" min:"1" max:"1000"`
}

func markRead(ctx context.Context, c *call, p markReadPayload) (accepted, error) {
	_, err := c.table.deps.Chat.MarkRead(ctx, c.Actor, p.MessageIDs)
	return done, err
}

type markConversationPayload struct {
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq"`
}

func markConversation(ctx context.Context, c *call, p markConversationPayload) (accepted, error) {
	return done, c.table.deps.Chat.MarkConversation(ctx, c.Actor, p.ConversationID, p.Seq)
}

type listConversationsPayload struct {
	After string `json:"after" need:"optional"`
	Limit int    `json:"limit" default:"50" max:"100"`
}

type conversationsAck struct {
	accepted
	Conversations []wire.Conversation `json:"conversations"`
	Next          string              `json:"next,omitempty"` // absent on the last page
}

func listConversations(ctx context.Context, c *call, p listConversationsPayload) (conversationsAck, error) {
	page, err := c.table.deps.Chat.Conversations(ctx, c.Actor, p.After, p.Limit)
	return conversationsAck{done, wire.ConversationsOf(page.Conversations), page.Next}, err
}

type syncPayload struct {
	Conversations map[string]int64 `json:"conversations" max:"1000" doc:"The last seq that the client has, by the ids of conversations."`
	Epoch         string           `json:"epoch" need:"optional" doc:"The epoch of the answer or the event that the seqs are from; without it they are taken for those of now."`
}

type syncAck struct {
	accepted
	Epoch         string                  `json:"epoch"`
	Conversations map[string]wire.Catchup `json:"conversations"`
	New           []wire.Conversation     `json:"new"`
	More          bool                    `json:"more"`
}

func synchronize(ctx context.Context, c *call, p syncPayload) (syncAck, error) {
	synced, err := c.table.deps.Chat.Sync(ctx, c.Actor, p.Conversations, p.Epoch)
	answer := syncAck{
		accepted: done, Epoch: synced.Epoch, More: synced.More,
		Conversations: make(map[string]wire.Catchup, len(synced.Conversations)), New: wire.ConversationsOf(synced.New),
	}
	for i := range synced.Conversations {
		answer.Conversations[synced.Conversations[i].ConversationID] = wire.CatchupOf(&synced.Conversations[i])
	}
	return answer, err
}
