package webhook

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/outbound"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Limits of webhooks.
const (
	MaxWebhooks    = 100 // of a server
	MaxURL         = 2048
	MaxRooms       = 100
	MaxDescription = 200 // characters
	// KeptDeliveries is how many of the last attempts are kept of each webhook.
	KeptDeliveries = 200
	// RotatedFor is how long the secret before signs too.
	RotatedFor = 24 * time.Hour
)

// roomPattern is what every id of a room is like.
var roomPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// AllEvents stands for all kinds of events.
const AllEvents chat.EventKind = "*"

// TestEvent is the kind of what is told to try a webhook.
const TestEvent chat.EventKind = "webhook.test"

// Kinds are the events that there are webhooks for: all that have a place in the log of their conversation.
var Kinds = []chat.EventKind{
	chat.MessageCreated, chat.MessageEdited, chat.MessageDeleted, chat.MessagePinned, chat.MessageUnpinned,
	chat.ReactionAdded, chat.ReactionRemoved,
	chat.MemberJoined, chat.MemberLeft, chat.MemberRole, chat.MembersAdded, chat.MemberBanned, chat.MemberUnbanned,
	chat.RoomUpdated, chat.RoomDeleted,
}

// Webhook is where some events are told.
type Webhook struct {
	ID          string
	URL         string
	Secret      Secret
	Description string
	// Events are kinds, or AllEvents alone. Rooms are ids; none are all conversations, direct ones too.
	Events []chat.EventKind
	Rooms  []string
	// OldSecret signs too until OldUntil, for receivers that do not know the new one yet.
	OldSecret Secret
	OldUntil  time.Time

	CreatedAt time.Time
	CreatedBy string // an API key or an administrator, by id
	// FailingSince is when the first of the attempts failed since which none was good; zero if the last one was.
	FailingSince time.Time
	DisabledAt   time.Time // zero if it is not
	DisabledWhy  string
}

// Disabled tells whether nothing is told.
func (w *Webhook) Disabled() bool { return !w.DisabledAt.IsZero() }

// switchedOff is the DisabledWhy of one that somebody has switched off.
const switchedOff = "it was switched off"

// SwitchedOff tells whether somebody has disabled it, rather than the server because it failed.
func (w *Webhook) SwitchedOff() bool { return w.Disabled() && w.DisabledWhy == switchedOff }

// Wants tells whether an event of a room, or of a direct conversation if that is empty, is to be told.
func (w *Webhook) Wants(kind chat.EventKind, room string) bool {
	if len(w.Rooms) > 0 && !slices.Contains(w.Rooms, room) {
		return false
	}
	return slices.Contains(w.Events, kind) || len(w.Events) == 1 && w.Events[0] == AllEvents && slices.Contains(Kinds, kind)
}

// sameSubscription tells whether nothing has changed that nodes have to know to say what follows an event.
func (w *Webhook) sameSubscription(other *Webhook) bool {
	return w.Disabled() == other.Disabled() && slices.Equal(w.Events, other.Events) && slices.Equal(w.Rooms, other.Rooms)
}

// secrets are those that sign now, the newest one first.
func (w *Webhook) secrets(now time.Time) []Secret {
	if w.OldSecret != "" && now.Before(w.OldUntil) {
		return []Secret{w.Secret, w.OldSecret}
	}
	return []Secret{w.Secret}
}

// check refuses what cannot be a webhook, by the field.
func (w *Webhook) check(allow outbound.Allowed) error {
	if err := checkURL(w.URL, allow); err != nil {
		return err
	}
	if err := checkEvents(w.Events); err != nil {
		return err
	}
	switch {
	case len(w.Rooms) > MaxRooms:
		return refusal.TooMuch("rooms", MaxRooms, "rooms")
	case !utf8.ValidString(w.Description) || strings.ContainsRune(w.Description, 0):
		return refusal.Invalid("description", "must be valid UTF-8 without the character U+0000")
	case utf8.RuneCountInString(w.Description) > MaxDescription:
		return refusal.TooMuch("description", MaxDescription, "characters")
	}
	for i, room := range w.Rooms {
		if !roomPattern.MatchString(room) {
			return refusal.Invalid(fmt.Sprintf("rooms[%d]", i), "is no id of a room").In("rooms")
		}
	}
	return w.Secret.check()
}

func checkEvents(events []chat.EventKind) error {
	switch {
	case len(events) == 0:
		return refusal.Missing("events")
	case len(events) > len(Kinds):
		return refusal.TooMuch("events", len(Kinds), "kinds")
	case slices.Contains(events, AllEvents):
		if len(events) > 1 {
			return refusal.Invalid("events", "must have nothing beside *")
		}
		return nil
	}
	for _, kind := range events {
		if !slices.Contains(Kinds, kind) {
			return refusal.Invalid("events", fmt.Sprintf("must be * or kinds of events such as %s, not %.50q", chat.MessageCreated, string(kind)))
		}
	}
	return nil
}

// checkURL refuses addresses that would never be dialled. What a name leads to is known when it is dialled.
func checkURL(text string, allow outbound.Allowed) error {
	if text == "" {
		return refusal.Missing("url")
	}
	if len(text) > MaxURL {
		return refusal.TooMuch("url", MaxURL, "bytes")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return refusal.Invalid("url", "must be an address such as https://example.com/hook")
	case u.Scheme != "https" && u.Scheme != "http":
		return refusal.Invalid("url", "must begin with https://")
	case u.User != nil:
		return refusal.Invalid("url", "must not have a user or a password: the receiver knows by the signature who it is")
	case u.Fragment != "":
		return refusal.Invalid("url", "must not have a fragment")
	}
	plain := u.Scheme == "http"
	address, err := netip.ParseAddr(u.Hostname())
	if err != nil { // a name
		if plain && len(allow) == 0 {
			return refusal.Invalid("url", "must begin with https://; http:// is for prefixes that the setting webhook-allow names")
		}
		return nil
	}
	check := allow.Check
	if plain {
		check = allow.CheckPlain
	}
	if why, is := outbound.WhyNot(check(address)); is {
		return refusal.Invalid("url", fmt.Sprintf("must not lead to %s, which is %s; the setting webhook-allow can permit it", why.Address, why.Why))
	}
	return nil
}

// Delivery is one attempt.
type Delivery struct {
	ID             string
	WebhookID      string
	EventID        string // the header webhook-id
	Kind           chat.EventKind
	ConversationID string // empty for a test
	Seq            int64
	Attempt        int // from 1 on
	Status         int // of the answer; 0 if there was none
	Error          string
	Outcome        Outcome
	At             time.Time
	Took           time.Duration
}

// Outcome is what came of an attempt.
type Outcome string

// Outcomes.
const (
	Delivered Outcome = "delivered"
	Retried   Outcome = "retried"  // it failed, and is tried again
	GivenUp   Outcome = "given_up" // it failed for the last time: the event is a dead letter
)

// The codes of refusals.
const (
	CodeNotFound refusal.Code = "webhook_not_found"
	CodeTooMany  refusal.Code = "too_many_webhooks"
)

// Codes are all of this package.
var Codes = []refusal.Code{CodeNotFound, CodeTooMany}

// Refusals. Compare by errors.Is; do not change them.
var (
	ErrNotFound = &refusal.Error{Code: CodeNotFound, Message: "Webhook not found", Field: "webhookId"}
	ErrTooMany  = &refusal.Error{Code: CodeTooMany, Message: "There are as many webhooks as there can be", Limit: MaxWebhooks}
)
