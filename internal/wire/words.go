package wire

import (
	"reflect"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
)

// Words returns the words that a type has instead of any text; nil for other types.
func Words(t reflect.Type) []string { return words[t] }

var words = map[reflect.Type][]string{
	reflect.TypeFor[chat.RoomType](): {string(chat.RoomPublic), string(chat.RoomPrivate), string(chat.RoomDirect)},
	reflect.TypeFor[chat.MessageType](): {
		string(chat.TypeText), string(chat.TypeImage), string(chat.TypeVideo), string(chat.TypeAudio), string(chat.TypeVoice),
		string(chat.TypeFile), string(chat.TypeSystem),
	},
	reflect.TypeFor[chat.Role](): {string(chat.RoleAdmin), string(chat.RoleMember)},
	reflect.TypeFor[chat.ScheduledState](): {
		string(chat.ScheduledWaiting), string(chat.ScheduledFailed), string(chat.ScheduledSent), string(chat.ScheduledCancelled),
	},
	reflect.TypeFor[chat.LeaveReason](): {string(chat.LeftKicked), string(chat.LeftBanned)},
	reflect.TypeFor[account.Relation](): {
		string(account.RelationNone), string(account.RelationSent), string(account.RelationReceived),
		string(account.RelationFriends), string(account.RelationBlocked),
	},
	reflect.TypeFor[account.ContactList](): {
		string(account.ListFriends), string(account.ListSent), string(account.ListReceived), string(account.ListBlocked),
	},
}
