package httpapi

import (
	"context"
	"net/http"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/wire"
)

func (a *API) serverRooms() []operation {
	return []operation{
		operate(operation{
			method: http.MethodPost, path: "/server/rooms", id: "createServerRoom", tag: tagServer, needs: backend(account.ScopeRooms),
			status: http.StatusCreated, location: roomLocation,
			summary: "Create a room", details: "For a user, who is its first member and admin.",
			example: `{"ownerId": "ada", "id": "team", "name": "The team", "type": "private"}`,
		}, a.createServerRoom),
		operate(operation{
			method: http.MethodPost, path: "/server/rooms/{roomId}/members", id: "addMembers", tag: tagServer, needs: backend(account.ScopeRooms),
			summary: "Add members to a room", details: "Up to 1,000 at once, all by one event, without invitation. Who is a member or banned is passed over; if the others do not all fit, nobody is added. The answer has who was added.",
			example: `{"userIds": ["grace", "edsger"]}`,
		}, a.addMembers),
		operate(operation{
			method: http.MethodDelete, path: "/server/rooms/{roomId}/members/{userId}", id: "removeMember", tag: tagServer, needs: backend(account.ScopeRooms),
			summary: "Remove a member from a room", details: "As if the user had left.",
		}, a.removeMember),
		operate(operation{
			method: http.MethodPost, path: "/server/rooms/{roomId}/messages", id: "postToRoom", tag: tagServer, needs: backend(account.ScopeMessages),
			status:  http.StatusCreated,
			summary: "Post a message to a room", details: "As a user, who must be a member, or without `senderId` as the system: a message of type `system`, without reply or attachments. The same `clientMsgId` again gives the same answer and posts nothing.",
			example: `{"content": "The kitchen opens at noon.", "clientMsgId": "kitchen-2026-11-23"}`,
		}, a.postToRoom),
		operate(operation{
			method: http.MethodPost, path: "/server/users/{userId}/messages", id: "postToUser", tag: tagServer, needs: backend(account.ScopeMessages),
			status: http.StatusCreated, renamed: map[string]string{"userId": "recipientId"},
			summary: "Post a direct message", details: "As another user, by the rules for that user.",
			example: `{"senderId": "grace", "content": "Your order is on its way."}`,
		}, a.postToUser),
	}
}

type serverRoomPayload struct {
	OwnerID     chat.UserID   `json:"ownerId"`
	ID          string        `json:"id" need:"optional" doc:"The id; the server makes one if there is none."`
	Name        string        `json:"name"`
	Description string        `json:"description" need:"optional"`
	Type        chat.RoomType `json:"type" default:"public" doc:"Who can find and join it: all; who is invited; or who is invited, unlisted."`
	MaxMembers  int           `json:"maxMembers" default:"100"`
}

type roomAnswer struct {
	Room wire.Room `json:"room"`
}

func (a *API) createServerRoom(ctx context.Context, _ *caller, p serverRoomPayload) (roomAnswer, error) {
	owner, err := a.actorOf(ctx, p.OwnerID, "ownerId")
	if err != nil {
		return roomAnswer{}, err
	}
	room, err := a.deps.Chat.CreateRoom(ctx, owner, chat.CreateRoom{
		ID: p.ID, Name: p.Name, Description: p.Description, Type: p.Type, MaxMembers: p.MaxMembers, ByBackend: true,
	})
	return roomAnswer{wire.RoomOf(&room)}, err
}

// actorOf is a user for whom the backend does something; field is where the request names the user.
func (a *API) actorOf(ctx context.Context, id chat.UserID, field string) (chat.Actor, error) {
	user, err := a.deps.Accounts.User(ctx, id)
	if err != nil {
		return chat.Actor{}, inField(err, "userId", field)
	}
	return chat.Actor{ID: user.ID, Name: user.Name}, nil
}

type addMembersPayload struct {
	RoomID  string        `json:"roomId"`
	UserIDs []chat.UserID `json:"userIds" min:"1" max:"1000"`
}

type addMembersAnswer struct {
	Added []chat.UserID `json:"added"`
}

func (a *API) addMembers(ctx context.Context, _ *caller, p addMembersPayload) (addMembersAnswer, error) {
	system := chat.Actor{ID: chat.SystemUser, Name: string(chat.SystemUser)}
	added, err := a.deps.Chat.AddMembers(ctx, system, p.RoomID, p.UserIDs)
	return addMembersAnswer{append([]chat.UserID{}, added...)}, err
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
	_, err = a.deps.Chat.LeaveRoom(ctx, member, p.RoomID)
	return nothing{}, err
}

type postPayload struct {
	Content     string           `json:"content"`
	Type        chat.MessageType `json:"type" default:"text" doc:"What it is."`
	ClientMsgID string           `json:"clientMsgId" need:"optional"`
	ReplyTo     string           `json:"replyTo" need:"optional"`
	Attachments []string         `json:"attachments" need:"optional" max:"10"`
}

type messageAnswer struct {
	Message wire.Message `json:"message"`
}

func messageOf(m chat.Message, err error) (messageAnswer, error) {
	return messageAnswer{wire.MessageOf(&m)}, err
}

type postToRoomPayload struct {
	RoomID   string      `json:"roomId"`
	SenderID chat.UserID `json:"senderId" need:"optional" doc:"The id of who says it; without it, it is the system."`
	postPayload
}

func (a *API) postToRoom(ctx context.Context, _ *caller, p postToRoomPayload) (messageAnswer, error) {
	if p.SenderID == "" {
		return messageOf(a.deps.Chat.PostSystem(ctx, chat.PostSystem{RoomID: p.RoomID, Content: p.Content, ClientMsgID: p.ClientMsgID}))
	}
	sender, err := a.actorOf(ctx, p.SenderID, "senderId")
	if err != nil {
		return messageAnswer{}, err
	}
	return messageOf(a.deps.Chat.SendToRoom(ctx, sender, chat.SendToRoom{
		RoomID: p.RoomID, Content: p.Content, Type: p.Type, ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo, Attachments: p.Attachments,
	}))
}

type postToUserPayload struct {
	RecipientID chat.UserID `json:"recipientId"`
	SenderID    chat.UserID `json:"senderId"`
	postPayload
}

func (a *API) postToUser(ctx context.Context, _ *caller, p postToUserPayload) (messageAnswer, error) {
	sender, err := a.actorOf(ctx, p.SenderID, "senderId")
	if err != nil {
		return messageAnswer{}, err
	}
	return messageOf(a.deps.Chat.SendDirect(ctx, sender, chat.SendDirect{
		RecipientID: p.RecipientID, Content: p.Content, Type: p.Type, ClientMsgID: p.ClientMsgID, ReplyTo: p.ReplyTo,
		Attachments: p.Attachments,
	}))
}
