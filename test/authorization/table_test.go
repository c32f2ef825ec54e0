package authorization_test

import "testing"

// The refusals that the table has.
const (
	alreadyExists  = "room_exists"
	authentication = "authentication_failed"
	bannedFrom     = "banned"
	blockedByMe    = "user_blocked"
	invalidField   = "invalid_field"
	joinRefused    = "join_not_permitted"
	noConversation = "conversation_not_found"
	noDeletion     = "delete_not_permitted"
	noMessage      = "message_not_found"
	noPin          = "pin_not_permitted"
	noRequest      = "friend_request_not_found"
	notAdmin       = "not_admin"
	notFriends     = "not_friends"
	notInRoom      = "not_in_room"
	notOwn         = "not_own_message"
	notScheduled   = "scheduled_not_found"
	privateRoom    = "private_room"
)

// table is who may do what: for stranger, friend, blocked, banned, member, admin. It has at least one row for every
// command, and for every operation that stands for one.
var table = []row{
	// Messages to a user. Friends may, unless one blocks the other.
	{command: "message:send", http: "sendToUser", guide: "chat", at: inPair, payload: `{"recipientId":"$peer","content":"hello"}`,
		want: want{notFriends, done, notFriends, notFriends, notFriends, done}},
	{command: "message:send", http: "sendToUser", guide: "chat", at: inPair, payload: `{"recipientId":"$blocked","content":"hello"}`,
		want: want{notFriends, notFriends, invalidField, notFriends, notFriends, notFriends}},

	// Messages to a room are its members'.
	{command: "room:message", http: "sendToRoom", guide: "chat", at: inPrivate, payload: `{"roomId":"$room","content":"hello"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, done, done}},
	{command: "room:message", http: "sendToRoom", guide: "chat", at: inPublic, payload: `{"roomId":"$room","content":"hello"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, done, done}},

	// Who may write may do so later. What one has scheduled others do not see.
	{command: "message:schedule", http: "scheduleMessage", at: inPair, payload: `{"recipientId":"$peer","content":"hello","sendAt":"$later"}`,
		want: want{notFriends, unseen, notFriends, notFriends, notFriends, unseen}},
	{command: "message:schedule", http: "scheduleMessage", at: inPrivate, payload: `{"roomId":"$room","content":"hello","sendAt":"$later"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, unseen, unseen}},
	{command: "message:schedule", http: "scheduleMessage", at: inPublic, payload: `{"roomId":"$room","content":"hello","sendAt":"$later"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, unseen, unseen}},
	{command: "message:scheduled", http: "listScheduled", at: inPrivate, payload: `{}`,
		want: want{harmless, harmless, harmless, harmless, harmless, shown}},
	{command: "message:reschedule", http: "rescheduleMessage", at: inPrivate, payload: `{"scheduledId":"$scheduled","content":"other"}`,
		want: want{notScheduled, notScheduled, notScheduled, notScheduled, notScheduled, unseen}},
	{command: "message:unschedule", http: "unscheduleMessage", at: inPrivate, payload: `{"scheduledId":"$scheduled"}`,
		want: want{notScheduled, notScheduled, notScheduled, notScheduled, notScheduled, unseen}},

	// Only the sender edits, while in the conversation; the sender and the room's admins delete.
	{command: "message:edit", http: "editMessage", at: inPrivate, payload: `{"messageId":"$said","content":"other"}`,
		want: want{noMessage, noMessage, noMessage, noMessage, notOwn, done}},
	{command: "message:edit", http: "editMessage", at: inPrivate, payload: `{"messageId":"$own","content":"other"}`,
		want: want{noMessage, noMessage, noMessage, noMessage, done, notOwn}},
	{command: "message:edit", http: "editMessage", at: inPair, payload: `{"messageId":"$said","content":"other"}`,
		want: want{noMessage, notOwn, notOwn, noMessage, noMessage, done}},
	{command: "message:edit", http: "editMessage", at: inPair, payload: `{"messageId":"$own","content":"other"}`,
		want: want{noMessage, done, notFriends, noMessage, noMessage, notOwn}},
	{command: "message:delete", http: "deleteMessage", at: inPrivate, payload: `{"messageId":"$said"}`,
		want: want{noMessage, noMessage, noMessage, noMessage, noDeletion, done}},
	{command: "message:delete", http: "deleteMessage", at: inPrivate, payload: `{"messageId":"$own"}`,
		want: want{noMessage, noMessage, noMessage, noMessage, done, done}},
	{command: "message:delete", http: "deleteMessage", at: inPair, payload: `{"messageId":"$said"}`,
		want: want{noMessage, noDeletion, noDeletion, noMessage, noMessage, done}},
	{command: "message:delete", http: "deleteMessage", at: inPair, payload: `{"messageId":"$own"}`,
		want: want{noMessage, done, done, noMessage, noMessage, noDeletion}},

	// The room's admins pin, and both sides of a direct conversation.
	{command: "message:pin", http: "pinMessage", at: inPrivate, payload: `{"messageId":"$said"}`,
		want: want{noMessage, noMessage, noMessage, noMessage, noPin, done}},
	{command: "message:pin", http: "pinMessage", at: inPair, payload: `{"messageId":"$said"}`,
		want: want{noMessage, done, notFriends, noMessage, noMessage, done}},
	{command: "message:unpin", http: "unpinMessage", at: inPrivate, payload: `{"messageId":"$pinned"}`,
		want: want{noMessage, noMessage, noMessage, noMessage, noPin, done}},
	{command: "message:unpin", http: "unpinMessage", at: inPair, payload: `{"messageId":"$pinned"}`,
		want: want{noMessage, done, notFriends, noMessage, noMessage, done}},
	{command: "message:pins", http: "getRoomPins", at: inPrivate, payload: `{"roomId":"$room"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, shown, shown}},
	{command: "message:pins", http: "getRoomPins", at: inPublic, payload: `{"roomId":"$room"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, shown, shown}},
	{command: "message:pins", http: "getPins", at: inPrivate, payload: `{"conversationId":"$conversation"}`,
		want: want{noConversation, noConversation, noConversation, noConversation, shown, shown}},
	{command: "message:pins", http: "getPins", at: inPair, payload: `{"conversationId":"$conversation"}`,
		want: want{noConversation, shown, shown, noConversation, noConversation, shown}},
	{command: "message:pins", http: "getDirectPins", at: inPair, payload: `{"userId":"$peer"}`,
		want: want{harmless, shown, shown, harmless, harmless, shown}},

	// Who sees a message may react to it, but not reach who has blocked.
	{command: "reaction:add", http: "addReaction", at: inPrivate, payload: `{"messageId":"$said","emoji":"🐟"}`,
		want: want{noMessage, noMessage, noMessage, noMessage, done, done}},
	{command: "reaction:add", http: "addReaction", at: inPublic, payload: `{"messageId":"$said","emoji":"🐟"}`,
		want: want{noMessage, noMessage, noMessage, noMessage, done, done}},
	{command: "reaction:add", http: "addReaction", at: inPair, payload: `{"messageId":"$said","emoji":"🐟"}`,
		want: want{noMessage, done, notFriends, noMessage, noMessage, done}},
	{command: "reaction:remove", http: "removeReaction", at: inPrivate, payload: `{"messageId":"$said","emoji":"👍"}`,
		want: want{noMessage, noMessage, noMessage, noMessage, done, done}},
	{command: "reaction:remove", http: "removeReaction", at: inPair, payload: `{"messageId":"$said","emoji":"👍"}`,
		want: want{noMessage, done, done, noMessage, noMessage, done}},

	// What was said is for who is in the conversation, by whatever name it is asked for.
	{command: "history", http: "getRoomHistory", at: inPrivate, payload: `{"roomId":"$room"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, shown, shown}},
	{command: "history", http: "getRoomHistory", at: inPublic, payload: `{"roomId":"$room"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, shown, shown}},
	{command: "history", http: "getRoomHistory", at: byInvitation, payload: `{"roomId":"$room"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, shown, shown}},
	{command: "history", http: "getHistory", at: inPrivate, payload: `{"conversationId":"$conversation"}`,
		want: want{noConversation, noConversation, noConversation, noConversation, shown, shown}},
	{command: "history", http: "getHistory", at: inPair, payload: `{"conversationId":"$conversation"}`,
		want: want{noConversation, shown, shown, noConversation, noConversation, shown}},
	{command: "history", http: "getDirectHistory", at: inPair, payload: `{"userId":"$peer"}`,
		want: want{harmless, shown, shown, harmless, harmless, shown}},
	{command: "thread", http: "getThread", at: inPrivate, payload: `{"messageId":"$said"}`,
		want: want{noMessage, noMessage, noMessage, noMessage, shown, shown}},
	{command: "thread", http: "getThread", at: inPair, payload: `{"messageId":"$said"}`,
		want: want{noMessage, shown, shown, noMessage, noMessage, shown}},
	{command: "message:search", http: "searchMessages", at: inPrivate, payload: `{"query":"$word"}`,
		want: want{harmless, harmless, harmless, harmless, shown, shown}},
	{command: "message:search", http: "searchMessages", at: inPublic, payload: `{"query":"$word"}`,
		want: want{harmless, harmless, harmless, harmless, shown, shown}},
	{command: "message:search", http: "searchMessages", at: inPair, payload: `{"query":"$word"}`,
		want: want{harmless, shown, shown, harmless, harmless, shown}},
	{command: "message:search", http: "searchMessages", at: inPrivate, payload: `{"query":"$word","conversationId":"$conversation"}`,
		want: want{noConversation, noConversation, noConversation, noConversation, shown, shown}},

	// Anybody makes rooms, of names that are free.
	{command: "room:create", http: "createRoom", at: inPrivate, payload: `{"id":"$room","name":"Mine"}`,
		want: want{alreadyExists, alreadyExists, alreadyExists, alreadyExists, alreadyExists, alreadyExists}},
	{command: "room:create", http: "createRoom", at: inClosed, payload: `{"id":"$new","name":"Mine","type":"private"}`,
		want: want{unseen, unseen, unseen, unseen, unseen, unseen}},

	// Rooms that are not public take an invitation, and none is for who is banned.
	{command: "room:join", http: "joinRoom", guide: "join_room", at: inPrivate, payload: `{"roomId":"$room"}`,
		want: want{privateRoom, privateRoom, privateRoom, bannedFrom, shown, shown}},
	{command: "room:join", http: "joinRoom", guide: "join_room", at: inPublic, payload: `{"roomId":"$room"}`,
		want: want{done, done, done, bannedFrom, shown, shown}},
	{command: "room:join", http: "joinRoom", guide: "join_room", at: inClosed, payload: `{"roomId":"$room"}`,
		want: want{joinRefused, joinRefused, joinRefused, bannedFrom, shown, shown}},
	{command: "room:join", http: "joinRoom", guide: "join_room", at: byInvitation, payload: `{"roomId":"$room"}`,
		want: want{done, done, done, bannedFrom, shown, shown}},
	{command: "room:leave", http: "leaveRoom", guide: "leave_room", at: inPrivate, payload: `{"roomId":"$room"}`,
		want: want{harmless, harmless, harmless, harmless, done, done}},

	// A room is seen by its members, by the invited, and if it is public by all; who is in it, by members.
	{command: "room:get", http: "getRoom", at: inPrivate, payload: `{"roomId":"$room"}`, reveals: "$name",
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, shown, shown}},
	{command: "room:get", http: "getRoom", at: inClosed, payload: `{"roomId":"$room"}`, reveals: "$name",
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, shown, shown}},
	{command: "room:get", http: "getRoom", at: byInvitation, payload: `{"roomId":"$room"}`, reveals: "$name",
		want: want{shown, shown, shown, notInRoom, shown, shown}},
	{command: "room:get", http: "getRoom", at: byInvitation, payload: `{"roomId":"$room"}`, reveals: `"members":[`,
		want: want{harmless, harmless, harmless, notInRoom, shown, shown}},
	{command: "room:get", http: "getRoom", at: inPublic, payload: `{"roomId":"$room"}`, reveals: "$name",
		want: want{shown, shown, shown, shown, shown, shown}},
	{command: "room:get", http: "getRoom", at: inPublic, payload: `{"roomId":"$room"}`, reveals: `"members":[`,
		want: want{harmless, harmless, harmless, harmless, shown, shown}},
	{command: "room:get", http: "getRoom", at: inPublic, payload: `{"roomId":"$room"}`, reveals: `"banned":[`,
		want: want{harmless, harmless, harmless, harmless, shown, shown}},
	{command: "room:list", http: "listRooms", at: inPrivate, payload: `{"after":"$before"}`, reveals: "$name",
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "room:list", http: "listRooms", at: inClosed, payload: `{"after":"$before"}`, reveals: "$name",
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "room:list", http: "listRooms", at: inPublic, payload: `{"after":"$before"}`, reveals: "$name",
		want: want{shown, shown, shown, shown, shown, shown}},
	{command: "room:list", http: "listRooms", at: inPublic, payload: `{"after":"$before"}`, reveals: `"members":[`,
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "room:list", http: "listRooms", at: inPrivate, payload: `{"after":"$before","mine":true}`, reveals: "$name",
		want: want{harmless, harmless, harmless, harmless, shown, shown}},
	{command: "room:list", http: "listRooms", at: byInvitation, payload: `{"after":"$before","invited":true}`, reveals: "$name",
		want: want{shown, shown, shown, harmless, harmless, harmless}},
	{command: "room:members", http: "listMembers", at: inPrivate, payload: `{"roomId":"$room"}`, reveals: `"role":"admin"`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, shown, shown}},
	{command: "room:members", http: "listMembers", at: inPublic, payload: `{"roomId":"$room"}`, reveals: `"role":"admin"`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, shown, shown}},
	{command: "room:members", http: "listMembers", at: byInvitation, payload: `{"roomId":"$room"}`, reveals: `"role":"admin"`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, shown, shown}},
	{command: "room:bans", http: "listBans", at: inPrivate, payload: `{"roomId":"$room"}`, reveals: "$banned",
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, shown}},
	{command: "room:bans", http: "listBans", at: inPublic, payload: `{"roomId":"$room"}`, reveals: "$banned",
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, shown}},
	{command: "room:bans", http: "listBans", at: byInvitation, payload: `{"roomId":"$room"}`, reveals: "$banned",
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, shown}},
	{command: "room:search", http: "searchRooms", at: inPrivate, payload: `{"query":"$name"}`, reveals: "$name",
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "room:search", http: "searchRooms", at: inClosed, payload: `{"query":"$name"}`, reveals: "$name",
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "room:search", http: "searchRooms", at: inPublic, payload: `{"query":"$name"}`, reveals: "$name",
		want: want{shown, shown, shown, shown, shown, shown}},
	{command: "room:search", http: "searchRooms", at: inPublic, payload: `{"query":"$name"}`, reveals: `"members":[`,
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},

	// A room's admins change it, and who is in it.
	{command: "room:update", http: "updateRoom", at: inPrivate, payload: `{"roomId":"$room","type":"public"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, done}},
	{command: "room:update", http: "updateRoom", at: inPublic, payload: `{"roomId":"$room","description":"none"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, done}},
	{command: "room:delete", http: "deleteRoom", at: inPrivate, payload: `{"roomId":"$room"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, done}},
	{command: "room:delete", http: "deleteRoom", at: inPublic, payload: `{"roomId":"$room"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, done}},
	{command: "room:invite", http: "inviteUser", at: inPrivate, payload: `{"roomId":"$room","userId":"$asker"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, done}},
	{command: "room:kick", http: "kickMember", at: inPrivate, payload: `{"roomId":"$room","userId":"$target"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, done}},
	{command: "room:kick", http: "kickMember", at: inPrivate, payload: `{"roomId":"$room","userId":"$admin"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, invalidField}},
	{command: "room:ban", http: "banUser", at: inPrivate, payload: `{"roomId":"$room","userId":"$target"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, done}},
	{command: "room:ban", http: "banUser", at: inPublic, payload: `{"roomId":"$room","userId":"$coadmin"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, done}},
	{command: "room:unban", http: "unbanUser", at: inPrivate, payload: `{"roomId":"$room","userId":"$banned"}`,
		want: want{notInRoom, notInRoom, notInRoom, invalidField, notAdmin, done}},
	{command: "room:promote", http: "promoteMember", at: inPrivate, payload: `{"roomId":"$room","userId":"$target"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, done}},
	{command: "room:promote", http: "promoteMember", at: inPrivate, payload: `{"roomId":"$room","userId":"$me"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, harmless}},
	{command: "room:demote", http: "demoteMember", at: inPrivate, payload: `{"roomId":"$room","userId":"$coadmin"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, notAdmin, done}},

	// Marks are one's own. Who has read is told to senders.
	{command: "message:read", http: "markMessagesRead", at: inPrivate, payload: `{"messageIds":["$said"]}`,
		want: want{noMessage, noMessage, noMessage, noMessage, done, unseen}},
	{command: "message:read", http: "markMessagesRead", at: inPair, payload: `{"messageIds":["$said"]}`,
		want: want{noMessage, done, done, noMessage, noMessage, unseen}},
	{command: "conversation:read", http: "markConversationRead", at: inPrivate, payload: `{"conversationId":"$conversation","seq":$seq}`,
		want: want{noConversation, noConversation, noConversation, noConversation, unseen, unseen}},
	{command: "conversation:read", http: "markConversationRead", at: inPair, payload: `{"conversationId":"$conversation","seq":$seq}`,
		want: want{noConversation, unseen, unseen, noConversation, noConversation, unseen}},
	{command: "conversation:list", http: "listConversations", at: inPrivate, payload: `{}`, reveals: "$name",
		want: want{harmless, harmless, harmless, harmless, shown, shown}},
	{command: "conversation:list", http: "listConversations", at: inPair, payload: `{}`,
		want: want{harmless, shown, shown, harmless, harmless, shown}},
	{command: "sync", http: "sync", at: inPrivate, payload: `{"conversations":{"$conversation":0}}`,
		want: want{harmless, harmless, harmless, harmless, shown, shown}},
	{command: "sync", http: "sync", at: inPublic, payload: `{"conversations":{"$conversation":0}}`,
		want: want{harmless, harmless, harmless, harmless, shown, shown}},
	{command: "sync", http: "sync", at: inPair, payload: `{"conversations":{"$conversation":0}}`,
		want: want{harmless, shown, shown, harmless, harmless, shown}},

	// Typing is seen by friends and in rooms. Who may not show it does not learn so.
	{command: "typing:start", http: none, at: inPrivate, payload: `{"roomId":"$room"}`, undo: "typing:stop",
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, done, done}},
	{command: "typing:start", http: none, at: inPublic, payload: `{"roomId":"$room"}`, undo: "typing:stop",
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, done, done}},
	{command: "typing:start", http: none, at: inPair, payload: `{"recipientId":"$peer"}`, undo: "typing:stop",
		want: want{harmless, done, harmless, harmless, harmless, done}},
	{command: "typing:start", http: none, at: inPair, payload: `{"recipientId":"$blocked"}`, undo: "typing:stop",
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "typing:stop", http: none, at: inPrivate, payload: `{"roomId":"$room"}`,
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},

	// Friends. Who is blocked does not learn it.
	{command: "friend:request", http: "requestFriend", at: amongPeople, payload: `{"userId":"$peer"}`, reveals: `"relation":"blocked"`,
		want: want{done, harmless, unseen, done, done, harmless}},
	{command: "friend:request", http: "requestFriend", at: amongPeople, payload: `{"userId":"$blocked"}`,
		want: want{done, done, invalidField, done, done, blockedByMe}},
	{command: "friend:accept", http: "acceptFriend", at: amongPeople, payload: `{"userId":"$peer"}`, reveals: `"relation":"blocked"`,
		want: want{noRequest, harmless, noRequest, noRequest, noRequest, harmless}},
	{command: "friend:accept", http: "acceptFriend", at: amongPeople, payload: `{"userId":"$asker"}`,
		want: want{noRequest, noRequest, noRequest, noRequest, noRequest, done}},
	{command: "friend:decline", http: "declineFriend", at: amongPeople, payload: `{"userId":"$asker"}`, reveals: `"relation":"received"`,
		want: want{harmless, harmless, harmless, harmless, harmless, done}},
	{command: "friend:remove", http: "removeFriend", at: amongPeople, payload: `{"userId":"$peer"}`, reveals: `"relation":"blocked"`,
		want: want{harmless, done, harmless, harmless, harmless, done}},
	{command: "friend:remove", http: "removeFriend", at: amongPeople, payload: `{"userId":"$asker"}`, reveals: `"relation":"sent"`,
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "friend:list", http: "listFriends", at: amongPeople, payload: `{}`, reveals: "$admin",
		want: want{harmless, shown, harmless, harmless, harmless, harmless}},
	{command: "friend:list", http: "listFriends", at: amongPeople, payload: `{}`, reveals: "$asker",
		want: want{harmless, harmless, harmless, harmless, harmless, shown}},
	{command: "user:block", http: "blockUser", at: amongPeople, payload: `{"userId":"$peer"}`,
		want: want{unseen, done, unseen, unseen, unseen, done}},
	{command: "user:unblock", http: "unblockUser", at: amongPeople, payload: `{"userId":"$peer"}`, reveals: `"relation":"blocked"`,
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "user:unblock", http: "unblockUser", at: amongPeople, payload: `{"userId":"$blocked"}`,
		want: want{harmless, harmless, invalidField, harmless, harmless, unseen}},

	// Everybody can be found; what others are to each other cannot.
	{command: "user:get", http: "getUser", at: amongPeople, payload: `{"userId":"$peer"}`, reveals: `"relation":"blocked"`,
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "user:get", http: "getUser", at: amongPeople, payload: `{"userId":"$blocked"}`, reveals: `"relation":"blocked"`,
		want: want{harmless, harmless, harmless, harmless, harmless, shown}},
	{command: "user:search", http: "searchUsers", at: amongPeople, payload: `{"query":"$admin"}`, reveals: "$admin",
		want: want{shown, shown, shown, shown, shown, shown}},

	// Only friends learn who is online.
	{command: "presence:get", http: "getPresence", at: amongPeople, payload: `{"userId":"$admin"}`, reveals: "$admin",
		want: want{harmless, shown, harmless, harmless, harmless, shown}},
	{command: "presence:get", http: "getPresence", at: amongPeople, payload: `{"userId":"$blocked"}`, reveals: "$blocked",
		want: want{harmless, harmless, shown, harmless, harmless, harmless}},

	// A device's own: topics, limited by its token, and the token, of the same user.
	{command: "notification:subscribe", http: none, at: amongPeople, payload: `{"topics":["alerts"]}`, reveals: "$admin",
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "notification:subscribe", http: none, at: amongPeople, payload: `{"topics":["*"]}`,
		want: want{invalidField, invalidField, invalidField, invalidField, invalidField, invalidField}},
	{command: "notification:unsubscribe", http: none, at: amongPeople, payload: `{"topics":["alerts"]}`, reveals: "$admin",
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "client:visible", http: none, at: amongPeople, payload: `{"visible":true}`, reveals: "$admin",
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "auth:refresh", http: none, guide: "auth:refresh", at: amongPeople, payload: `{"token":"$token"}`, reveals: "$token",
		want: want{harmless, harmless, harmless, harmless, harmless, harmless}},
	{command: "auth:refresh", http: none, guide: "auth:refresh", at: amongPeople, payload: `{"token":"$adminToken"}`, reveals: "$adminToken",
		want: want{authentication, authentication, authentication, authentication, authentication, harmless}},

	// What the backend does on behalf of a user is by the rules for that user. What it does itself is not.
	{http: "postToRoom", at: inPrivate, payload: `{"roomId":"$room","senderId":"$me","content":"hello"}`,
		want: want{notInRoom, notInRoom, notInRoom, notInRoom, done, done}},
	{http: "postToUser", at: inPair, payload: `{"userId":"$peer","senderId":"$me","content":"hello"}`,
		want: want{notFriends, done, notFriends, notFriends, notFriends, done}},
	{http: "createServerRoom", at: inClosed, payload: `{"ownerId":"$me","id":"$new","name":"Mine","type":"private"}`,
		want: want{unseen, unseen, unseen, unseen, unseen, unseen}},
	{http: "addMembers", at: inPrivate, payload: `{"roomId":"$room","userIds":["$me"]}`, reveals: "$me",
		want: want{done, done, done, harmless, harmless, harmless}},
	{http: "removeMember", at: inPrivate, payload: `{"roomId":"$room","userId":"$me"}`, reveals: "$name",
		want: want{harmless, harmless, harmless, harmless, done, done}},
}

// TestTable tries every cell over every protocol.
func TestTable(t *testing.T) {
	on := func(w wire) func(*server, string) line {
		return func(s *server, token string) line { return onDevice{connect(s.t, s, w, token)} }
	}
	for name, way := range map[string]struct {
		ask  func(s *server, token string) line
		asks func(*row) bool
	}{
		"socketio": {on(socketIO{}), func(r *row) bool { return r.command != "" }},
		"native":   {on(native{}), func(r *row) bool { return r.command != "" }},
		"guide":    {on(guide{}), func(r *row) bool { return r.guide != "" }},
		"http":     {func(_ *server, token string) line { return overHTTP{token} }, func(r *row) bool { return r.http != none }},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "native" {
				t.Skip("the same rules over another protocol")
			}
			t.Parallel()
			w := serve(t).world(t, name, way.ask)
			for _, try := range []func(*row){w.tryQuiet, w.tryLoud} {
				for i := range table {
					if r := &table[i]; way.asks(r) {
						try(r)
					}
				}
			}
		})
	}
}
