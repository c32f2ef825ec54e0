package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
)

var findRows = []row{
	declare("history", "Failed to load history", history),
	declare("thread", "Failed to load thread", thread),
	declare("message:search", "Failed to search messages", searchMessages),
}

type historyPayload struct {
	ConversationID string      `json:"conversationId"`
	RoomID         string      `json:"roomId"`
	UserID         chat.UserID `json:"userId"`
	Before         string      `json:"before"`
	After          string      `json:"after"`
	Limit          int         `json:"limit"`
}

type pageAck struct {
	accepted
	Messages []hub.Message `json:"messages"`
	More     bool          `json:"more"`
}

func history(ctx context.Context, c *call, p historyPayload) (pageAck, error) {
	page, err := c.table.Chat.History(ctx, c.Actor, chat.HistoryQuery(p))
	if err != nil {
		return pageAck{}, err
	}
	return pageAck{done, hub.MessagesOf(page.Messages), page.More}, nil
}

type threadPayload struct {
	MessageID string `json:"messageId"`
	Before    string `json:"before"`
	After     string `json:"after"`
	Limit     int    `json:"limit"`
}

type threadAck struct {
	pageAck
	Root *hub.Message `json:"root,omitempty"` // absent once retention has removed it
}

func thread(ctx context.Context, c *call, p threadPayload) (threadAck, error) {
	found, err := c.table.Chat.Thread(ctx, c.Actor, chat.ThreadQuery(p))
	if err != nil {
		return threadAck{}, err
	}
	answer := threadAck{pageAck: pageAck{done, hub.MessagesOf(found.Replies.Messages), found.Replies.More}}
	if found.Root != nil {
		root := hub.MessageOf(found.Root)
		answer.Root = &root
	}
	return answer, nil
}

type searchPayload struct {
	Query          string `json:"query"`
	ConversationID string `json:"conversationId"`
	Before         string `json:"before"`
	Limit          int    `json:"limit"`
}

func searchMessages(ctx context.Context, c *call, p searchPayload) (pageAck, error) {
	messages, more, err := c.table.Chat.SearchMessages(ctx, c.Actor, chat.SearchMessages(p))
	if err != nil {
		return pageAck{}, err
	}
	return pageAck{done, hub.MessagesOf(messages), more}, nil
}
