package account

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// AuditAction names what somebody has done. It never changes its meaning.
type AuditAction string

// What is done here. Edges have further ones, see [Service.Audit].
const (
	AuditSignIn           AuditAction = "sign_in"        // by a password
	AuditSignInFailed     AuditAction = "sign_in_failed" // a wrong password, or the right one of who is disabled
	AuditSignOut          AuditAction = "sign_out"
	AuditUserCreated      AuditAction = "user_created"
	AuditPasswordChanged  AuditAction = "password_changed" // by who knew the one before
	AuditPasswordReset    AuditAction = "password_reset"
	AuditTokensRevoked    AuditAction = "tokens_revoked"
	AuditBotToken         AuditAction = "bot_token_issued"
	AuditAdminGranted     AuditAction = "admin_granted"
	AuditAdminRevoked     AuditAction = "admin_revoked"
	AuditUserDisabled     AuditAction = "user_disabled"
	AuditUserEnabled      AuditAction = "user_enabled"
	AuditIssuerChanged    AuditAction = "issuer_changed"
	AuditAPIKeyCreated    AuditAction = "api_key_created"
	AuditAPIKeyRevoked    AuditAction = "api_key_revoked"
	AuditAddressBlocked   AuditAction = "address_blocked"
	AuditAddressUnblocked AuditAction = "address_unblocked"
)

// KeepAudit is how long entries are kept.
const KeepAudit = 90 * 24 * time.Hour

// Limits of the audit log.
const (
	DefaultAudit   = 50
	MaxAudit       = 500 // entries of a page
	MaxAuditAction = 64  // bytes
	maxAuditText   = 256 // bytes of a target, and of a detail
	maxAuditCursor = 64
	// mostFailures is how many sign-ins that failed a process writes down a minute: whoever tries many passwords must not fill the
	// log. What is beyond is counted.
	mostFailures  = 100
	failureWindow = time.Minute
	// pruneAtOnce is how many entries a command removes: others wait for it.
	pruneAtOnce = 1000
)

// DoerKind is what somebody is who does something.
type DoerKind string

// Kinds of doers.
const (
	ByUser     DoerKind = "user"
	ByKey      DoerKind = "api_key"
	ByOperator DoerKind = "operator" // by a command on the server's machine
	ByStranger DoerKind = "stranger" // who has not signed in
)

// Doer is who does something.
type Doer struct {
	Kind DoerKind
	ID   string     // of a user or an API key, else empty
	From netip.Addr // the client's; none for the operator
}

// AuditEntry is a line of the audit log.
type AuditEntry struct {
	ID     string // ids are in the order of time
	At     time.Time
	By     Doer
	Action AuditAction
	// Target is whom or what it was done to: the id of a user, an address, the id of something else; it may be empty. Detail is for
	// people. Neither holds what was said, or a secret.
	Target, Detail string
}

// Audits keeps the audit log. Entries that belong to a command of any store are carried by its ctx, see [WithAudit].
type Audits interface {
	// WriteAudit stores an entry that belongs to no command.
	WriteAudit(ctx context.Context, e AuditEntry) error
	// Audit returns entries, the newest first.
	Audit(ctx context.Context, s AuditSearch) ([]AuditEntry, error)
	// PruneAudit removes the oldest entries of before a time, at most so many, and returns how many.
	PruneAudit(ctx context.Context, before time.Time, limit int) (int, error)
}

// AuditSearch is what a driver is asked for.
type AuditSearch struct {
	// From is the least id, Below is greater than the greatest.
	From, Below string
	// User is who did it or to whom it was done, empty is anybody.
	User string
	// Action is what was done, empty is anything.
	Action AuditAction
	Limit  int
}

type (
	auditKey struct{}
	doerKey  struct{}
)

