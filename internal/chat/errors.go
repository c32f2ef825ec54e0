package chat

import "github.com/sockeye-im/sockeye/internal/refusal"

// The codes of refusals.
const (
	CodeNotFriends           refusal.Code = "not_friends"
	CodeClientMsgIDReused    refusal.Code = "client_msg_id_reused"
	CodeMessageNotFound      refusal.Code = "message_not_found"
	CodeConversationNotFound refusal.Code = "conversation_not_found"
	CodeRoomNotFound         refusal.Code = "room_not_found"
	CodeRoomExists           refusal.Code = "room_exists"
	CodeRoomFull             refusal.Code = "room_full"
	CodeBanned               refusal.Code = "banned"
	CodePrivateRoom          refusal.Code = "private_room"
	CodeJoinNotPermitted     refusal.Code = "join_not_permitted"
	CodeNotInRoom            refusal.Code = "not_in_room"
	CodeUserNotInRoom        refusal.Code = "user_not_in_room"
	CodeNotAdmin             refusal.Code = "not_admin"
	CodeLastAdmin            refusal.Code = "last_admin"
	CodeNotOwnMessage        refusal.Code = "not_own_message"
	CodeEditWindowExceeded   refusal.Code = "edit_window_exceeded"
	CodeDeleteNotPermitted   refusal.Code = "delete_not_permitted"
	CodePinNotPermitted      refusal.Code = "pin_not_permitted"
	CodeTooManyPins          refusal.Code = "too_many_pins"
	CodeTooManyReactions     refusal.Code = "too_many_reactions"
	CodeTooManyRooms         refusal.Code = "too_many_rooms"
	CodeTooManyMemberships   refusal.Code = "too_many_memberships"
	CodeUploadsNotAllowed    refusal.Code = "uploads_not_allowed"
	CodeVoiceNotAllowed      refusal.Code = "voice_not_allowed"
	CodeScheduledNotFound    refusal.Code = "scheduled_not_found"
	CodeTooManyScheduled     refusal.Code = "too_many_scheduled"
)

// The refusals without a variable part. Compare by errors.Is; do not change them.
var (
	ErrNotFriends           = &refusal.Error{Code: CodeNotFriends, Message: "Can only send messages to friends"}
	ErrClientMsgIDReused    = &refusal.Error{Code: CodeClientMsgIDReused, Message: "clientMsgId was used for another message", Field: "clientMsgId"}
	ErrMessageNotFound      = &refusal.Error{Code: CodeMessageNotFound, Message: "Message not found"}
	ErrConversationNotFound = &refusal.Error{Code: CodeConversationNotFound, Message: "Conversation not found"}
	ErrRoomNotFound         = &refusal.Error{Code: CodeRoomNotFound, Message: "Room not found"}
	ErrRoomExists           = &refusal.Error{Code: CodeRoomExists, Message: "Room already exists", Field: "id"}
	ErrRoomFull             = &refusal.Error{Code: CodeRoomFull, Message: "Room is full"}
	ErrBanned               = &refusal.Error{Code: CodeBanned, Message: "User is banned from this room"}
	ErrPrivateRoom          = &refusal.Error{Code: CodePrivateRoom, Message: "No permission to join private room"}
	ErrJoinNotPermitted     = &refusal.Error{Code: CodeJoinNotPermitted, Message: "No permission to join room"}
	ErrNotInRoom            = &refusal.Error{Code: CodeNotInRoom, Message: "Not in room"}
	ErrUserNotInRoom        = &refusal.Error{Code: CodeUserNotInRoom, Message: "User not in room", Field: "userId"}
	ErrNotAdmin             = &refusal.Error{Code: CodeNotAdmin, Message: "Only room admins can do that"}
	ErrLastAdmin            = &refusal.Error{Code: CodeLastAdmin, Message: "The last admin cannot be demoted", Field: "userId"}
	ErrNotOwnMessage        = &refusal.Error{Code: CodeNotOwnMessage, Message: "Can only edit own messages"}
	ErrEditWindowExceeded   = &refusal.Error{Code: CodeEditWindowExceeded, Message: "Message edit time limit exceeded"}
	ErrDeleteNotPermitted   = &refusal.Error{Code: CodeDeleteNotPermitted, Message: "No permission to delete message"}
	ErrPinNotPermitted      = &refusal.Error{Code: CodePinNotPermitted, Message: "No permission to pin message"}
	ErrTooManyPins          = &refusal.Error{Code: CodeTooManyPins, Message: "Too many pinned messages", Limit: MaxPins}
	ErrTooManyReactions     = &refusal.Error{Code: CodeTooManyReactions, Message: "Too many different reactions", Field: "emoji", Limit: MaxEmoji}
	ErrTooManyRooms         = &refusal.Error{Code: CodeTooManyRooms, Message: "You cannot make more rooms"}
	ErrTooManyMemberships   = &refusal.Error{Code: CodeTooManyMemberships, Message: "You cannot be in more rooms"}
	ErrUploadsNotAllowed    = &refusal.Error{Code: CodeUploadsNotAllowed, Message: "File uploads are not allowed in this room"}
	ErrVoiceNotAllowed      = &refusal.Error{Code: CodeVoiceNotAllowed, Message: "Voice messages are not allowed in this room"}
	ErrScheduledNotFound    = &refusal.Error{Code: CodeScheduledNotFound, Message: "Scheduled message not found"}
	ErrTooManyScheduled     = &refusal.Error{Code: CodeTooManyScheduled, Message: "Too many scheduled messages", Limit: MaxScheduled}
)

// Codes returns all codes, with those of package refusal.
func Codes() []refusal.Code {
	return []refusal.Code{
		refusal.Internal, refusal.Unavailable, refusal.MissingFields, refusal.InvalidField, refusal.LimitExceeded, CodeNotFriends, CodeClientMsgIDReused,
		CodeMessageNotFound, CodeConversationNotFound, CodeRoomNotFound, CodeRoomExists, CodeRoomFull, CodeBanned,
		CodePrivateRoom, CodeJoinNotPermitted, CodeNotInRoom, CodeUserNotInRoom, CodeNotAdmin, CodeLastAdmin,
		CodeNotOwnMessage, CodeEditWindowExceeded, CodeDeleteNotPermitted, CodePinNotPermitted, CodeTooManyPins,
		CodeTooManyReactions, CodeTooManyRooms, CodeTooManyMemberships, CodeUploadsNotAllowed, CodeVoiceNotAllowed,
		CodeScheduledNotFound, CodeTooManyScheduled, CodeFileNotFound,
	}
}
