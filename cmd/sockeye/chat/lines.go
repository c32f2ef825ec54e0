package chat

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/sockeye-im/sockeye/client"
)

// lines shows things to people, one line each.
type lines struct {
	out     io.Writer
	me      string
	options Options
	now     func() time.Time
	at      Place             // the one conversation that is shown; empty: several
	several bool              // lines say which conversation they are of
	lost    bool              // the user knows that there is no connection
	peers   map[string]string // users by the direct conversation with them
	failed  error             // of writing
}

func (v *lines) print(at time.Time, format string, args ...any) {
	local := at.Local()
	stamp := "15:04"
	if now := v.now(); local.YearDay() != now.YearDay() || local.Year() != now.Year() {
		stamp = "2 Jan 15:04"
	}
	if _, err := fmt.Fprintf(v.out, "%s %s\n", local.Format(stamp), printable(fmt.Sprintf(format, args...))); err != nil {
		v.failed = err
	}
}

// printable takes out what would command a terminal. Further lines are indented.
func printable(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\t", " ").Replace(text)
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || r == unicode.ReplacementChar || bidi(r)) {
			return '·'
		}
		return r
	}, text), "\n", "\n      ")
}

// bidi are characters that turn around what follows.
func bidi(r rune) bool { return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 }

func display(name, id string) string {
	switch {
	case name == "" || name == id:
		return id
	case strings.EqualFold(name, id):
		return name
	}
	return name + " (" + id + ")"
}

func named(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

func (v *lines) opened(at Place, name, handle string) {
	if v.at != (Place{}) && v.at != at {
		v.several = true
	}
	v.at = at
	where := "with "
	if at.RoomID != "" {
		where = "in "
	}
	v.note("You are " + where + display(name, handle) + ".")
}

func (v *lines) note(text string) {
	if _, err := fmt.Fprintln(v.out, "-- "+strings.ReplaceAll(printable(text), "\n      ", "\n-- ")); err != nil {
		v.failed = err
	}
}

func (v *lines) problem(err error) error {
	v.note(err.Error())
	return v.failed
}

// label says which conversation a line is of.
func (v *lines) label(room, peer string) string {
	switch {
	case !v.several && v.at != (Place{}):
		return ""
	case room != "":
		return "[" + room + "] "
	case peer != "":
		return "[@" + peer + "] "
	}
	return ""
}

func (v *lines) message(m *client.Message) {
	peer := m.SenderID
	if peer == v.me {
		peer = m.RecipientID
	}
	if m.RoomID == "" {
		v.peers[m.ConversationID] = peer
	}
	name, content := named(m.SenderUsername, m.SenderID), m.Content
	switch {
	case m.Deleted:
		content = "(deleted)"
	case m.Type != "text" && m.Type != "" && m.Type != "system":
		content = "(" + m.Type + ") " + content
	}
	if m.Edited {
		content += " (edited)"
	}
	v.print(m.Timestamp, "%s%s: %s", v.label(m.RoomID, peer), name, content)
}

func (v *lines) stored(*client.Sent) error { return nil }

func (v *lines) delivered(*client.Delivered) error { return nil }

func (v *lines) answered(request, json.RawMessage, error) error { return nil }

func (v *lines) happened(e client.Event) error {
	switch e := e.(type) {
	case *client.RoomMessage:
		v.message(&e.Message)
	case *client.MessageReceived:
		v.message(&e.Message)
	case *client.MessageEdited:
		v.changed(&e.MessageChange, "edited: "+e.Message.Content)
	case *client.MessagePinned:
		v.changed(&e.MessageChange, "pinned: "+e.Message.Content)
	case *client.MessageUnpinned:
		v.changed(&e.MessageChange, "unpinned: "+e.Message.Content)
	case *client.MessageDeleted:
		v.print(e.Timestamp, "%s* %s deleted a message", v.label(e.RoomID, v.peers[e.ConversationID]), e.DeletedBy)
	case *client.ReactionAdded:
		v.print(e.Timestamp, "%s* %s reacted with %s", v.label(e.RoomID, v.peers[e.ConversationID]), named(e.Username, e.UserID), e.Emoji)
	case *client.RoomInvited:
		v.print(e.Timestamp, "* %s invites you to the room %s", e.By, e.RoomID)
	case *client.RoomUpdated:
		v.print(e.Timestamp, "%s* %s changed the room", v.label(e.Room.ID, ""), e.By)
	case *client.RoomDeleted:
		v.print(e.Timestamp, "%s* %s deleted the room", v.label(e.RoomID, ""), e.DeletedBy)
	case *client.RoleChanged:
		v.print(e.Timestamp, "%s* %s is now %s", v.label(e.RoomID, ""), e.UserID, e.Role)
	case *client.Notification:
		v.print(v.now(), "* notification: %s", e.Payload)
	case *client.TypingStarted:
		if v.options.Typing {
			v.print(v.now(), "%s* %s is typing", v.label(e.RoomID, e.UserID), named(e.Username, e.UserID))
		}
	default:
		v.membership(e)
		v.connection(e)
	}
	return v.failed
}

func (v *lines) changed(c *client.MessageChange, what string) {
	v.print(c.Timestamp, "%s* %s %s", v.label(c.Message.RoomID, v.peers[c.ConversationID]), c.By, what)
}

func (v *lines) membership(e client.Event) {
	if !v.options.Joins {
		return
	}
	switch e := e.(type) {
	case *client.UserJoined:
		v.print(e.Timestamp, "%s-> %s has joined", v.label(e.RoomID, ""), named(e.Username, e.UserID))
	case *client.UserLeft:
		how := "has left"
		if e.Reason != "" {
			how = "was " + e.Reason + " by " + e.By
		}
		v.print(e.Timestamp, "%s<- %s %s", v.label(e.RoomID, ""), named(e.Username, e.UserID), how)
	case *client.UserBanned:
		v.print(e.Timestamp, "%s<- %s was banned by %s", v.label(e.RoomID, ""), named(e.Username, e.UserID), e.By)
	case *client.MembersAdded:
		v.print(e.Timestamp, "%s-> %d have joined", v.label(e.RoomID, ""), e.Count)
	case *client.UserOnline:
		v.print(v.now(), "-> %s is online", named(e.Username, e.UserID))
	case *client.UserOffline:
		v.print(v.now(), "<- %s is offline", named(e.Username, e.UserID))
	}
}

func (v *lines) connection(e client.Event) {
	switch e := e.(type) {
	case *client.Disconnected:
		v.lost = true
		v.note("The connection is lost; what you say goes out when it is back. " + e.Err.Error())
	case *client.CaughtUp:
		if v.lost {
			v.note("The connection is back.")
		}
		v.lost = false
	case *client.ReconnectFailed:
		v.note(fmt.Sprintf("%d attempts to reconnect have failed; it goes on every 30 s. %s", e.Attempts, e.Err))
	case *client.Undelivered:
		v.note("Not sent: " + e.Err.Error())
	case *client.Failure:
		v.note(e.Message)
	case *client.ConversationReset:
		v.note("Too much was missed to show it all; /history shows the last of it.")
	case *client.ConversationGone:
		v.note("You are no longer in " + named(v.peers[e.ConversationID], e.ConversationID) + ".")
	}
}