// WithAudit returns a context whose first command that is stored stores an entry too, in the same transaction. A command that is refused
// stores nothing, nor does one that finds nothing to change. Reads, and messages that are not waited for, have nothing to do with it.
func WithAudit(ctx context.Context, e AuditEntry) context.Context {
	return context.WithValue(ctx, auditKey{}, e)
}

// WithoutAudit returns a context whose commands store no entry: for those that come before the one that an entry tells of.
func WithoutAudit(ctx context.Context) context.Context {
	return context.WithValue(ctx, auditKey{}, nil)
}

// AuditOf returns the entry that a context carries, for drivers. They store it unless one of its id is there.
func AuditOf(ctx context.Context) (e AuditEntry, carried bool) {
	e, carried = ctx.Value(auditKey{}).(AuditEntry)
	return e, carried
}

// As returns a context in which it is known who does something. Without, as in what the server does by itself, nothing is written down.
func As(ctx context.Context, d Doer) context.Context { return context.WithValue(ctx, doerKey{}, d) }

// Audit returns a context for commands that do something, see [WithAudit].
func (s *Service) Audit(ctx context.Context, action AuditAction, target, detail string) context.Context {
	d, known := ctx.Value(doerKey{}).(Doer)
	if !known {
		return ctx
	}
	return WithAudit(ctx, s.entry(d, action, target, detail))
}

// Note writes down what is done without a command that could carry it.
func (s *Service) Note(ctx context.Context, action AuditAction, target, detail string) error {
	d, known := ctx.Value(doerKey{}).(Doer)
	if !known {
		return nil
	}
	return s.note(ctx, d, action, target, detail)
}

