package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// AddMembers implements [chat.Moderation].
func (s *Store) AddMembers(ctx context.Context, cmd chat.AddMembers) ([]chat.UserID, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) ([]chat.UserID, error) { return tx.addMembers(&cmd) })
}

func (t *tx) addMembers(cmd *chat.AddMembers) ([]chat.UserID, error) {
	var conversation string
	var present, most int
	found, err := rows.Found(t.row(`
		SELECT r.conversation_id, c.member_count, r.max_members
		FROM rooms r JOIN conversations c ON c.id = r.conversation_id WHERE r.id = ?`, cmd.RoomID).
		Scan(&conversation, &present, &most))
	if err != nil {
		return nil, fmt.Errorf("look up room: %w", err)
	}
	if !found {
		return nil, chat.ErrRoomNotFound
	}
	added, err := t.newcomers(conversation, cmd.Users)
	if err != nil || len(added) == 0 {
		return added, err
	}
	if present+len(added) > most {
		return nil, chat.ErrRoomFull
	}
	at, err := t.place(entry{
		conversation: conversation, kind: chat.MembersAdded, actor: cmd.Actor.ID, detail: strconv.Itoa(len(added)), at: cmd.At,
	}, cmd.Actor.Origin)
	if err != nil {
		return nil, err
	}
	for _, user := range added {
		if err := t.forget(conversation, user); err != nil {
			return nil, err
		}
		if err := t.insertMember(at, user, chat.RoleMember); err != nil {
			return nil, err
		}
	}
	if _, err := t.exec(`UPDATE conversations SET member_count = member_count + ? WHERE id = ?`, len(added), conversation); err != nil {
		return nil, fmt.Errorf("count members: %w", err)
	}
	if err := t.emitNamed(chat.NewAddedEvent(at, chat.Added{
		RoomID: cmd.RoomID, Count: len(added), Users: slices.Clone(added),
	})); err != nil {
		return nil, err
	}
	if present > 0 {
		return added, nil
	}
	// A room that has members has an admin.
	return added, t.changeRole(conversation, &chat.SetRole{
		Moderate: chat.Moderate{RoomID: cmd.RoomID, Actor: cmd.Actor, UserID: added[0], At: cmd.At}, Role: chat.RoleAdmin,
	})
}

// newcomers are those of the users, sorted and each once, who are neither members
// nor banned.
func (t *tx) newcomers(conversation string, users []chat.UserID) ([]chat.UserID, error) {
	sorted := slices.Compact(slices.Sorted(slices.Values(users)))
	added := []chat.UserID{}
	for _, user := range sorted {
		found, err := t.target(conversation, user)
		if err != nil {
			return nil, err
		}
		if found.role == "" && !found.banned {
			added = append(added, user)
		}
	}
	return added, nil
}
