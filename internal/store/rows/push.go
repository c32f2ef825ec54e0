package rows

import (
	"github.com/sockeye-im/sockeye/internal/push"
)

// PushSubscription reads a device: id, user, type, address, public key, auth, time of creation.
func PushSubscription(row Row) (s push.Subscription, err error) {
	var createdAt int64
	err = row.Scan(&s.ID, (*string)(&s.UserID), (*string)(&s.Type), &s.Address, &s.PublicKey, &s.Auth, &createdAt)
	s.CreatedAt = Instant(createdAt)
	if s.PublicKey == nil { // SQLite gives an empty blob so
		s.PublicKey = []byte{}
	}
	if s.Auth == nil {
		s.Auth = []byte{}
	}
	return s, err
}

// PushSubscriptionValues are what a device is stored as, in the order in which it is read.
func PushSubscriptionValues(s *push.Subscription) []any {
	return []any{s.ID, string(s.UserID), string(s.Type), s.Address, s.PublicKey, s.Auth, s.CreatedAt.UnixMilli()}
}

// PushCounts reads how many devices there are of each type.
func PushCounts(each Each, query string) (map[push.Type]int, error) {
	counts := make(map[push.Type]int)
	err := each(func(row Row) error {
		var of push.Type
		var n int
		if err := row.Scan((*string)(&of), &n); err != nil {
			return err
		}
		counts[of] = n
		return nil
	}, query)
	return counts, err
}

// PushSettings reads settings: user, conversation, level, until when it is muted, from and to which minute nothing is told, time zone,
// whether it is without content.
func PushSettings(row Row) (s push.Settings, err error) {
	var muted int64
	err = row.Scan((*string)(&s.UserID), &s.Conversation, (*string)(&s.Level), &muted, &s.Quiet.From, &s.Quiet.To, &s.Quiet.Zone, &s.WithoutContent)
	s.MutedUntil = InstantOrZero(muted)
	return s, err
}

// PushSettingsValues are what settings are stored as, in the order in which they are read.
func PushSettingsValues(s *push.Settings) []any {
	return []any{string(s.UserID), s.Conversation, string(s.Level), millisOrZero(s.MutedUntil), s.Quiet.From, s.Quiet.To, s.Quiet.Zone, s.WithoutContent}
}
