package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Do is that of the batch writer, for a command whose ctx may carry an entry of the audit log: it is stored with what the command stores.
func (w *writer) Do(ctx context.Context, run func(*tx) error) error {
	if e, carried := account.AuditOf(ctx); carried {
		return w.Writer.Do(ctx, func(t *tx) error {
			t.unchanged = false
			if err := run(t); err != nil || t.unchanged {
				return err
			}
			return t.audit(&e)
		})
	}
	return w.Writer.Do(ctx, run)
}

func (t *tx) audit(e *account.AuditEntry) error {
	_, err := t.exec(`
		INSERT INTO audit (id, at, by_kind, by_id, address, action, target, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.ID, e.At.UnixMilli(), string(e.By.Kind), e.By.ID, rows.AddressText(e.By.From), string(e.Action), e.Target, e.Detail)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// WriteAudit implements [account.Audits].
func (a *Accounts) WriteAudit(ctx context.Context, e account.AuditEntry) error {
	return a.do(ctx, func(t *accountTx) error { return t.audit(&e) })
}

const (
	auditColumns = `id, at, by_kind, by_id, address, action, target, detail`

	auditQuery         = `SELECT ` + auditColumns + ` FROM audit WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3`
	auditByActionQuery = `SELECT ` + auditColumns + ` FROM audit WHERE action = ?4 AND id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3`
	// auditOfUserQuery reads as many of what the user did and of what was done to the user, of which some may be both.
	auditOfUserQuery = `
		SELECT ` + auditColumns + ` FROM (SELECT * FROM audit WHERE by_id = ?4 AND id >= ?1 AND id < ?2 AND (?5 = '' OR action = ?5) ORDER BY id DESC LIMIT ?3)
		UNION
		SELECT ` + auditColumns + ` FROM (SELECT * FROM audit WHERE target = ?4 AND id >= ?1 AND id < ?2 AND (?5 = '' OR action = ?5) ORDER BY id DESC LIMIT ?3)
		ORDER BY id DESC LIMIT ?3`
)

// Audit implements [account.Audits].
func (a *Accounts) Audit(ctx context.Context, s account.AuditSearch) ([]account.AuditEntry, error) {
	query, args := auditQuery, []any{s.From, s.Below, s.Limit}
	switch {
	case s.User != "":
		query, args = auditOfUserQuery, append(args, s.User, string(s.Action))
	case s.Action != "":
		query, args = auditByActionQuery, append(args, string(s.Action))
	}
	return rows.Collect(a.readers().rows(ctx), []account.AuditEntry{}, rows.AuditEntry, query, args...)
}

// PruneAudit implements [account.Audits].
func (a *Accounts) PruneAudit(ctx context.Context, before time.Time, limit int) (int, error) {
	return rows.Result(ctx, a.do, func(t *accountTx) (int, error) {
		removed, err := t.exec(`DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < ? ORDER BY id LIMIT ?)`, account.AuditTime(before), limit)
		return int(removed), err
	})
}
