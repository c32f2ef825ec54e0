package chat

import (
	"context"
	"fmt"
)

// PostSystem is a message of the server's own to a room. ClientMsgID is optional
// and of the server's own namespace.
type PostSystem struct {
	RoomID      string
	Content     string
	ClientMsgID string
}

// PostSystem stores a message of type system, from [SystemUser], in a room. It asks
// for no permission: gateways must not offer it to users.
func (s *Service) PostSystem(ctx context.Context, cmd PostSystem) (Message, error) {
	if err := requireRoomID(cmd.RoomID); err != nil {
		return Message{}, err
	}
	d := Draft{
		Sender: Actor{ID: SystemUser, Name: string(SystemUser)}, RoomID: cmd.RoomID, Content: cmd.Content, Type: TypeText,
	}
	if err := s.checkDraft(cmd.ClientMsgID, &d); err != nil {
		return Message{}, err
	}
	d.Type = TypeSystem
	m, err := s.store.AppendMessage(ctx, Append{Message: s.message(cmd.ClientMsgID, &d), Fingerprint: d.fingerprint()})
	if err != nil {
		return Message{}, fmt.Errorf("append system message: %w", err)
	}
	return m, nil
}
