package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// scheduledColumns are those of [rows.Scheduled].
const scheduledColumns = `id, author_id, author_name, conversation_id, room_id, recipient_id, content, type, reply_to, attachments,
	client_msg_id, send_at, created_at, version, failure_code, failure_message`

// scheduledHold is how long files are kept behind the time at which a message with them is to be sent: it may be late.
const scheduledHold = 48 * time.Hour

// ScheduleMessage implements [chat.Later].
func (s *Store) ScheduleMessage(ctx context.Context, cmd chat.Schedule) (chat.Scheduled, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (chat.Scheduled, error) { return tx.scheduleMessage(&cmd) })
}

func (t *tx) scheduleMessage(cmd *chat.Schedule) (chat.Scheduled, error) {
	m := cmd.Scheduled
	if m.ClientMsgID != "" {
		stored, fingerprint, found, err := rows.ScheduledAs(t.row(`SELECT `+scheduledColumns+`, fingerprint FROM scheduled_messages
			WHERE author_id = ? AND client_msg_id = ?`, m.AuthorID, m.ClientMsgID))
		switch {
		case err != nil:
			return m, fmt.Errorf("look up client id: %w", err)
		case found:
			return stored, cmd.Repeats(fingerprint)
		}
	}
	var has int
	if err := t.row(`SELECT count(*) FROM scheduled_messages WHERE author_id = ?`, m.AuthorID).Scan(&has); err != nil {
		return m, fmt.Errorf("count scheduled messages: %w", err)
	}
	if has >= cmd.Most {
		return m, chat.ErrTooManyScheduled
	}
	would := cmd.Append.Message
	if err := t.permitMessage(&cmd.Append, &would); err != nil {
		return m, err
	}
	if err := t.findThread(&would); err != nil {
		return m, err
	}
	if err := t.findAttached(&cmd.Append, &would); err != nil {
		return m, err
	}
	if err := t.holdFiles(m.Attachments, m.SendAt.Add(scheduledHold)); err != nil {
		return m, err
	}
	m.ConversationID = would.ConversationID
	attachments, err := rows.List(m.Attachments)
	if err != nil {
		return m, fmt.Errorf("encode attachments: %w", err)
	}
	if _, err := t.exec(`
		INSERT INTO scheduled_messages (id, author_id, author_name, conversation_id, room_id, recipient_id, content, type, reply_to,
			attachments, client_msg_id, fingerprint, send_at, created_at, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, m.AuthorID, m.AuthorName, m.ConversationID, optional(m.RoomID), optional(m.RecipientID), m.Content, m.Type, optional(m.ReplyTo),
		optional(attachments), optional(m.ClientMsgID), cmd.Fingerprint, m.SendAt.UnixMilli(), m.CreatedAt.UnixMilli(), m.Version); err != nil {
		return m, fmt.Errorf("insert scheduled message: %w", err)
	}
	send, err := m.Job(m.CreatedAt)
	if err != nil {
		return m, err
	}
	t.emit(chat.NewScheduledEvent(&m, m.State(), "", m.CreatedAt, cmd.Origin))
	return m, t.enqueue([]job.Job{send})
}

// RescheduleMessage implements [chat.Later].
func (s *Store) RescheduleMessage(ctx context.Context, cmd chat.Reschedule) (chat.Scheduled, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (chat.Scheduled, error) { return tx.rescheduleMessage(&cmd) })
}

func (t *tx) rescheduleMessage(cmd *chat.Reschedule) (chat.Scheduled, error) {
	m, err := rows.OneScheduled(t.row(`SELECT `+scheduledColumns+` FROM scheduled_messages WHERE id = ?`, cmd.ID))
	if err != nil {
		return m, err
	}
	before := m.JobID()
	if err := cmd.Apply(&m); err != nil {
		return m, err
	}
	if _, err := t.exec(`
		UPDATE scheduled_messages SET content = ?, send_at = ?, version = ?, failure_code = NULL, failure_message = NULL WHERE id = ?`,
		m.Content, m.SendAt.UnixMilli(), m.Version, m.ID); err != nil {
		return m, fmt.Errorf("update scheduled message: %w", err)
	}
	if err := t.withdraw(before); err != nil {
		return m, err
	}
	if err := t.holdFiles(m.Attachments, m.SendAt.Add(scheduledHold)); err != nil {
		return m, err
	}
	send, err := m.Job(cmd.At)
	if err != nil {
		return m, err
	}
	t.emit(chat.NewScheduledEvent(&m, m.State(), "", cmd.At, cmd.Author.Origin))
	return m, t.enqueue([]job.Job{send})
}

// UnscheduleMessage implements [chat.Later].
func (s *Store) UnscheduleMessage(ctx context.Context, cmd chat.Unschedule) error {
	return s.writer.Do(ctx, func(tx *tx) error {
		m, err := rows.OneScheduled(tx.row(`DELETE FROM scheduled_messages WHERE id = ? AND author_id = ? RETURNING `+scheduledColumns,
			cmd.ID, cmd.Author.ID))
		if err != nil {
			return err
		}
		tx.emit(chat.NewScheduledEvent(&m, chat.ScheduledCancelled, "", cmd.At, cmd.Author.Origin))
		return tx.withdraw(m.JobID())
	})
}

// forsake cancels what a job carries that is not to be done: a message that nobody would send any more.
func (t *tx) forsake(j *job.Job, at time.Time) error {
	if j.Kind != chat.ScheduledKind {
		return nil
	}
	due, err := chat.DueOf(j)
	if err != nil {
		return nil //nolint:nilerr // It carries nothing.
	}
	m, err := rows.OneScheduled(t.row(`
		DELETE FROM scheduled_messages WHERE id = ? AND version = ? AND failure_code IS NULL RETURNING `+scheduledColumns, due.ID, due.Version))
	switch {
	case errors.Is(err, chat.ErrScheduledNotFound): // it was sent, or is another version by now
		return nil
	case err != nil:
		return err
	}
	t.emit(chat.NewScheduledEvent(&m, chat.ScheduledCancelled, "", at, ""))
	return nil
}

// ScheduledMessage implements [chat.Later].
func (s *Store) ScheduledMessage(ctx context.Context, id string) (chat.Scheduled, error) {
	return rows.OneScheduled(s.readers.row(ctx, `SELECT `+scheduledColumns+` FROM scheduled_messages WHERE id = ?`, id))
}

// ScheduledMessages implements [chat.Later].
func (s *Store) ScheduledMessages(ctx context.Context, author chat.UserID) ([]chat.Scheduled, error) {
	list, err := rows.Collect(s.readers.rows(ctx), []chat.Scheduled{}, func(row rows.Row) (chat.Scheduled, error) { return rows.Scheduled(row) },
		`SELECT `+scheduledColumns+` FROM scheduled_messages WHERE author_id = ? ORDER BY send_at, id`, author)
	if err != nil {
		return nil, fmt.Errorf("list scheduled messages: %w", err)
	}
	return list, nil
}

// SendScheduled implements [chat.Later].
func (s *Store) SendScheduled(ctx context.Context, cmd chat.SendScheduled) (chat.Message, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (chat.Message, error) { return tx.sendScheduled(&cmd) })
}

func (t *tx) sendScheduled(cmd *chat.SendScheduled) (chat.Message, error) {
	m, err := rows.OneScheduled(t.row(`
		DELETE FROM scheduled_messages WHERE id = ? AND version = ? AND failure_code IS NULL RETURNING `+scheduledColumns, cmd.ID, cmd.Version))
	if err != nil {
		return chat.Message{}, err
	}
	var one int
	disabled, err := rows.Found(t.row(`SELECT 1 FROM users WHERE id = ? AND disabled_at IS NOT NULL`, m.AuthorID).Scan(&one))
	switch {
	case err != nil:
		return chat.Message{}, fmt.Errorf("look up author: %w", err)
	case disabled:
		return chat.Message{}, account.ErrAccountDisabled
	}
	sent, err := t.appendMessage(&cmd.Append)
	if err != nil {
		return sent, err
	}
	if m.RoomID != "" && sent.ConversationID != m.ConversationID {
		return sent, chat.ErrRoomNotFound // it is another one
	}
	t.emit(chat.NewScheduledEvent(&m, chat.ScheduledSent, sent.ID, cmd.Append.Message.Timestamp, ""))
	return sent, nil
}

// FailScheduled implements [chat.Later].
func (s *Store) FailScheduled(ctx context.Context, cmd chat.FailScheduled) error {
	return s.writer.Do(ctx, func(tx *tx) error {
		m, err := rows.OneScheduled(tx.row(`
			UPDATE scheduled_messages SET failure_code = ?, failure_message = ?
			WHERE id = ? AND version = ? AND failure_code IS NULL RETURNING `+scheduledColumns,
			cmd.Failure.Code, cmd.Failure.Message, cmd.ID, cmd.Version))
		if errors.Is(err, chat.ErrScheduledNotFound) {
			return nil
		}
		if err == nil {
			tx.emit(chat.NewScheduledEvent(&m, m.State(), "", cmd.At, ""))
		}
		return err
	})
}
