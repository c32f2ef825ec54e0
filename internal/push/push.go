// Package push brings notifications to devices that are not connected: browsers, by Web Push (RFC 8030, 8188, 8291 and 8292),
// and the apps of phones, by the services of Apple and of Google.
//
//	push.go          what a subscription is, and what is needed of a store
//	parse.go         subscriptions as clients send them
//	notification.go  what is shown: its fields, limits and bytes
//	encrypt.go       RFC 8291: what only the browser can read
//	vapid.go         RFC 8292: the key by which push services know the server
//	post.go          requests to push services
//	webpush.go       what services of Web Push are asked, and what their answers mean
//	apns.go          the same of Apple's
//	fcm.go           the same of Google's
//	token.go         tokens by which Apple and Google know the server
//	gate.go          services that fail are left alone
//	courier.go       Service.Kind: the jobs that bring notifications
//	message.go       who is told of a message, and what
//	settings.go      of what users want to be told
//	history.go       what users were told, and what devices take back once it is read
//	service.go       Service: devices subscribe and unsubscribe
package push

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// MaxSubscriptions is how many devices a user has at most.
const MaxSubscriptions = 16

// Type is how a device is reached.
type Type string

// The types.
const (
	TypeWebPush Type = "webpush" // browsers
	TypeAPNs    Type = "apns"    // apps for Apple's systems
	TypeFCM     Type = "fcm"     // apps by Google's Firebase Cloud Messaging
)

// Types are all that a device may have.
var Types = []Type{TypeWebPush, TypeAPNs, TypeFCM}

// Subscription is a device that wants notifications.
type Subscription struct {
	ID     string // made of its address, see NewID
	UserID account.UserID
	Type   Type
	// Address is where the device is: the endpoint of a browser, the token of an app by Google, and of one by Apple the id of the app, a
	// slash and the token. Whoever knows that of a browser can send to it what nobody reads.
	Address string
	// PublicKey and Auth are a browser's, by which what it is sent is encrypted: a point of P-256 and 16 bytes. Apps have none.
	PublicKey []byte
	Auth      []byte
	CreatedAt time.Time
}

// subscriptionID is the id of an address: a device that subscribes again has the same.
func subscriptionID(of Type, address string) string {
	digest := sha256.Sum256([]byte(string(of) + "\x00" + address))
	return "ps_" + base64.RawURLEncoding.EncodeToString(digest[:18])
}

// Store keeps subscriptions. All methods may be called concurrently, and each is one transaction.
type Store interface {
	History
	// PushKey returns the key of all servers of the database: the one that was made first.
	PushKey(ctx context.Context, made []byte, at time.Time) ([]byte, error)
	// AddPushSubscription stores a device, in place of what was known of its address: a browser is the last user's who
	// subscribed there. A user with [MaxSubscriptions] others is refused: [ErrTooMany].
	AddPushSubscription(ctx context.Context, s Subscription) error
	// RemovePushSubscriptions removes a user's devices, all or the one with an id, and returns how many.
	RemovePushSubscriptions(ctx context.Context, user account.UserID, id string) (int, error)
	// DropPushSubscription removes a device that is gone, unless somebody has subscribed there since it was read.
	DropPushSubscription(ctx context.Context, s Subscription) error
	// PushSubscriptions returns the devices of users, of each the oldest first.
	PushSubscriptions(ctx context.Context, users []account.UserID) ([]Subscription, error)
	// PushSubscriptionsByID returns those of some devices that are still there, by their ids.
	PushSubscriptionsByID(ctx context.Context, ids []string) ([]Subscription, error)
	// PushUnread returns how far a user has read a conversation, and how much there is to read behind that, up to 1,000.
	PushUnread(ctx context.Context, user account.UserID, conversation string) (mark int64, unread int, err error)
	// PushSettings are those of a user, the user's own first, then by the ids of conversations. PushSettingsAmong are those of
	// users, their own and those for a conversation.
	PushSettings(ctx context.Context, user account.UserID) ([]Settings, error)
	PushSettingsAmong(ctx context.Context, users []account.UserID, conversation string) ([]Settings, error)
	// SetPushSettings stores some in place of those before, and RemovePushSettings removes them. For a conversation it is an
	// [ErrTooManySettings] where the user has them for [MaxSettings] others.
	SetPushSettings(ctx context.Context, s Settings) error
	RemovePushSettings(ctx context.Context, user account.UserID, conversation string) error
	// PushWanting are users who want to be told of all messages of a conversation, by their ids, behind one of them.
	PushWanting(ctx context.Context, conversation string, after account.UserID, limit int) ([]account.UserID, error)
	// AnyPushWanting tells whether anybody wants that of any conversation.
	AnyPushWanting(ctx context.Context) (bool, error)
	// CountPushSubscriptions counts devices, by type.
	CountPushSubscriptions(ctx context.Context) (map[Type]int, error)
}

// CodeTooMany is the code of a refusal.
const CodeTooMany refusal.Code = "too_many_subscriptions"

// Codes are all of this package.
var Codes = []refusal.Code{CodeTooMany}

// ErrTooMany refuses a further device. Compare by errors.Is; do not change it.
var ErrTooMany = &refusal.Error{
	Code: CodeTooMany, Message: "You have as many devices as there can be: unsubscribe one", Field: "endpoint", Limit: MaxSubscriptions,
}
