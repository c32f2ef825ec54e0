package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/rows"
	"github.com/sockeye-im/sockeye/internal/upload"
)

// Files is an [upload.Store] in the same file and with the same writer as the messages that carry them. It lives as long as its Store.
// All methods may be called concurrently.
type Files struct{ store *Store }

var _ upload.Store = (*Files)(nil)

// Files returns the files of the database.
func (s *Store) Files() *Files { return &Files{s} }

const (
	fileQuery = `SELECT ` + rows.FileColumns + ` FROM files WHERE id = ? AND state <> 'removed'`
	// filesQuery is for [rows.FilesAmong].
	filesQuery = `SELECT ` + rows.FileColumns + ` FROM files WHERE id IN (SELECT value FROM json_each(?)) AND state = 'ready'`
)

// Begin implements [upload.Store].
func (f *Files) Begin(ctx context.Context, cmd upload.Begin) error {
	return f.store.writer.Do(ctx, func(tx *tx) error { return tx.beginFile(&cmd) })
}

func (t *tx) beginFile(cmd *upload.Begin) error {
	r := &cmd.Record
	var bytes int64
	var unfinished int
	if err := t.row(`
		SELECT coalesce(sum(max(length, size)), 0), count(CASE WHEN state = 'uploading' THEN 1 END)
		FROM files WHERE owner_id = ? AND state <> 'removed'`, r.Owner).Scan(&bytes, &unfinished); err != nil {
		return fmt.Errorf("count files: %w", err)
	}
	if err := cmd.Permit(bytes, unfinished); err != nil {
		return err
	}
	texts, err := rows.FileTexts(r)
	if err != nil {
		return err
	}
	if _, err := t.exec(`
		INSERT INTO files (id, owner_id, state, name, metadata, concat, length, received, parts, type, size, blob, processed, details,
			variants, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Owner, string(r.State), r.Name, r.Metadata, r.Concat, r.Length, r.Offset, texts[0], r.Type, r.Size, r.Blob, r.Processed,
		texts[1], texts[2], r.CreatedAt.UnixMilli(), optionalMillis(r.ExpiresAt)); err != nil {
		return fmt.Errorf("insert a file: %w", err)
	}
	return nil
}

// Advance implements [upload.Store].
func (f *Files) Advance(ctx context.Context, cmd upload.Advance) error {
	return f.store.writer.Do(ctx, func(tx *tx) error {
		texts, err := rows.FileTexts(&upload.Record{Parts: cmd.Parts})
		if err != nil {
			return err
		}
		changed, err := tx.exec(`UPDATE files SET received = ?, parts = ?, expires_at = ? WHERE id = ? AND state = 'uploading' AND received = ?`,
			cmd.Offset, texts[0], optionalMillis(cmd.ExpiresAt), cmd.ID, cmd.From)
		if err != nil {
			return fmt.Errorf("move an upload on: %w", err)
		}
		return rows.FileStep(changed, func() (upload.Record, error) { return rows.OneFile(tx.row(fileQuery, cmd.ID)) })
	})
}

// Finish implements [upload.Store].
func (f *Files) Finish(ctx context.Context, cmd upload.Finish) error {
	return f.store.writer.Do(ctx, func(tx *tx) error { return tx.finishFile(&cmd) })
}

func (t *tx) finishFile(cmd *upload.Finish) error {
	r := &cmd.Record
	texts, err := rows.FileTexts(r)
	if err != nil {
		return err
	}
	changed, err := t.exec(`
		UPDATE files SET state = 'ready', length = ?, received = ?, parts = 'null', type = ?, size = ?, blob = ?, processed = ?,
			details = ?, variants = ?, expires_at = ?
		WHERE id = ? AND state = 'uploading' AND received = ?`,
		r.Length, r.Length, r.Type, r.Size, r.Blob, r.Processed, texts[1], texts[2], optionalMillis(r.ExpiresAt), r.ID, cmd.From)
	if err != nil {
		return fmt.Errorf("finish an upload: %w", err)
	}
	if err := rows.FileStep(changed, func() (upload.Record, error) { return rows.OneFile(t.row(fileQuery, r.ID)) }); err != nil {
		return err
	}
	if err := t.removeFiles(cmd.Joined, cmd.At); err != nil || len(cmd.Jobs) == 0 {
		return err
	}
	return t.enqueue(cmd.Jobs)
}

// Process implements [upload.Store].
func (f *Files) Process(ctx context.Context, cmd upload.Process) (upload.Record, error) {
	return rows.Result(ctx, f.store.writer.Do, func(tx *tx) (upload.Record, error) {
		texts, err := rows.FileTexts(&upload.Record{Details: cmd.Details, Variants: cmd.Variants})
		if err != nil {
			return upload.Record{}, err
		}
		return rows.OneFile(tx.row(`
			UPDATE files SET processed = 1, details = ?, variants = ? WHERE id = ? AND state = 'ready' RETURNING `+rows.FileColumns,
			texts[1], texts[2], cmd.ID))
	})
}

// Record implements [upload.Store].
func (f *Files) Record(ctx context.Context, id string) (upload.Record, error) {
	return rows.OneFile(f.store.readers.row(ctx, fileQuery, id))
}

// Readable implements [upload.Store].
func (f *Files) Readable(ctx context.Context, id string, user chat.UserID) (upload.Record, error) {
	return rows.OneFile(f.store.readers.row(ctx, `
		SELECT `+rows.FileColumns+` FROM files
		WHERE id = ?1 AND state = 'ready' AND (owner_id = ?2 OR EXISTS (
			SELECT 1 FROM file_uses u JOIN members m ON m.conversation_id = u.conversation_id AND m.user_id = ?2 WHERE u.file_id = ?1))`, id, user))
}

// Audience implements [upload.Store].
func (f *Files) Audience(ctx context.Context, id string) (upload.Audience, error) {
	return rows.FileAudience(f.store.readers.rows(ctx), `
		SELECT DISTINCT coalesce(r.id, ''), coalesce(m.user_id, '')
		FROM file_uses u LEFT JOIN rooms r ON r.conversation_id = u.conversation_id
			LEFT JOIN members m ON r.id IS NULL AND m.conversation_id = u.conversation_id
		WHERE u.file_id = ?`, id)
}

// Remove implements [upload.Store].
func (f *Files) Remove(ctx context.Context, cmd upload.Remove) error {
	return f.store.writer.Do(ctx, func(tx *tx) error {
		r, err := rows.OneFile(tx.row(fileQuery, cmd.ID))
		if err != nil {
			return err
		}
		var one int
		used, err := rows.Found(tx.row(`SELECT 1 FROM file_uses WHERE file_id = ? LIMIT 1`, cmd.ID).Scan(&one))
		if err != nil {
			return fmt.Errorf("look for messages with a file: %w", err)
		}
		if err := cmd.Permit(&r, used); err != nil {
			return err
		}
		return tx.removeFiles([]string{cmd.ID}, cmd.At)
	})
}

// removeFiles removes those of the records that are not removed and that no message carries, and enqueues what has their bytes go.
func (t *tx) removeFiles(ids []string, at time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	removed, err := rows.Collect(t.each, nil, rows.One[string], `
		UPDATE files SET state = 'removed', name = '', metadata = '', details = '{}', expires_at = NULL
		WHERE id IN (SELECT value FROM json_each(?)) AND state <> 'removed' AND NOT EXISTS (SELECT 1 FROM file_uses u WHERE u.file_id = files.id)
		RETURNING id`, ids)
	if err != nil {
		return fmt.Errorf("remove files: %w", err)
	}
	jobs := make([]job.Job, len(removed))
	for i, id := range removed {
		jobs[i] = upload.RemovalJob(id, at)
	}
	return t.enqueue(jobs)
}

// Expired implements [upload.Store].
func (f *Files) Expired(ctx context.Context, at time.Time, limit int) ([]string, error) {
	ids, err := rows.Collect(f.store.readers.rows(ctx), nil, rows.One[string],
		`SELECT id FROM files WHERE expires_at IS NOT NULL AND expires_at <= ? ORDER BY expires_at LIMIT ?`, at.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("look for expired files: %w", err)
	}
	return ids, nil
}

// Release implements [upload.Store].
func (f *Files) Release(ctx context.Context, conversation string, at time.Time, limit int) (int, error) {
	return rows.Result(ctx, f.store.writer.Do, func(tx *tx) (int, error) {
		var one int
		there, err := rows.Found(tx.row(`SELECT 1 FROM rooms WHERE conversation_id = ?`, conversation).Scan(&one))
		if err != nil || there {
			return 0, err
		}
		return tx.releaseFiles(at, `
			DELETE FROM file_uses WHERE (conversation_id, seq, file_id) IN (
				SELECT u.conversation_id, u.seq, u.file_id FROM file_uses u WHERE u.conversation_id = ? ORDER BY u.seq, u.file_id LIMIT ?)
			RETURNING file_id`, conversation, limit)
	})
}

// releaseFiles removes uses by a statement that returns whose they were, and what no other message carries. It returns how many uses
// went.
func (t *tx) releaseFiles(at time.Time, statement string, args ...any) (int, error) {
	ids, err := rows.Collect(t.each, nil, rows.One[string], statement, args...)
	if err != nil {
		return 0, fmt.Errorf("release files: %w", err)
	}
	return len(ids), t.removeFiles(ids, at)
}

// Forget implements [upload.Store].
func (f *Files) Forget(ctx context.Context, id string) error {
	return f.store.writer.Do(ctx, func(tx *tx) error {
		_, err := tx.exec(`DELETE FROM files WHERE id = ? AND state = 'removed'`, id)
		return err
	})
}

// Known implements [upload.Store].
func (f *Files) Known(ctx context.Context, ids []string) ([]string, error) {
	known, err := rows.Collect(f.store.readers.rows(ctx), nil, rows.One[string], `SELECT id FROM files WHERE id IN (SELECT value FROM json_each(?))`, ids)
	if err != nil {
		return nil, fmt.Errorf("look up files: %w", err)
	}
	return known, nil
}

// Kept implements [upload.Store].
func (f *Files) Kept(ctx context.Context, after string, limit int) ([]upload.Record, error) {
	kept, err := rows.Collect(f.store.readers.rows(ctx), nil, rows.File,
		`SELECT `+rows.FileColumns+` FROM files WHERE id > ? AND state <> 'removed' ORDER BY id LIMIT ?`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	return kept, nil
}

// findAttached checks what m is to carry, and adds it.
func (t *tx) findAttached(cmd *chat.Append, m *chat.Message) error {
	if len(m.Attachments) == 0 {
		return nil
	}
	there, err := rows.FilesAmong(t.each, filesQuery, m.Attachments)
	if err != nil {
		return err
	}
	m.Files, err = cmd.Attach(m, there)
	return err
}

// attach notes that m, which is stored, carries its files, which do not expire any more.
func (t *tx) attach(m *chat.Message) error {
	for i := range m.Files {
		if _, err := t.exec(`INSERT INTO file_uses (conversation_id, seq, file_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			m.ConversationID, m.Seq, m.Files[i].ID); err != nil {
			return fmt.Errorf("attach a file: %w", err)
		}
		if _, err := t.exec(`UPDATE files SET expires_at = NULL WHERE id = ?`, m.Files[i].ID); err != nil {
			return fmt.Errorf("keep a file: %w", err)
		}
	}
	return nil
}

// holdFiles has files not expire before a message that is scheduled has been sent.
func (t *tx) holdFiles(ids []string, until time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := t.exec(`
		UPDATE files SET expires_at = ? WHERE id IN (SELECT value FROM json_each(?)) AND expires_at IS NOT NULL AND expires_at < ?`,
		until.UnixMilli(), ids, until.UnixMilli()); err != nil {
		return fmt.Errorf("keep files: %w", err)
	}
	return nil
}
