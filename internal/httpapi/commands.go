package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/sockeye-im/sockeye/internal/command"
)

// commandOperations are the routes whose command there is.
func (a *API) commandOperations() []operation {
	var all []operation
	for _, routes := range [][]route{roomRoutes, memberRoutes, messageRoutes, scheduleRoutes, conversationRoutes, peopleRoutes} {
		for i := range routes {
			r := &routes[i]
			if shape, there := command.Describe(r.command); there {
				all = append(all, a.command(r, shape))
			}
		}
	}
	return all
}

// route is a method and a path that stand for a command of users.
type route struct {
	command string
	operation
}

// command makes an operation of a route.
func (a *API) command(r *route, shape command.Shape) operation {
	op := r.operation
	op.needs, op.shape, op.acknowledged = aUser, shape, true
	op.run = func(ctx context.Context, c *caller, decode command.Decode) (any, error) {
		asks := &command.Caller{Actor: c.actor()}
		answer, refusal := a.deps.Commands.Run(ctx, asks, r.command, decode)
		if refusal != nil {
			return nil, refused{refusal}
		}
		return answer, nil
	}
	return op
}

var roomRoutes = []route{
	{"room:create", operation{
		method: http.MethodPost, path: "/rooms", id: "createRoom", tag: tagRooms, status: http.StatusCreated,
		summary: "Create a room", details: "The caller is its first member and admin.",
		location: roomLocation,
		example:  `{"id": "lunch", "name": "Lunch", "description": "Where and when", "type": "public", "maxMembers": 50}`,
	}},
	{"room:list", operation{
		method: http.MethodGet, path: "/rooms", id: "listRooms", tag: tagRooms, cached: true, pages: afterNext,
		summary: "List rooms", details: "The public ones, those of the caller, or those that the caller is invited to; by their ids, without lists of members.",
	}},
	{"room:get", operation{
		method: http.MethodGet, path: "/rooms/{roomId}", id: "getRoom", tag: tagRooms, cached: true,
		summary: "Get a room", details: "Members see who is in it, up to 100 members. Others see public rooms, and those that they are invited to, without the lists.",
	}},
	{"room:update", operation{
		method: http.MethodPatch, path: "/rooms/{roomId}", id: "updateRoom", tag: tagRooms,
		summary: "Change a room", details: "What is left out stays as it is. For its admins.",
		example: `{"description": "Where, when and what", "settings": {"messageRetention": 90}}`,
	}},
	{"room:delete", operation{
		method: http.MethodDelete, path: "/rooms/{roomId}", id: "deleteRoom", tag: tagRooms,
		summary: "Delete a room", details: "With everything that was said in it. For its admins.",
	}},
	{"room:search", operation{
		method: http.MethodGet, path: "/search/rooms", id: "searchRooms", tag: tagRooms,
		summary: "Find rooms", details: "Public rooms with the query in their name or description, whatever the case, by their ids.",
	}},
}

// roomLocation is where the room of an answer is.
func roomLocation(body []byte) string {
	var created struct {
		Room struct {
			ID string `json:"id"`
		} `json:"room"`
	}
	_ = json.Unmarshal(body, &created) // the server's own
	return "/rooms/" + url.PathEscape(created.Room.ID)
}

var memberRoutes = []route{
	{"room:members", operation{
		method: http.MethodGet, path: "/rooms/{roomId}/members", id: "listMembers", tag: tagMembers, cached: true, pages: afterNext,
		summary: "List the members of a room", details: "By their ids. For members.",
	}},
	{"room:join", operation{
		method: http.MethodPost, path: "/rooms/{roomId}/join", id: "joinRoom", tag: tagMembers,
		summary: "Join a room", details: "With the last 50 messages. Who is a member already gets the same answer.",
	}},
	{"room:leave", operation{
		method: http.MethodPost, path: "/rooms/{roomId}/leave", id: "leaveRoom", tag: tagMembers,
		summary: "Leave a room", details: "Without an admin left, the oldest member becomes one.",
	}},
	{"room:kick", operation{
		method: http.MethodDelete, path: "/rooms/{roomId}/members/{userId}", id: "kickMember", tag: tagMembers,
		summary: "Remove a member", details: "For admins.",
	}},
	{"room:invite", operation{
		method: http.MethodPut, path: "/rooms/{roomId}/invitations/{userId}", id: "inviteUser", tag: tagMembers,
		summary: "Invite a user", details: "Permits to join a private room. For admins.",
	}},
	{"room:bans", operation{
		method: http.MethodGet, path: "/rooms/{roomId}/bans", id: "listBans", tag: tagMembers, cached: true, pages: afterNext,
		summary: "List those banned from a room", details: "By their ids. For admins.",
	}},
	{"room:ban", operation{
		method: http.MethodPut, path: "/rooms/{roomId}/bans/{userId}", id: "banUser", tag: tagMembers,
		summary: "Ban a user", details: "A member is removed; the user cannot join. For admins.",
	}},
	{"room:unban", operation{
		method: http.MethodDelete, path: "/rooms/{roomId}/bans/{userId}", id: "unbanUser", tag: tagMembers,
		summary: "Lift a ban", details: "For admins.",
	}},
	{"room:promote", operation{
		method: http.MethodPut, path: "/rooms/{roomId}/admins/{userId}", id: "promoteMember", tag: tagMembers,
		summary: "Make a member an admin", details: "For admins.",
	}},
	{"room:demote", operation{
		method: http.MethodDelete, path: "/rooms/{roomId}/admins/{userId}", id: "demoteMember", tag: tagMembers,
		summary: "Make an admin a plain member", details: "Not the last one. For admins.",
	}},
}

