package httpapi

import (
	"net/http"
	"reflect"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/httpapi/openapi"
)

// The groups of operations.
const (
	tagAccounts      = "Accounts"
	tagRooms         = "Rooms"
	tagMembers       = "Members"
	tagMessages      = "Messages"
	tagConversations = "Conversations"
	tagPeople        = "People"
	tagServer        = "Server"
	tagAdmin         = "Administration"
	tagDocument      = "Document"
)

var tags = []openapi.Tag{
	{Name: tagAccounts, Description: "Local accounts, and one's own."},
	{Name: tagRooms},
	{Name: tagMembers, Description: "Who is in a room, and who may be."},
	{Name: tagMessages},
	{Name: tagConversations, Description: "Reading: histories, marks, catching up. A conversation is a room's or that of two users."},
	{Name: tagPeople, Description: "Users, friends, blocks, presence."},
	{Name: tagServer, Description: "For the application's own backend, with an API key."},
	{Name: tagAdmin, Description: "For administrators of the server: figures, connections, addresses, rooms."},
	{Name: tagDocument},
}

const aboutAPI = "What users do without a connection, and what the application's backend does. Users' operations are the same commands " +
	"as over Socket.IO and WebSocket, with the same rules; everybody connected is told.\n\n" +
	"Ids are opaque strings, times RFC 3339 in UTC with milliseconds. Unknown fields are ignored, and fields may be added at any " +
	"time. Repeating what already is (joining, deleting, reacting, reading) succeeds and changes nothing.\n\n" +
	"Every error is a problem (RFC 9457) with a stable `code`. Lists have `next`, the `after` of the next page, or `more`; the " +
	"header Link has the address of the next page."

// meaning is what a field means, in requests and answers. A field of one type is found as Type.field.
func meaning(owner reflect.Type, field string) string {
	if text, ok := meanings[owner.Name()+"."+field]; ok {
		return text
	}
	return meanings[field]
}

var meanings = map[string]string{
	"userId":         "The id of a user.",
	"roomId":         "The id of a room.",
	"messageId":      "The id of a message.",
	"conversationId": "The id of a conversation.",
	"recipientId":    "The id of the other user.",
	"senderId":       "The id of who says it.",
	"ownerId":        "The id of the user whose room it will be.",
	"userIds":        "Ids of users.",
	"messageIds":     "Ids of messages.",
	"username":       "The name that others see.",
	"login":          "The login name of a local account.",
	"password":       "The present password.",
	"newPassword":    "The password from now on.",
	"content":        "The text.",
	"clientMsgId":    "The client's own id for the message, unique for each sender for at least 24 hours: repeated, the same message comes back.",
	"replyTo":        "The id of the message that this one replies to.",
	"attachments":    "Ids of files.",
	"emoji":          "The emoji.",
	"limit":          "How many at most.",
	"query":          "What to look for.",
	"mine":           "Those that the caller is a member of.",
	"invited":        "Those that the caller may join by invitation.",
	"seq":            "A place in the log of the conversation.",
	"maxMembers":     "How many members there may be.",
	"description":    "What it is about.",
	"next":           "The `after` of the next page; absent on the last.",
	"more":           "There is more in this direction.",
	"expiresAt":      "When the token ends.",
	"token":          "The token, for the header Authorization.",
	"unread":         "How many messages of others come after the read mark, up to 1,000.",
	"readSeq":        "The read mark: what is up to it is read.",
	"reactions":      "Who reacted, by emoji; the first 100 of each.",
	"deleted":        "The message is a tombstone.",
	"topics":         "Names of topics.",
	"notification":   "Fields of the application's own, up to 32 KiB.",
	"online":         "Who is online, or whether one is.",
	"devices":        "How many connections there are.",
	"connections":    "How many were closed.",
	"added":          "Those who were not members before.",
	"admin":          "The user may administer the server.",
	"connectionId":   "The id of a connection.",
	"address":        "The IP address by which a client counts; of IPv6 the /64.",
	"order":          "What comes first. Default: newest.",
	"seconds":        "For how long.",
	"reason":         "Why, for administrators.",
	"since":          "When it signed in.",
	"lastActive":     "When the last command came.",
	"received":       "Messages from the client.",
	"sent":           "Messages to the client.",
	"total":          "How many match in all.",
	"interval":       "Seconds from one sample to the next.",
	"disconnected":   "How many connections were closed.",
	"list":           "One of the lists; else the first of all.",

	"after":                          "The `next` of the page before.",
	"before":                         "The id of a message: what was said before it.",
	"historyPayload.after":           "The id of a message: what was said after it.",
	"threadPayload.after":            "The id of a message: what was said after it.",
	"listFriendsPayload.after":       "The id of a user: those after it. With `list` only.",
	"registerPayload.login":          "The login name: 2 to 64 letters a to z, digits and _ . - + @, beginning with a letter or a digit. Others who differ in case only are the same.",
	"registerPayload.password":       "8 to 256 bytes.",
	"registerPayload.username":       "The name for display. Default: the login name.",
	"loginPayload.login":             "The login name.",
	"createRoomPayload.id":           "The id; the server makes one if there is none.",
	"serverRoomPayload.id":           "The id; the server makes one if there is none.",
	"createRoomPayload.type":         "Who can find and join it: all; who is invited; or who is invited, unlisted. Default: public.",
	"serverRoomPayload.type":         "Who can find and join it: all; who is invited; or who is invited, unlisted. Default: public.",
	"syncPayload.conversations":      "The last `seq` that the client has, by the ids of conversations; at most 1,000 of them.",
	"postToRoomPayload.senderId":     "The id of who says it; without it, it is the system.",
	"putUserPayload.userId":          "The id of the user, as in the application's tokens.",
	"sendToRoomPayload.type":         "What it is. Default: text; `system` is the server's own.",
	"sendDirectPayload.type":         "What it is. Default: text; `system` is the server's own.",
	"postToRoomPayload.type":         "What it is. Default: text.",
	"problem.code":                   "What is wrong, for programs.",
	"problem.detail":                 "What is wrong, for people.",
	"problem.field":                  "The field of the request that is at fault.",
	"problem.limit":                  "The limit that was passed.",
	"problem.retryAfter":             "How many seconds to wait before another attempt.",
	"onlineAnswer.online":            "Ids of users.",
	"onlineAnswer.count":             "How many users are online in all.",
	"streamPayload.samples":          "After how many events the stream ends; without it, it does not.",
	"listConnectionsPayload.query":   "In the id or the name of the user, the address, or the id of the connection; whatever the case.",
	"listAllRoomsPayload.query":      "In the id, the name or the description, whatever the case.",
	"sampleBody.received":            "Messages a second from clients.",
	"sampleBody.sent":                "Messages a second to clients.",
	"sampleBody.commits":             "Stored commands a second.",
	"sampleBody.connections":         "Connections that have signed in.",
	"sampleBody.open":                "Connections, signed in or not; polling, native and legacy (Socket.IO 2) are of these.",
	"sampleBody.peak":                "The most connections at a time since the start.",
	"sampleBody.active":              "Connections with a command in the last 30 seconds.",
	"sampleBody.delivery":            "From the commit of an event until it is queued for all who get it, in milliseconds.",
	"sampleBody.answers":             "From a command to what acknowledges it, in milliseconds.",
	"sampleBody.cpu":                 "Percent of one processor.",
	"sampleBody.rss":                 "Resident memory, in bytes; 0 where the system does not tell.",
	"sampleBody.slow":                "Connections closed since the start because they did not read.",
	"sampleBody.refused":             "Connections that were not let in since the start.",
	"listConversationsPayload.limit": "How many at most; 50 if not said, at most 100.",
}

