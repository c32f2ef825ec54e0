package chat

// overhead is about what the names, ids and times of an event or a message take
// when they are encoded.
const overhead = 512

// Size is about how many bytes the event takes when it is encoded as JSON.
func (e *Event) Size() int {
	size := overhead + e.Names.size()
	if e.Message != nil {
		size += e.Message.Size()
	}
	if e.Room != nil {
		size += encoded(e.Room.Name) + encoded(e.Room.Description)
	}
	if e.Added != nil {
		size += (MaxUserID + 3) * min(len(e.Added.Users), ListedMembers)
	}
	return size
}

// Size is about how many bytes the message takes when it is encoded as JSON.
func (m *Message) Size() int {
	size := overhead + encoded(m.Content) + encoded(m.SenderName) + m.Names.size()
	for _, id := range m.Attachments {
		size += encoded(id)
	}
	for i := range m.Files {
		size += overhead + encoded(m.Files[i].Name)
	}
	for _, id := range m.Mentions {
		size += encoded(string(id))
	}
	for _, r := range m.Reactions {
		size += encoded(r.Emoji)
		for _, id := range r.Users {
			size += encoded(string(id))
		}
	}
	return size
}

// Size is about how many bytes the summary takes when it is encoded as JSON.
func (s *Summary) Size() int {
	size := overhead
	if s.Room != nil {
		size += encoded(s.Room.Name) + encoded(s.Room.Description)
	}
	if s.Last != nil {
		size += s.Last.Size()
	}
	return size
}

// encoded is the length of a JSON string: what is escaped takes up to 6 bytes.
func encoded(text string) int {
	size := len(text) + 3
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			size++
		case c < ' ' || c == '<' || c == '>' || c == '&':
			size += 5
		}
	}
	return size
}