const exampleMessage = `{"content": "Noodles at noon?", "clientMsgId": "4f6c1b0e-9d1b-4c39-8f1e-2b1f4a0c7d55"}`

var messageRoutes = []route{
	{"room:message", operation{
		method: http.MethodPost, path: "/rooms/{roomId}/messages", id: "sendToRoom", tag: tagMessages, status: http.StatusCreated,
		summary: "Send a message to a room", details: "It is stored when the answer comes. The same `clientMsgId` again gives the same answer and sends nothing.",
		example: exampleMessage,
	}},
	{"message:send", operation{
		method: http.MethodPost, path: "/users/{userId}/messages", id: "sendToUser", tag: tagMessages, status: http.StatusCreated,
		renamed: map[string]string{"userId": "recipientId"},
		summary: "Send a message to a user", details: "It is stored when the answer comes. The same `clientMsgId` again gives the same answer and sends nothing.",
		example: exampleMessage,
	}},
	{"message:edit", operation{
		method: http.MethodPatch, path: "/messages/{messageId}", id: "editMessage", tag: tagMessages,
		summary: "Edit a message", details: "One's own, for some minutes.",
		example: `{"content": "Noodles at one?"}`,
	}},
	{"message:delete", operation{
		method: http.MethodDelete, path: "/messages/{messageId}", id: "deleteMessage", tag: tagMessages,
		summary: "Delete a message", details: "What stays is a tombstone without content. For its sender and the admins of its room.",
	}},
	{"message:pin", operation{
		method: http.MethodPut, path: "/messages/{messageId}/pin", id: "pinMessage", tag: tagMessages,
		summary: "Pin a message", details: "For the admins of a room, and either side of a direct conversation.",
	}},
	{"message:unpin", operation{
		method: http.MethodDelete, path: "/messages/{messageId}/pin", id: "unpinMessage", tag: tagMessages,
		summary: "Unpin a message", details: "For who may pin it.",
	}},
	{"reaction:add", operation{
		method: http.MethodPut, path: "/messages/{messageId}/reactions/{emoji}", id: "addReaction", tag: tagMessages,
		summary: "React to a message",
	}},
	{"reaction:remove", operation{
		method: http.MethodDelete, path: "/messages/{messageId}/reactions/{emoji}", id: "removeReaction", tag: tagMessages,
		summary: "Take a reaction back",
	}},
	{"thread", operation{
		method: http.MethodGet, path: "/messages/{messageId}/thread", id: "getThread", tag: tagMessages, pages: beforeFirst,
		summary: "Get a thread", details: "The message at its root and the replies, oldest first. Any message of the thread names it.",
	}},
	{"message:search", operation{
		method: http.MethodGet, path: "/search/messages", id: "searchMessages", tag: tagMessages, pages: beforeLast,
		summary: "Find messages", details: "Those with all words of the query in the caller's conversations, newest first.",
	}},
}

var scheduleRoutes = []route{
	{"message:schedule", operation{
		method: http.MethodPost, path: "/scheduled", id: "scheduleMessage", tag: tagMessages, status: http.StatusCreated,
		summary: "Schedule a message", details: "To a room or to a user, who may be written to now; it is sent at its time, when that is asked again. The same `clientMsgId` again gives the message that is scheduled under it, and schedules nothing. At most 100 for each user.",
		example: `{"roomId": "lunch", "content": "Happy new year!", "sendAt": "2027-01-01T00:00:00Z"}`,
	}},
	{"message:scheduled", operation{
		method: http.MethodGet, path: "/scheduled", id: "listScheduled", tag: tagMessages, cached: true,
		summary: "List the caller's scheduled messages", details: "By the time at which they are to be sent. One that could not be sent has the `state` `failed` and says why.",
	}},
	{"message:reschedule", operation{
		method: http.MethodPatch, path: "/scheduled/{scheduledId}", id: "rescheduleMessage", tag: tagMessages,
		summary: "Change a scheduled message", details: "Its text, its time or both; with `now` it is sent at once. One that could not be sent waits again.",
		example: `{"content": "A happy new year!"}`,
	}},
	{"message:unschedule", operation{
		method: http.MethodDelete, path: "/scheduled/{scheduledId}", id: "unscheduleMessage", tag: tagMessages,
		summary: "Cancel a scheduled message",
	}},
}