// bound adds the limits of a field of a request.
func bound(owner reflect.Type, field string, s *openapi.Schema, maxText int) {
	set := bounds[owner.Name()+"."+field]
	if set == nil {
		set = bounds[field]
	}
	if set != nil && s.Ref == "" {
		set(s, maxText)
	}
}

// bounds are the limits of the rules, found like meanings.
var bounds = map[string]func(*openapi.Schema, int){
	"userId":        text(1, chat.MaxUserID),
	"ownerId":       text(1, chat.MaxUserID),
	"senderId":      text(1, chat.MaxUserID),
	"roomId":        roomID,
	"id":            roomID,
	"messageId":     text(1, chat.MaxMessageID),
	"before":        text(1, chat.MaxMessageID),
	"replyTo":       text(0, chat.MaxMessageID),
	"clientMsgId":   text(0, chat.MaxClientMsgID),
	"content":       longText,
	"name":          longText,
	"description":   func(s *openapi.Schema, most int) { s.MaxLength = most },
	"attachments":   count(0, chat.MaxAttachments),
	"messageIds":    count(1, chat.MaxMarked),
	"userIds":       count(0, maxNotified),
	"topics":        count(0, maxTopics),
	"maxMembers":    upTo(chat.LimitMaxMembers, chat.DefaultMaxMembers),
	"seq":           number(1, 0),
	"query":         text(1, chat.MaxQuery),
	"limit":         upTo(chat.MaxListed, chat.DefaultListed),
	"list":          words("friends", "sent", "received", "blocked"),
	"newPassword":   text(account.MinPasswordBytes, account.MaxPasswordBytes),
	"emoji":         text(1, 64),
	"conversations": func(s *openapi.Schema, _ int) { s.MaxProperties = chat.MaxSynced },

	"listConnectionsPayload.limit": upTo(maxConnections, defaultConnections),
	"listConnectionsPayload.query": text(0, chat.MaxQuery),
	"listAllRoomsPayload.limit":    upTo(maxAdminRooms, defaultAdminRooms),
	"listAllRoomsPayload.query":    text(0, chat.MaxQuery),
	"blockPayload.seconds":         number(int(account.MinBlock.Seconds()), int(account.MaxBlock.Seconds())),
	"blockPayload.reason":          text(0, account.MaxBlockReason),
	"streamPayload.samples":        number(0, 0),
	"searchPayload.limit":          upTo(chat.MaxFound, chat.DefaultFound),
	"searchRoomsPayload.limit":     upTo(chat.MaxFound, chat.DefaultFound),
	"searchUsersPayload.limit":     upTo(account.MaxUsersFound, account.DefaultUserFound),
	"searchUsersPayload.query":     text(1, account.MaxQueryRunes),
	"listFriendsPayload.limit":     number(1, 500),
	"listOnlinePayload.limit":      upTo(maxOnline, defaultOnline),
	"addMembersPayload.userIds":    count(1, chat.MaxAdded),
	"presencePayload.userIds":      count(0, 100),
	"presencePayload.userId":       text(0, chat.MaxUserID),
	"registerPayload.login":        text(account.MinUsername, account.MaxUsername),
	"registerPayload.password":     text(account.MinPasswordBytes, account.MaxPasswordBytes),
	"registerPayload.username":     text(0, account.MaxNameRunes),
	"renamePayload.username":       text(1, account.MaxNameRunes),
	"putUserPayload.username":      text(1, account.MaxNameRunes),
	"updateRoomPayload.maxMembers": number(1, chat.LimitMaxMembers),
}

