package chat

// Standing is what a user is in a conversation: nothing to who is not in it.
// Drivers look it up inside the transaction and ask the rules below.
type Standing struct {
	Role Role
}

// Member tells whether the user is in the conversation.
func (s Standing) Member() bool { return s.Role != "" }

// MayAdminister is the rule for who may change a room and its members.
func (s Standing) MayAdminister() error {
	switch {
	case !s.Member():
		return ErrNotInRoom
	case s.Role != RoleAdmin:
		return ErrNotAdmin
	default:
		return nil
	}
}

// MayPost is the rule for what may be written in a room, given its settings.
// Whoever may not write there at all was refused before.
func (r RoomSettings) MayPost(m *Message) error {
	switch {
	case m.Type == TypeSystem:
		return nil
	case m.Type == TypeVoice && !r.AllowVoiceMessage:
		return ErrVoiceNotAllowed
	case m.Type == TypeVoice:
		return nil
	case !r.AllowFileUpload && (m.Type != TypeText || len(m.Attachments) > 0):
		return ErrUploadsNotAllowed
	default:
		return nil
	}
}

// visible hides a message from who is not in its conversation.
func visible(s Standing) error {
	if !s.Member() {
		return ErrMessageNotFound
	}
	return nil
}
