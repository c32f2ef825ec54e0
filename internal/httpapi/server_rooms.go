package httpapi

import (
	"context"
	"net/http"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
)

func (a *API) serverRooms() []operation {
	return []operation{
		operate(operation{
			method: http.MethodPost, path: "/server/rooms", id: "createServerRoom", tag: tagServer, needs: backend(account.ScopeRooms),
			status: http.StatusCreated, location: roomLocation,
			summary: "Create a room", details: "For a user, who is its first member and admin.",
			required: []string{"ownerId", "name"},
			example:  `{"ownerId": "ada", "id": "team", "name": "The team", "type": "private"}`,
		}, a.createServerRoom),
		operate(operation{
			method: http.MethodPost, path: "/server/rooms/{roomId}/members", id: "addMembers", tag: tagServer, needs: backend(account.ScopeRooms),
			summary: "Add members to a room", details: "Up to 1,000 at once, all by one event, without invitation. Who is a member or banned is passed over; if the others do not all fit, nobody is added. The answer has who was added.",
			required: []string{"userIds"}, example: `{"userIds": ["grace", "edsger"]}`,
		}, a.addMembers),
		operate(operation{
			method: http.MethodDelete, path: "/server/rooms/{roomId}/members/{userId}", id: "removeMember", tag: tagServer, needs: backend(account.ScopeRooms),
			summary: "Remove a member from a room", details: "As if the user had left.",
		}, a.removeMember),
		operate(operation{
			method: http.MethodPost, path: "/server/rooms/{roomId}/messages", id: "postToRoom", tag: tagServer, needs: backend(account.ScopeMessages),
			status:  http.StatusCreated,
			summary: "Post a message to a room", details: "As a user, who must be a member, or without `senderId` as the system: a message of type `system`, without reply or attachments. The same `clientMsgId` again gives the same answer and posts nothing.",
			required: []string{"content"}, example: `{"content": "The kitchen opens at noon.", "clientMsgId": "kitchen-2026-11-23"}`,
		}, a.postToRoom),
		operate(operation{
			method: http.MethodPost, path: "/server/users/{userId}/messages", id: "postToUser", tag: tagServer, needs: backend(account.ScopeMessages),
			status: http.StatusCreated, renamed: map[string]string{"userId": "recipientId"},
			summary: "Post a direct message", details: "As another user, by the rules for that user.",
			required: []string{"senderId", "content"}, example: `{"senderId": "grace", "content": "Your order is on its way."}`,
		}, a.postToUser),
	}
}

type serverRoomPayload struct {
	OwnerID     chat.UserID   `json:"ownerId"`
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	Type        chat.RoomType `json:"type"`
	MaxMembers  int           `json:"maxMembers"`
}

type roomAnswer struct {
	Room hub.Room `json:"room"`
}

func (a *API) createServerRoom(ctx context.Context, _ *caller, p serverRoomPayload) (roomAnswer, error) {
	owner, err := a.actorOf(ctx, p.OwnerID, "ownerId")
	if err != nil {
		return roomAnswer{}, err
	}
	room, err := a.Chat.CreateRoom(ctx, owner, chat.CreateRoom{
		ID: p.ID, Name: p.Name, Description: p.Description, Type: p.Type, MaxMembers: p.MaxMembers,
	})
	if err != nil {
		return roomAnswer{}, err
	}
	return roomAnswer{hub.RoomOf(&room)}, nil
}

// actorOf is a user for whom the backend does something; field is where the request names the user.
func (a *API) actorOf(ctx context.Context, id chat.UserID, field string) (chat.Actor, error) {
	user, err := a.Accounts.User(ctx, string(id))
	if err != nil {
		return chat.Actor{}, inField(err, "userId", field)
	}
	return chat.Actor{ID: chat.UserID(user.ID), Name: user.Name}, nil
}

type addMembersPayload struct {
	RoomID  string        `json:"roomId"`
	UserIDs []chat.UserID `json:"userIds"`
}

type addMembersAnswer struct {
	Added []chat.UserID `json:"added"`
}

func (a *API) addMembers(ctx context.Context, _ *caller, p addMembersPayload) (addMembersAnswer, error) {
	system := chat.Actor{ID: chat.SystemUser, Name: string(chat.SystemUser)}
	added, err := a.Chat.AddMembers(ctx, system, p.RoomID, p.UserIDs)
	if err != nil {
		return addMembersAnswer{}, err
	}
	return addMembersAnswer{append([]chat.UserID{}, added...)}, nil
}

type memberPayload struct {
	RoomID string      `json:"roomId"`
	UserID chat.UserID `json:"userId"`
}

func (a *API) removeMember(ctx context.Context, _ *caller, p memberPayload) (nothing, error) {
	member, err := a.actorOf(ctx, p.UserID, "userId")
	if err != nil {
		return nothing{}, err
	}
	_, err = a.Chat.LeaveRoom(ctx, member, p.RoomID)
	return nothing{}, err
}

type postPayload struct {
	SenderID    chat.UserID      `json:"senderId"`
	Content     string           `json:"content"`
	Type        chat.MessageType `json:"type"`
	ClientMsgID string           `json:"clientMsgId"`
	ReplyTo     string           `json:"replyTo"`
	Attachments []string         `json:"attachments"`
}

type messageAnswer struct {
	Message hub.Message `json:"message"`
}

func messageOf(m chat.Message, err error) (messageAnswer, error) {
	if err != nil {
		return messageAnswer{}, err
	}
	return messageAnswer{hub.MessageOf(&m)}, nil
}

type postToRoomPayload struct {
	RoomID string `json:"roomId"`
	postPayload
}

func (a *API) postToRoom(ctx context.Context, _ *caller, p postToRoomPayload) (messageAnswer, error) {
	if p.SenderID == "" {
		return messageOf(a.Chat.PostSystem(ctx, chat.PostSystem{RoomID: p.RoomID, Content: p.Content, ClientMsgID: p.ClientMsgID}))
	}
	sender, err := a.actorOf(ctx, p.SenderID, "senderId")
	if err != nil {
		return messageAnswer{}, err
	}
	return messageOf(a.Chat.SendToRoom(ctx, sender, chat.SendToRoom{
		RoomID: p.RoomID, Content: p.Content, Type: p.Type, ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo, Attachments: p.Attachments,
	}))
}

type postToUserPayload struct {
	RecipientID chat.UserID `json:"recipientId"`
	postPayload
}

func (a *API) postToUser(ctx context.Context, _ *caller, p postToUserPayload) (messageAnswer, error) {
	sender, err := a.actorOf(ctx, p.SenderID, "senderId")
	if err != nil {
		return messageAnswer{}, err
	}
	return messageOf(a.Chat.SendDirect(ctx, sender, chat.SendDirect{
		RecipientID: p.RecipientID, Content: p.Content, Type: p.Type, ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo,
		Attachments: p.Attachments,
	}))
}