func text(least, most int) func(*openapi.Schema, int) {
	return func(s *openapi.Schema, _ int) { s.MinLength, s.MaxLength = least, most }
}

func number(least, most int) func(*openapi.Schema, int) {
	return func(s *openapi.Schema, _ int) {
		s.Minimum = &least
		if most > 0 {
			s.Maximum = &most
		}
	}
}

func count(least, most int) func(*openapi.Schema, int) {
	return func(s *openapi.Schema, _ int) { s.MinItems, s.MaxItems = least, most }
}

func upTo(most, otherwise int) func(*openapi.Schema, int) {
	return func(s *openapi.Schema, n int) {
		number(1, most)(s, n)
		s.Default = otherwise
	}
}

func words(allowed ...string) func(*openapi.Schema, int) {
	return func(s *openapi.Schema, _ int) { s.Enum = allowed }
}

func roomID(s *openapi.Schema, _ int) { s.Pattern = "^[A-Za-z0-9_.-]{1,64}$" }

func longText(s *openapi.Schema, maxText int) { s.MinLength, s.MaxLength = 1, maxText }

// responses are the refusals that most operations share.
func responses() map[string]*openapi.Response {
	out := map[string]*openapi.Response{
		unchangedDoc: {Description: "The client has the same already.", Headers: map[string]openapi.Header{headerETag: {Ref: toHeaders + headerETag}}},
		problemName:  refusal("What else is wrong; the status and the code say what."),
	}
	for status, text := range map[int]string{
		http.StatusBadRequest:            "The request is wrong: the code is `missing_fields`, `invalid_field`, `limit_exceeded`, `invalid_json` or `body_incomplete`.",
		http.StatusUnauthorized:          "There are no credentials, or they are not good.",
		http.StatusForbidden:             "The caller may not do that.",
		http.StatusRequestEntityTooLarge: "The body is too large.",
		http.StatusUnsupportedMediaType:  "The body is not application/json.",
		http.StatusTooManyRequests:       "That was too soon.",
	} {
		out[responseName(status)] = refusal(text)
	}
	out[responseName(http.StatusTooManyRequests)].Headers = map[string]openapi.Header{headerRetry: {Ref: toHeaders + headerRetry}}
	return out
}

func refusal(text string) *openapi.Response {
	return &openapi.Response{Description: text, Content: map[string]openapi.Media{
		typeProblem: {Schema: &openapi.Schema{Ref: toSchemas + problemName}},
	}}
}

func headers() map[string]openapi.Header {
	header := func(text string, of openapi.Schema) openapi.Header {
		return openapi.Header{Description: text, Schema: &of}
	}
	line, whole := openapi.Schema{Type: "string"}, openapi.Schema{Type: "integer"}
	return map[string]openapi.Header{
		headerETag:   header("Changes when the answer does.", line),
		headerNext:   header("The address of the next page, with rel=next; absent on the last.", line),
		headerPlace:  header("The address of what was created.", line),
		headerRetry:  header("How many seconds to wait.", whole),
		headerLeft:   header("How many requests are left (r), and in how many seconds all are again (t), for each policy.", line),
		headerPolicy: header("How many requests are allowed (q) in how many seconds (w), for each policy.", line),
	}
}

func securitySchemes() map[string]openapi.SecurityScheme {
	return map[string]openapi.SecurityScheme{
		schemeUser: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A user's token: from logging in, or signed by the application's backend."},
		schemeKey:  {Type: "http", Scheme: "bearer", Description: "An API key of the application's backend, made with `sockeye apikey create`. It begins with `sky_`."},
	}
}
