package chat

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

const maxRoomID = 64

// checkDraft checks all of a message but its target.
func (s *Service) checkDraft(clientMsgID string, d *Draft) error {
	if err := d.checkContent(s.cfg.MaxText); err != nil {
		return err
	}
	if !d.Type.sendable() {
		return refusal.Invalid("type", "must be one of text, image, video, audio, voice, file")
	}
	if clientMsgID != "" {
		if err := checkID("clientMsgId", clientMsgID, MaxClientMsgID); err != nil {
			return err
		}
	}
	if d.ReplyTo != "" {
		if err := checkID("replyTo", d.ReplyTo, MaxMessageID); err != nil {
			return err
		}
	}
	if len(d.Attachments) > MaxAttachments {
		return refusal.TooMuch("attachments", MaxAttachments, "files")
	}
	for i, id := range d.Attachments {
		if err := checkID(fmt.Sprintf("attachments[%d]", i), id, MaxFileID); err != nil {
			return err
		}
	}
	return nil
}

// checkContent is that of a message, which needs no text where it has files.
func (d *Draft) checkContent(limit int) error {
	if d.Content == "" && len(d.Attachments) > 0 {
		return nil
	}
	return checkContent(d.Content, limit)
}

func checkContent(content string, limit int) error {
	if content == "" {
		return refusal.Missing("content")
	}
	return checkText("content", content, limit)
}

// checkText accepts text that every store can keep: valid UTF-8 of at most limit
// characters without U+0000, which not every database takes.
func checkText(field, text string, limit int) error {
	if !utf8.ValidString(text) {
		return refusal.Invalid(field, "must be valid UTF-8")
	}
	// A character takes at least a byte: short texts need no count.
	if len(text) > limit && utf8.RuneCountInString(text) > limit {
		return refusal.TooMuch(field, limit, "characters")
	}
	for i := range len(text) {
		if text[i] == 0 {
			return refusal.Invalid(field, "must not contain the character U+0000")
		}
	}
	return nil
}

func checkUserID(field string, id UserID) error {
	return checkID(field, string(id), MaxUserID)
}

// checkID accepts an opaque id from outside: 1 to limit bytes, printable.
func checkID(field, id string, limit int) error {
	if id == "" {
		return refusal.Invalid(field, "must not be empty")
	}
	if len(id) > limit {
		return refusal.TooMuch(field, limit, "bytes")
	}
	if !utf8.ValidString(id) {
		return refusal.Invalid(field, "must be valid UTF-8")
	}
	for _, r := range id {
		if !unicode.IsPrint(r) {
			return refusal.Invalid(field, "must be printable")
		}
	}
	return nil
}

// checkNewRoomID is checkRoomID that refuses too what is no segment of an address: the
// room could not be reached over HTTP.
func checkNewRoomID(id string) error {
	if id == "." || id == ".." {
		return refusal.Invalid("id", `must not be "." or ".."`)
	}
	return checkRoomID("id", id)
}

// checkRoomID accepts [A-Za-z0-9_.-]{1,64}.
func checkRoomID(field, id string) error {
	if len(id) > maxRoomID {
		return refusal.TooMuch(field, maxRoomID, "characters")
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return refusal.Invalid(field, "may have letters, digits, '_', '.' and '-' only")
		}
	}
	if id == "" {
		return refusal.Invalid(field, "must not be empty")
	}
	return nil
}
