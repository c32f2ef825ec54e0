package push

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The bounds of a notification.
const (
	// MaxNotification is how many bytes its fields have at most together, as JSON.
	MaxNotification = 4096
	// MaxBody is how many characters of its body are shown on a device; more is cut.
	MaxBody    = 100
	MaxActions = 8
	// DefaultTTL is for how long a push service tries, where the notification says nothing else; MaxTTL the longest.
	DefaultTTL = 24 * time.Hour
	MaxTTL     = 28 * 24 * time.Hour
)

// Urgency is what a device is woken up for (RFC 8030, section 5.3).
type Urgency string

// Urgencies are all, the default one third.
var Urgencies = []Urgency{"very-low", "low", "normal", "high"}

// Fields are those of a notification, as the application names them. Those that devices show are checked, others are its own.
type Fields map[string]json.RawMessage

// shown are the fields that a device shows or heeds, and what each must be.
var shown = map[string]func(json.RawMessage) (must string, ok bool){
	"title": isText, "body": isText, "icon": isText, "badge": isText, "image": isText, "tag": isText, "sound": isText, "color": isText,
	"bundleId": isText, "requireInteraction": isSwitch, "actions": isActions, "ttl": isTTL, "urgency": isUrgency,
}

// Check refuses fields that no device could show, by name.
func (f Fields) Check() error {
	size := 2
	for name, value := range f {
		size += len(name) + len(value) + len(`"":,`)
	}
	if size > MaxNotification {
		return refusal.TooMuch("notification", MaxNotification, "bytes")
	}
	for _, name := range slices.Sorted(keys(f)) {
		check, is := shown[name]
		if !is || isNull(f[name]) {
			continue
		}
		if must, ok := check(f[name]); !ok {
			return refusal.Invalid("notification."+name, must).In("notification")
		}
	}
	return nil
}

func keys(f Fields) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range f {
			if !yield(name) {
				return
			}
		}
	}
}

func isNull(value json.RawMessage) bool { return string(value) == "null" }

func isText(value json.RawMessage) (string, bool) {
	var text string
	return "must be a text", json.Unmarshal(value, &text) == nil
}

func isSwitch(value json.RawMessage) (string, bool) {
	var on bool
	return "must be true or false", json.Unmarshal(value, &on) == nil
}

func isActions(value json.RawMessage) (string, bool) {
	var actions []struct{ Action, Title *string }
	ok := json.Unmarshal(value, &actions) == nil && len(actions) <= MaxActions
	for _, a := range actions {
		ok = ok && a.Action != nil && a.Title != nil
	}
	return fmt.Sprintf("must be at most %d of {action, title}", MaxActions), ok
}

func isTTL(value json.RawMessage) (string, bool) {
	var seconds int64
	ok := json.Unmarshal(value, &seconds) == nil && seconds >= 0 && seconds <= int64(MaxTTL/time.Second)
	return fmt.Sprintf("must be from 0 to %d seconds", int64(MaxTTL/time.Second)), ok
}

func isUrgency(value json.RawMessage) (string, bool) {
	var text Urgency
	ok := json.Unmarshal(value, &text) == nil && slices.Contains(Urgencies, text)
	return "must be very-low, low, normal or high", ok
}

// text is a field that is one; empty where there is none.
func (f Fields) text(name string) (text string) {
	_ = json.Unmarshal(f[name], &text)
	return text
}

// ttl is for how long a push service tries.
func (f Fields) ttl() time.Duration {
	var seconds *int64
	if json.Unmarshal(f["ttl"], &seconds) != nil || seconds == nil {
		return DefaultTTL
	}
	return min(max(time.Duration(min(*seconds, int64(MaxTTL/time.Second)))*time.Second, 0), MaxTTL)
}

func (f Fields) urgency() Urgency {
	if u := Urgency(f.text("urgency")); slices.Contains(Urgencies, u) {
		return u
	}
	return "normal"
}

// topic is what a later notification replaces this one by while it waits at a push service: at most 32 characters of base64url
// (RFC 8030, section 5.4). Without a tag it is replaced by nothing, and repetitions of it by each other.
func (f Fields) topic(id string) string {
	tag := f.text("tag")
	if tag == "" || tag == id {
		tag = "\x00" + id
	}
	digest := sha256.Sum256([]byte(tag))
	return base64.RawURLEncoding.EncodeToString(digest[:24])
}

// forTransport are fields for who carries a notification, not for who shows it.
var forTransport = []string{"ttl", "urgency", "bundleId"}

// spare are what is left out of a notification that is too long, in this order.
var spare = []string{"image", "actions", "badge", "icon", "sound", "data"}

// plain is what a browser is told, in at most most bytes: the fields, with the body cut. What does not fit is left out, the
// text last.
func (f Fields) plain(id string, at time.Time, most int) ([]byte, error) {
	return f.fit(id, at, most, func(told map[string]any) any { return told })
}

// fit is plain in the form that a service wants.
func (f Fields) fit(id string, at time.Time, most int, form func(told map[string]any) any) ([]byte, error) {
	told := make(map[string]any, len(f)+2)
	for name, value := range f {
		if !slices.Contains(forTransport, name) {
			told[name] = value
		}
	}
	if _, has := f["body"]; has {
		told["body"] = Cut(f.text("body"), MaxBody)
	}
	told["notificationId"], told["timestamp"] = id, at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	for n := 0; ; n++ {
		text, err := json.Marshal(form(told))
		if err != nil {
			return nil, fmt.Errorf("encode a notification: %w", err)
		}
		switch {
		case len(text) <= most:
			return text, nil
		case n < len(spare):
			delete(told, spare[n])
		case n == len(spare): // fields of the application's own
			for name := range told {
				if _, is := shown[name]; !is && name != "notificationId" && name != "timestamp" {
					delete(told, name)
				}
			}
		case n == len(spare)+1:
			told["title"] = Cut(f.text("title"), MaxBody)
			delete(told, "tag")
			delete(told, "color")
		default:
			return nil, errTooLong
		}
	}
}

// textIn is a text of what is told; empty where there is none.
func textIn(told map[string]any, name string) (text string) {
	switch value := told[name].(type) {
	case string:
		return value
	case json.RawMessage:
		_ = json.Unmarshal(value, &text)
	}
	return text
}

// unreadIn is how much there is to read, which a phone shows at the app's icon; nil where it is not known.
func unreadIn(told map[string]any) (n *int) {
	value, is := told["unread"].(json.RawMessage)
	if !is || json.Unmarshal(value, &n) != nil || n == nil || *n < 0 {
		return nil
	}
	return n
}

// Cut is a text of at most some characters, the last of which says that there was more.
func Cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	runes := []rune(text)
	return strings.TrimRightFunc(string(runes[:most-1]), func(r rune) bool { return r == ' ' || r == '\n' || r == '\u200d' }) + "…"
}
