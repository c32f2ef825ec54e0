package command

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/wire"
)

var findRows = []row{
	declare("history", "Failed to load history", history),
	declare("thread", "Failed to load thread", thread),
	declare("message:search", "Failed to search messages", searchMessages),
}

type historyPayload struct {
	ConversationID string      `json:"conversationId" need:"one"`
	RoomID         string      `json:"roomId" need:"one"`
	UserID         chat.UserID `json:"userId" need:"one"`
	Before         string      `json:"before" need:"either"`
	After          string      `json:"after" need:"either" doc:"The id of a message: what was said after it."`
	Limit          int         `json:"limit" default:"50" max:"100"`
}

type pageAck struct {
	accepted
	Messages []wire.Message `json:"messages"`
	More     bool           `json:"more"`
}

func history(ctx context.Context, c *call, p historyPayload) (pageAck, error) {
	page, err := c.table.deps.Chat.History(ctx, c.Actor, chat.HistoryQuery(p))
	return pageAck{done, wire.MessagesOf(page.Messages), page.More}, err
}

type threadPayload struct {
	MessageID string `json:"messageId"`
	Before    string `json:"before" need:"either"`
	After     string `json:"after" need:"either" doc:"The id of a message: what was said after it."`
	Limit     int    `json:"limit" default:"50" max:"100"`
}

type threadAck struct {
	pageAck
	Root *wire.Message `json:"root,omitempty"` // absent once retention has removed it
}

func thread(ctx context.Context, c *call, p threadPayload) (threadAck, error) {
	found, err := c.table.deps.Chat.Thread(ctx, c.Actor, chat.ThreadQuery(p))
	answer := threadAck{pageAck: pageAck{done, wire.MessagesOf(found.Replies.Messages), found.Replies.More}}
	if found.Root != nil {
		answer.Root = new(wire.MessageOf(found.Root))
	}
	return answer, err
}

type searchPayload struct {
	Query          string `json:"query"`
	ConversationID string `json:"conversationId" need:"optional"`
	Before         string `json:"before" need:"optional"`
	Limit          int    `json:"limit" default:"20" max:"100"`
}

func searchMessages(ctx context.Context, c *call, p searchPayload) (pageAck, error) {
	messages, more, err := c.table.deps.Chat.SearchMessages(ctx, c.Actor, chat.SearchMessages(p))
	return pageAck{done, wire.MessagesOf(messages), more}, err
}
