package chat

import (
	"encoding/json"

	"github.com/sockeye-im/sockeye/client"
)

// view shows things. An error is one of writing: there is nobody any more to show
// them to.
type view interface {
	opened(at Place, name, handle string) // handle is what others call it by: @login, or an id
	message(m *client.Message)
	happened(e client.Event) error
	delivered(e *client.Delivered) error
	stored(s *client.Sent) error
	answered(r request, answer json.RawMessage, err error) error
	note(text string)
	problem(err error) error
}

// roomOf is the room that an event is of, if it is of one.
func roomOf(e client.Event) (room string, ok bool) {
	switch e := e.(type) {
	case *client.RoomMessage:
		room = e.RoomID
	case *client.MessageEdited:
		room = e.Message.RoomID
	case *client.MessagePinned:
		room = e.Message.RoomID
	case *client.MessageUnpinned:
		room = e.Message.RoomID
	case *client.MessageDeleted:
		room = e.RoomID
	case *client.ReactionAdded:
		room = e.RoomID
	case *client.ReactionRemoved:
		room = e.RoomID
	case *client.UserJoined:
		room = e.RoomID
	case *client.UserLeft:
		room = e.RoomID
	case *client.UserBanned:
		room = e.RoomID
	case *client.UserUnbanned:
		room = e.RoomID
	case *client.RoleChanged:
		room = e.RoomID
	case *client.MembersAdded:
		room = e.RoomID
	case *client.RoomUpdated:
		room = e.Room.ID
	case *client.RoomDeleted:
		room = e.RoomID
	case *client.TypingStarted:
		room = e.RoomID
	case *client.TypingStopped:
		room = e.RoomID
	}
	return room, room != ""
}

// ofConnection tells that an event is of no conversation, but of how the client
// stands.
func ofConnection(e client.Event) bool {
	switch e.(type) {
	case *client.Connected, *client.CaughtUp, *client.Disconnected, *client.ReconnectFailed, *client.Dropped, *client.Failure:
		return true
	}
	return false
}