func (s *Service) note(ctx context.Context, d Doer, action AuditAction, target, detail string) error {
	if err := s.store.WriteAudit(ctx, s.entry(d, action, target, detail)); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// entry has an id that comes behind those which this process has made before.
func (s *Service) entry(d Doer, action AuditAction, target, detail string) AuditEntry {
	at := s.timestamp()
	random := make([]byte, 6)
	_, _ = rand.Read(random) // it never fails
	id := fmt.Sprintf("%s%08x%s", AuditTime(at), s.audits.next(), hex.EncodeToString(random))
	return AuditEntry{ID: id, At: at, By: d, Action: action, Target: auditText(target), Detail: auditText(detail)}
}

// AuditTime is how the ids of entries of a time begin.
func AuditTime(at time.Time) string { return fmt.Sprintf("%012x", max(at.UnixMilli(), 0)) }

// auditText is a text that every database takes.
func auditText(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
	if len(text) <= maxAuditText {
		return text
	}
	end := maxAuditText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// audits numbers entries, and bounds those of sign-ins that have failed. It may be used concurrently.
type audits struct {
	number atomic.Uint32

	mu      sync.Mutex
	since   time.Time // when the minute began
	written int       // in it
	skipped int       // since one was written
}

// next is the number of the next entry. That it begins anew after four thousand million of them does no harm: the time goes first.
func (a *audits) next() uint32 { return a.number.Add(1) }

// failed tells whether a sign-in that has failed is to be written down, and how many were not before it.
func (a *audits) failed(now time.Time) (write bool, skipped int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if passed := now.Sub(a.since); passed >= failureWindow || passed < 0 {
		a.since, a.written = now, 0
	}
	if a.written >= mostFailures {
		a.skipped++
		return false, 0
	}
	a.written++
	skipped, a.skipped = a.skipped, 0
	return true, skipped
}

// failed writes down that somebody could not sign in, with the account if there is one: what was typed for its name may be a password.
// It returns why it failed.
func (s *Service) failed(ctx context.Context, from netip.Addr, user UserID, why error) error {
	if e := refusal.Of(why); e == nil || e.Code != CodeInvalidCredentials && e.Code != CodeAccountDisabled {
		return why
	}
	write, skipped := s.audits.failed(s.now())
	if !write {
		return why
	}
	detail := ""
	if refusal.Of(why).Code == CodeAccountDisabled {
		detail = "disabled"
	}
	if skipped > 0 {
		detail = strings.TrimSpace(fmt.Sprintf("%s and %d before it that are not listed", detail, skipped))
	}
	if err := s.note(ctx, Doer{Kind: ByStranger, From: from}, AuditSignInFailed, string(user), detail); err != nil {
		return err
	}
	return why
}

// AuditQuery is what is looked for in the audit log.
type AuditQuery struct {
	User         string // who did it, or to whom it was done; empty is anybody
	Action       AuditAction
	Since, Until time.Time // Until is not among them; zero is no bound
	Before       string    // the id of an entry: only those that are older
	Limit        int       // 0 is DefaultAudit, at most MaxAudit
}

// AuditPage is some of the log.
type AuditPage struct {
	Entries []AuditEntry // the newest first
	Next    string       // for Before; empty where there are no more
}

// AuditLog returns a page of the audit log.
func (s *Service) AuditLog(ctx context.Context, q AuditQuery) (AuditPage, error) {
	search, err := q.search()
	if err != nil {
		return AuditPage{}, err
	}
	search.Limit++
	entries, err := s.store.Audit(ctx, search)
	if err != nil {
		return AuditPage{}, fmt.Errorf("read the audit log: %w", err)
	}
	page := AuditPage{Entries: entries}
	if most := search.Limit - 1; len(entries) > most {
		page.Entries = entries[:most]
		page.Next = entries[most-1].ID
	}
	return page, nil
}

func (q *AuditQuery) search() (AuditSearch, error) {
	s := AuditSearch{Below: "g", User: q.User, Action: q.Action, Limit: q.Limit} // ids are hexadecimal
	switch {
	case len(q.User) > MaxUserIDBytes:
		return s, refusal.TooMuch("userId", MaxUserIDBytes, "bytes")
	case !printable(q.User):
		return s, refusal.Invalid("userId", "must be printable UTF-8")
	case len(q.Action) > MaxAuditAction:
		return s, refusal.TooMuch("action", MaxAuditAction, "bytes")
	case !printable(string(q.Action)):
		return s, refusal.Invalid("action", "must be printable UTF-8")
	case len(q.Before) > maxAuditCursor || strings.Trim(q.Before, "0123456789abcdef") != "":
		return s, refusal.Invalid("before", "must be the id of an entry")
	case q.Limit < 0 || q.Limit > MaxAudit:
		e := refusal.Invalid("limit", fmt.Sprintf("must be 1 to %d", MaxAudit))
		e.Limit = MaxAudit
		return s, e
	case !q.Until.IsZero() && q.Until.Before(q.Since):
		return s, refusal.Invalid("until", "must not be before since")
	case q.Limit == 0:
		s.Limit = DefaultAudit
	}
	if !q.Since.IsZero() {
		s.From = AuditTime(q.Since)
	}
	if !q.Until.IsZero() {
		s.Below = AuditTime(q.Until)
	}
	if q.Before != "" {
		s.Below = min(s.Below, q.Before)
	}
	return s, nil
}

// EachAudit calls yield with every page of what is looked for, from q.Before on, until there are no more or yield has an error. It asks
// for one page after the other.
func (s *Service) EachAudit(ctx context.Context, q AuditQuery, yield func([]AuditEntry) error) error {
	q.Limit = MaxAudit
	for {
		page, err := s.AuditLog(ctx, q)
		if err != nil {
			return err
		}
		if err := yield(page.Entries); err != nil || page.Next == "" {
			return err
		}
		q.Before = page.Next
	}
}

// PruneAudit removes entries that are older than [KeepAudit], and returns how many.
func (s *Service) PruneAudit(ctx context.Context) (removed int, err error) {
	for {
		n, err := s.store.PruneAudit(ctx, s.timestamp().Add(-KeepAudit), pruneAtOnce)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("prune the audit log: %w", err)
		}
		if n < pruneAtOnce {
			return removed, nil
		}
	}
}
