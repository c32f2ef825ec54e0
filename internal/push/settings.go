package push

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // quiet hours are by the clock of whoever wants them, whatever the machine has
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Level is of what a user wants to be told.
type Level string

// Levels. In a room everything is told only to who wants that of this room.
const (
	Default  Level = ""         // of a conversation: the user's own
	Anything Level = "all"      // direct messages, mentions and replies; of a room that it is set for, all messages
	Mentions Level = "mentions" // what is said to the user in particular
	Nothing  Level = "nothing"
)

// Levels are those that can be set.
var Levels = []Level{Anything, Mentions, Nothing}

// MaxSettings is for how many conversations a user can have settings.
const MaxSettings = 1000

// Settings are what a user wants to be told, of all conversations or, where Conversation is set, of that one: then there are neither
// quiet hours, nor WithoutContent.
type Settings struct {
	UserID       account.UserID
	Conversation string
	Level        Level
	MutedUntil   time.Time // zero: it is not muted
	Quiet        Quiet
	// WithoutContent has notifications say that there is something, and not what, nor by whom.
	WithoutContent bool
}

// empty tells whether they say no more than no settings would.
func (s *Settings) empty() bool {
	return s.Level == Default && s.MutedUntil.IsZero() && s.Quiet == Quiet{} && !s.WithoutContent
}

// Quiet are hours in which a user is told nothing: From some minute of the day until another one, by the clock of a time zone. Without
// a zone there are none.
type Quiet struct {
	From, To int
	Zone     string // of the IANA database
}

// minutesOfDay is how many there are.
const minutesOfDay = 24 * 60

// at tells whether it is one of them.
func (q *Quiet) at(now time.Time) bool {
	if q.Zone == "" {
		return false
	}
	zone, err := time.LoadLocation(q.Zone)
	if err != nil {
		return false // it was there when it was set
	}
	hour, minute, _ := now.In(zone).Clock()
	switch is := hour*60 + minute; {
	case q.From < q.To:
		return q.From <= is && is < q.To
	default: // over midnight
		return q.From <= is || is < q.To
	}
}

// maxZone is how many bytes the name of a time zone has at most.
const maxZone = 64

func (q *Quiet) check() error {
	switch {
	case q.Zone == "" && q.From == 0 && q.To == 0:
		return nil
	case q.Zone == "" || len(q.Zone) > maxZone || q.Zone == "Local":
		return refusal.Invalid("quiet.timeZone", "must be the name of a time zone, such as Europe/Berlin").In("quiet")
	case q.From < 0 || q.From >= minutesOfDay || q.To < 0 || q.To >= minutesOfDay:
		return refusal.Invalid("quiet", "must be from one time of a day to another, such as 22:00 and 07:00")
	case q.From == q.To:
		return refusal.Invalid("quiet", "must not end when it begins")
	}
	if _, err := time.LoadLocation(q.Zone); err != nil {
		return refusal.Invalid("quiet.timeZone", "must be the name of a time zone, such as Europe/Berlin").In("quiet")
	}
	return nil
}

// wishes are the settings of a user for one conversation, and of all.
type wishes struct{ own, conversation Settings }

// told tells whether a user is told of something now. particular is what is said to the user, direct what is said to nobody else.
func (w *wishes) told(direct, particular bool, now time.Time) bool {
	if now.Before(w.own.MutedUntil) || now.Before(w.conversation.MutedUntil) || w.own.Quiet.at(now) {
		return false
	}
	level := w.conversation.Level
	if level == Default {
		level = w.own.Level
	}
	switch level {
	case Nothing:
		return false
	case Mentions:
		return particular
	case Anything, Default:
	}
	return direct || particular || w.conversation.Level == Anything
}

// wishesOf are the settings of users, for a conversation or without one for what the application tells.
func (s *Service) wishesOf(ctx context.Context, users []account.UserID, conversation string) (map[account.UserID]*wishes, error) {
	all, err := s.Store.PushSettingsAmong(ctx, users, conversation)
	if err != nil {
		return nil, err
	}
	of := make(map[account.UserID]*wishes, len(users))
	for _, user := range users {
		of[user] = &wishes{}
	}
	for _, settings := range all {
		w := of[settings.UserID]
		if settings.Conversation == "" {
			w.own = settings
		} else {
			w.conversation = settings
		}
	}
	return of, nil
}

// Settings returns the user's own settings, and those for conversations by their ids.
func (s *Service) Settings(ctx context.Context, user account.UserID) (own Settings, conversations []Settings, err error) {
	all, err := s.Store.PushSettings(ctx, user)
	if err != nil {
		return own, nil, err
	}
	own = Settings{UserID: user, Level: Anything}
	if len(all) > 0 && all[0].Conversation == "" {
		own, all = all[0], all[1:]
		if own.Level == Default {
			own.Level = Anything
		}
	}
	return own, all, nil
}

// Set stores settings of a user, instead of those that were there. A conversation must be one of the user's:
// chat.ErrConversationNotFound.
func (s *Service) Set(ctx context.Context, settings Settings) error {
	if settings.Level != Default && !slices.Contains(Levels, settings.Level) {
		return refusal.Invalid("level", "must be all, mentions or nothing")
	}
	if err := settings.Quiet.check(); err != nil {
		return err
	}
	if !utf8.ValidString(settings.Conversation) || strings.ContainsRune(settings.Conversation, 0) {
		return chat.ErrConversationNotFound
	}
	if settings.Level == Anything && settings.Conversation == "" {
		settings.Level = Default
	}
	if !settings.MutedUntil.After(s.Now()) {
		settings.MutedUntil = time.Time{}
	}
	settings.MutedUntil = settings.MutedUntil.UTC().Truncate(time.Millisecond)
	if settings.Conversation != "" && !settings.empty() {
		access, found, err := s.Chats.Access(ctx, chat.ConversationRef{ConversationID: settings.Conversation}, settings.UserID)
		switch {
		case err != nil:
			return fmt.Errorf("look up a conversation: %w", err)
		case !found || !access.Member:
			return chat.ErrConversationNotFound
		}
	}
	if settings.empty() {
		return s.Store.RemovePushSettings(ctx, settings.UserID, settings.Conversation)
	}
	if err := s.Store.SetPushSettings(ctx, settings); err != nil {
		return err
	}
	if settings.Conversation != "" && settings.Level == Anything {
		s.rooms.Store(true)
	}
	return nil
}

// ErrTooManySettings refuses settings for a further conversation.
var ErrTooManySettings = refusal.Beyond("conversationId", MaxSettings, fmt.Sprintf("must be one of at most %d that have settings of their own", MaxSettings))