const (
	detailHistory = "The newest messages, or those next to a cursor; oldest first. `before` and `after` are ids of messages, at most one of the two."
	detailPins    = "Oldest first, at most 100."
)

var conversationRoutes = []route{
	{"conversation:list", operation{
		method: http.MethodGet, path: "/conversations", id: "listConversations", tag: tagConversations, cached: true, pages: afterNext,
		summary: "List the caller's conversations", details: "Where something happened last comes first. Each with its last message, the read mark and how much is unread.",
	}},
	{"history", operation{
		method: http.MethodGet, path: "/conversations/{conversationId}/messages", id: "getHistory", tag: tagConversations, pages: beforeFirst,
		summary: "Read a conversation", details: detailHistory,
	}},
	{"history", operation{
		method: http.MethodGet, path: "/rooms/{roomId}/messages", id: "getRoomHistory", tag: tagConversations, pages: beforeFirst,
		summary: "Read what was said in a room", details: detailHistory,
	}},
	{"history", operation{
		method: http.MethodGet, path: "/users/{userId}/messages", id: "getDirectHistory", tag: tagConversations, pages: beforeFirst,
		summary: "Read the conversation with a user", details: detailHistory,
	}},
	{"message:pins", operation{
		method: http.MethodGet, path: "/conversations/{conversationId}/pins", id: "getPins", tag: tagConversations,
		summary: "List the pinned messages of a conversation", details: detailPins,
	}},
	{"message:pins", operation{
		method: http.MethodGet, path: "/rooms/{roomId}/pins", id: "getRoomPins", tag: tagConversations,
		summary: "List the pinned messages of a room", details: detailPins,
	}},
	{"message:pins", operation{
		method: http.MethodGet, path: "/users/{userId}/pins", id: "getDirectPins", tag: tagConversations,
		summary: "List the pinned messages of the conversation with a user", details: detailPins,
	}},
	{"message:read", operation{
		method: http.MethodPost, path: "/messages/read", id: "markMessagesRead", tag: tagConversations,
		summary: "Mark messages as read", details: "And what came before them. Their senders are told, except in rooms of more than 100 members.",
	}},
	{"conversation:read", operation{
		method: http.MethodPut, path: "/conversations/{conversationId}/read", id: "markConversationRead", tag: tagConversations,
		summary: "Mark a conversation as read", details: "Up to a `seq`, never back. Nobody else is told.",
		example: `{"seq": 1}`,
	}},
	{"sync", operation{
		method: http.MethodPost, path: "/sync", id: "sync", tag: tagConversations,
		summary: "Catch up", details: "What came in each conversation after the last `seq` that the client has. At most 500 events and 512 KiB come at once, then `more` is true. Events are those of connections.",
		example: `{"conversations": {}}`,
	}},
}

var peopleRoutes = []route{
	{"user:get", operation{
		method: http.MethodGet, path: "/users/{userId}", id: "getUser", tag: tagPeople, cached: true,
		summary: "Get a user",
	}},
	{"user:search", operation{
		method: http.MethodGet, path: "/search/users", id: "searchUsers", tag: tagPeople,
		summary: "Find users", details: "Those whose login name, or a word of whose display name, begins with the query.",
	}},
	{"friend:list", operation{
		method: http.MethodGet, path: "/friends", id: "listFriends", tag: tagPeople, cached: true,
		summary: "List friends, requests and blocked users",
	}},
	{"friend:request", operation{
		method: http.MethodPut, path: "/friend-requests/{userId}", id: "requestFriend", tag: tagPeople,
		summary: "Ask a user for friendship", details: "Or accept, if the user has asked.",
	}},
	{"friend:accept", operation{
		method: http.MethodPost, path: "/friend-requests/{userId}/accept", id: "acceptFriend", tag: tagPeople,
		summary: "Accept a user's request",
	}},
	{"friend:decline", operation{
		method: http.MethodPost, path: "/friend-requests/{userId}/decline", id: "declineFriend", tag: tagPeople,
		summary: "Decline a user's request",
	}},
	{"friend:remove", operation{
		method: http.MethodDelete, path: "/friends/{userId}", id: "removeFriend", tag: tagPeople,
		summary: "End a friendship", details: "Or take one's own request back.",
	}},
	{"user:block", operation{
		method: http.MethodPut, path: "/blocks/{userId}", id: "blockUser", tag: tagPeople,
		summary: "Block a user", details: "Ends friendship and requests. The user is not told.",
	}},
	{"user:unblock", operation{
		method: http.MethodDelete, path: "/blocks/{userId}", id: "unblockUser", tag: tagPeople,
		summary: "Unblock a user",
	}},
	{"presence:get", operation{
		method: http.MethodGet, path: "/presence", id: "getPresence", tag: tagPeople,
		summary: "Ask whether users are online", details: "The caller and friends. Of others nothing is told.",
	}},
}
