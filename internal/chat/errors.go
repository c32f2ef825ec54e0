package chat

import (
	"errors"
	"fmt"
)

// Code names a refusal for programs. Codes never change their meaning.
type Code string

// The codes. CodeInternal is the only one for faults of the server.
const (
	CodeInternal             Code = "internal"
	CodeMissingFields        Code = "missing_fields"
	CodeInvalidField         Code = "invalid_field"
	CodeLimitExceeded        Code = "limit_exceeded"
	CodeNotFriends           Code = "not_friends"
	CodeClientMsgIDReused    Code = "client_msg_id_reused"
	CodeMessageNotFound      Code = "message_not_found"
	CodeConversationNotFound Code = "conversation_not_found"
	CodeRoomNotFound         Code = "room_not_found"
	CodeRoomExists           Code = "room_exists"
	CodeRoomFull             Code = "room_full"
	CodeBanned               Code = "banned"
	CodePrivateRoom          Code = "private_room"
	CodeJoinNotPermitted     Code = "join_not_permitted"
	CodeNotInRoom            Code = "not_in_room"
	CodeUserNotInRoom        Code = "user_not_in_room"
	CodeNotAdmin             Code = "not_admin"
	CodeLastAdmin            Code = "last_admin"
	CodeNotOwnMessage        Code = "not_own_message"
	CodeEditWindowExceeded   Code = "edit_window_exceeded"
	CodeDeleteNotPermitted   Code = "delete_not_permitted"
	CodePinNotPermitted      Code = "pin_not_permitted"
	CodeTooManyPins          Code = "too_many_pins"
	CodeTooManyReactions     Code = "too_many_reactions"
	CodeUploadsNotAllowed    Code = "uploads_not_allowed"
	CodeVoiceNotAllowed      Code = "voice_not_allowed"
)

// Error is a refusal: nothing was changed, and Message may be shown to the
// caller as it is.
type Error struct {
	Code    Code
	Message string
	// Field names the field at fault as it is called on the wire, if one is.
	Field string
	// Limit is the limit that was passed, 0 if none was.
	Limit int

	cause error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.Code, e.Message)
	if e.Field != "" {
		text += fmt.Sprintf(" (field %s)", e.Field)
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Is makes errors.Is(err, ErrNotInRoom) hold for every error with that code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Unwrap returns the fault behind an internal error, for logs.
func (e *Error) Unwrap() error { return e.cause }

// The refusals without a variable part. Compare by errors.Is; do not change them.
var (
	ErrNotFriends           = &Error{Code: CodeNotFriends, Message: "Can only send messages to friends"}
	ErrClientMsgIDReused    = &Error{Code: CodeClientMsgIDReused, Message: "clientMsgId was used for another message", Field: "clientMsgId"}
	ErrMessageNotFound      = &Error{Code: CodeMessageNotFound, Message: "Message not found"}
	ErrConversationNotFound = &Error{Code: CodeConversationNotFound, Message: "Conversation not found"}
	ErrRoomNotFound         = &Error{Code: CodeRoomNotFound, Message: "Room not found"}
	ErrRoomExists           = &Error{Code: CodeRoomExists, Message: "Room already exists", Field: "id"}
	ErrRoomFull             = &Error{Code: CodeRoomFull, Message: "Room is full"}
	ErrBanned               = &Error{Code: CodeBanned, Message: "User is banned from this room"}
	ErrPrivateRoom          = &Error{Code: CodePrivateRoom, Message: "No permission to join private room"}
	ErrJoinNotPermitted     = &Error{Code: CodeJoinNotPermitted, Message: "No permission to join room"}
	ErrNotInRoom            = &Error{Code: CodeNotInRoom, Message: "Not in room"}
	ErrUserNotInRoom        = &Error{Code: CodeUserNotInRoom, Message: "User not in room", Field: "userId"}
	ErrNotAdmin             = &Error{Code: CodeNotAdmin, Message: "Only room admins can do that"}
	ErrLastAdmin            = &Error{Code: CodeLastAdmin, Message: "The last admin cannot be demoted", Field: "userId"}
	ErrNotOwnMessage        = &Error{Code: CodeNotOwnMessage, Message: "Can only edit own messages"}
	ErrEditWindowExceeded   = &Error{Code: CodeEditWindowExceeded, Message: "Message edit time limit exceeded"}
	ErrDeleteNotPermitted   = &Error{Code: CodeDeleteNotPermitted, Message: "No permission to delete message"}
	ErrPinNotPermitted      = &Error{Code: CodePinNotPermitted, Message: "No permission to pin message"}
	ErrTooManyPins          = &Error{Code: CodeTooManyPins, Message: "Too many pinned messages", Limit: MaxPins}
	ErrTooManyReactions     = &Error{Code: CodeTooManyReactions, Message: "Too many different reactions", Field: "emoji", Limit: MaxEmoji}
	ErrUploadsNotAllowed    = &Error{Code: CodeUploadsNotAllowed, Message: "File uploads are not allowed in this room"}
	ErrVoiceNotAllowed      = &Error{Code: CodeVoiceNotAllowed, Message: "Voice messages are not allowed in this room"}
)

// Public returns what a caller may be told about err: the refusal in its chain,
// or else an internal error with the message fault (such as "Failed to send
// message"), which still wraps err for the log. It returns nil for nil.
func Public(err error, fault string) *Error {
	if err == nil {
		return nil
	}
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal
	}
	return &Error{Code: CodeInternal, Message: fault, cause: err}
}

// inField is the refusal e about a certain field.
func inField(e *Error, field string) *Error {
	named := *e
	named.Field = field
	return &named
}

func missing(field string) *Error {
	return &Error{Code: CodeMissingFields, Message: "Missing required fields", Field: field}
}

func invalid(field, why string) *Error {
	return &Error{Code: CodeInvalidField, Message: field + " " + why, Field: field}
}

func tooMuch(field string, limit int, unit string) *Error {
	return &Error{
		Code:    CodeLimitExceeded,
		Message: fmt.Sprintf("%s must have at most %d %s", field, limit, unit),
		Field:   field,
		Limit:   limit,
	}
}

// Codes returns all codes.
func Codes() []Code {
	return []Code{
		CodeInternal, CodeMissingFields, CodeInvalidField, CodeLimitExceeded, CodeNotFriends, CodeClientMsgIDReused,
		CodeMessageNotFound, CodeConversationNotFound, CodeRoomNotFound, CodeRoomExists, CodeRoomFull, CodeBanned,
		CodePrivateRoom, CodeJoinNotPermitted, CodeNotInRoom, CodeUserNotInRoom, CodeNotAdmin, CodeLastAdmin,
		CodeNotOwnMessage, CodeEditWindowExceeded, CodeDeleteNotPermitted, CodePinNotPermitted, CodeTooManyPins,
		CodeTooManyReactions, CodeUploadsNotAllowed, CodeVoiceNotAllowed,
	}
}
