package httpapi

import (
	"cmp"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/httpapi/openapi"
	"github.com/sockeye-im/sockeye/internal/shape"
)

// The groups of operations.
const (
	tagAccounts      = "Accounts"
	tagRooms         = "Rooms"
	tagMembers       = "Members"
	tagMessages      = "Messages"
	tagConversations = "Conversations"
	tagPeople        = "People"
	tagPush          = "Push"
	tagFiles         = "Files"
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
	{Name: tagPush, Description: "Notifications on devices that are not connected."},
	{Name: tagFiles, Description: "What messages carry. Files come by tus at /api/v1/uploads, or as a form at /api/v1/files; their bytes are at the addresses in them."},
	{Name: tagServer, Description: "For the application's own backend, with an API key."},
	{Name: tagAdmin, Description: "For administrators of the server: figures, connections, addresses, rooms, jobs."},
	{Name: tagDocument},
}

const aboutAPI = "What users do without a connection, and what the application's backend does. Users' operations are the same commands " +
	"as over Socket.IO and WebSocket, with the same rules; everybody connected is told.\n\n" +
	"Ids are opaque strings, times RFC 3339 in UTC with milliseconds. Unknown fields are ignored, and fields may be added at any " +
	"time. Repeating what already is (joining, deleting, reacting, reading) succeeds and changes nothing.\n\n" +
	"Every error is a problem (RFC 9457) with a stable `code`. Lists have `next`, the `after` of the next page, or `more`; the " +
	"header Link has the address of the next page."

// meaning is what a field means, in requests and answers: what it says itself, else what its name says everywhere.
func meaning(f shape.Field) string { return cmp.Or(f.Doc, meanings[f.Name]) }

var meanings = map[string]string{
	"userId":         "The id of a user.",
	"roomId":         "The id of a room.",
	"messageId":      "The id of a message.",
	"scheduledId":    "The id of a scheduled message.",
	"sendAt":         "When it is to be sent.",
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
	"attachments":    "Files: in a request their ids.",
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
	"jobId":          "The id of a job, as logs have it too.",
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

	"after":  "The `next` of the page before.",
	"before": "The id of a message: what was said before it.",
}

// bound adds the limits of a field of a request, and what it is when it is left out.
func bound(f shape.Field, s *openapi.Schema, maxText int) {
	if s.Ref != "" {
		return
	}
	of := f.Type
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	usual := bounds[f.Name]
	least, most := said(f.Min, usual.least), said(f.Max, usual.most)
	if most == configured {
		most = maxText
	}
	switch of.Kind() {
	case reflect.String:
		s.Pattern, s.MinLength, s.MaxLength = usual.pattern, least, most
	case reflect.Slice:
		s.MinItems, s.MaxItems = least, most
	case reflect.Map:
		s.MaxProperties = most
	case reflect.Int, reflect.Int64:
		s.Minimum = &least
		if most > 0 {
			s.Maximum = &most
		}
	}
	if f.Default == "" {
		return
	}
	s.Default = f.Default
	if json.Unmarshal([]byte(f.Default), &s.Default) != nil {
		s.Default = f.Default // a word
	}
}

// said is what a field says in digits, or else what is so otherwise.
func said(digits string, otherwise int) int {
	if n, err := strconv.Atoi(digits); err == nil {
		return n
	}
	return otherwise
}

// extent is how large a number may be, how long a text, or how many a list may have.
type extent struct {
	least, most int
	pattern     string
}

const (
	configured = -1 // the most that the server is set to take in a text
	roomIDs    = "^[A-Za-z0-9_.-]{1,64}$"
)

// bounds are the limits that the rules have for fields of these names, where a field does not say others.
var bounds = map[string]extent{
	"userId":      {least: 1, most: chat.MaxUserID},
	"ownerId":     {least: 1, most: chat.MaxUserID},
	"senderId":    {least: 1, most: chat.MaxUserID},
	"recipientId": {least: 1, most: chat.MaxUserID},
	"roomId":      {pattern: roomIDs},
	"id":          {pattern: roomIDs},
	"messageId":   {least: 1, most: chat.MaxMessageID},
	"scheduledId": {least: 1, most: chat.MaxMessageID},
	"before":      {least: 1, most: chat.MaxMessageID},
	"replyTo":     {most: chat.MaxMessageID},
	"clientMsgId": {most: chat.MaxClientMsgID},
	"content":     {least: 1, most: configured},
	"name":        {least: 1, most: configured},
	"description": {most: configured},
	"maxMembers":  {least: 1, most: chat.LimitMaxMembers},
	"seq":         {least: 1},
	"limit":       {least: 1},
	"query":       {least: 1, most: chat.MaxQuery},
	"newPassword": {least: account.MinPasswordBytes, most: account.MaxPasswordBytes},
	"emoji":       {least: 1, most: chat.MaxEmojiBytes},
}

// responses are the refusals that most operations share.
func responses() map[string]*openapi.Response {
	out := map[string]*openapi.Response{
		unchangedDoc: {Description: "The client has the same already.", Headers: map[string]openapi.Header{headerETag: {Ref: toHeaders + headerETag}}},
		problemName:  refusedWith("What else is wrong; the status and the code say what."),
	}
	for status, text := range map[int]string{
		http.StatusBadRequest:            "The request is wrong: the code is `missing_fields`, `invalid_field`, `limit_exceeded`, `invalid_json` or `body_incomplete`.",
		http.StatusUnauthorized:          "There are no credentials, or they are not good.",
		http.StatusForbidden:             "The caller may not do that.",
		http.StatusRequestEntityTooLarge: "The body is too large.",
		http.StatusUnsupportedMediaType:  "The body is not application/json.",
		http.StatusTooManyRequests:       "That was too soon.",
	} {
		out[responseName(status)] = refusedWith(text)
	}
	out[responseName(http.StatusTooManyRequests)].Headers = map[string]openapi.Header{headerRetry: {Ref: toHeaders + headerRetry}}
	return out
}

func refusedWith(text string) *openapi.Response {
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
