package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// UpdateRoom implements [chat.Rooms].
func (s *Store) UpdateRoom(ctx context.Context, cmd chat.UpdateRoom) error {
	return s.writer.Do(ctx, func(tx *tx) error { return tx.updateRoom(&cmd) })
}

func (t *tx) updateRoom(cmd *chat.UpdateRoom) error {
	conversation, err := t.administered(cmd.RoomID, cmd.Actor.ID)
	if err != nil {
		return err
	}
	r, err := rows.Room(t.row(roomQuery, cmd.RoomID))
	if err != nil {
		return fmt.Errorf("read room: %w", err)
	}
	change, err := cmd.Apply(&r)
	if err != nil || !change {
		return err
	}
	if _, err := t.exec(`
		UPDATE rooms SET name = ?, description = ?, type = ?, max_members = ?,
			allow_file_upload = ?, allow_voice_message = ?, retention_ms = ?, folded = ?
		WHERE id = ?`,
		r.Name, r.Description, r.Type, r.MaxMembers, r.Settings.AllowFileUpload, r.Settings.AllowVoiceMessage,
		r.Settings.MessageRetention.Milliseconds(), foldRoom(r.Name, r.Description), r.ID); err != nil {
		return fmt.Errorf("update room: %w", err)
	}
	return t.logRoom(chat.RoomUpdated, conversation, cmd.Actor, &r, cmd.At)
}

// DeleteRoom implements [chat.Rooms]. The log keeps its end, without anybody who may
// read it; retention removes the rest in portions.
func (s *Store) DeleteRoom(ctx context.Context, cmd chat.DeleteRoom) error {
	return s.writer.Do(ctx, func(tx *tx) error { return tx.deleteRoom(&cmd) })
}

func (t *tx) deleteRoom(cmd *chat.DeleteRoom) error {
	conversation, err := t.administered(cmd.RoomID, cmd.Actor.ID)
	if err != nil {
		return err
	}
	r, err := rows.Room(t.row(roomQuery, cmd.RoomID))
	if err != nil {
		return fmt.Errorf("read room: %w", err)
	}
	members, err := rows.Collect(t.each, nil, rows.One[chat.UserID],
		`DELETE FROM members WHERE conversation_id = ? RETURNING user_id`, conversation)
	if err != nil {
		return fmt.Errorf("remove members: %w", err)
	}
	slices.Sort(members) // no order is promised
	if err := t.logRoom(chat.RoomDeleted, conversation, cmd.Actor, &r, cmd.At, members...); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM invites WHERE conversation_id = ?`,
		`DELETE FROM rooms WHERE conversation_id = ?`,
		`UPDATE conversations SET member_count = 0 WHERE id = ?`,
	} {
		if _, err := t.exec(statement, conversation); err != nil {
			return fmt.Errorf("delete room: %w", err)
		}
	}
	return nil
}

// logRoom logs and tells the room something about itself; and the users, who are
// members no longer.
func (t *tx) logRoom(kind chat.EventKind, conversation string, by chat.Actor, r *chat.Room, at time.Time, users ...chat.UserID) error {
	place, err := t.place(entry{conversation: conversation, kind: kind, actor: by.ID, at: at}, by.Origin)
	if err != nil {
		return err
	}
	return t.emitNamed(chat.NewRoomEvent(kind, place, *r, users...))
}
