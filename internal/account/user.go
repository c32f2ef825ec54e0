package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Limits of users.
const (
	MinUsername      = 2 // characters
	MaxUsername      = 64
	MaxQueryRunes    = 100
	DefaultUserFound = 20
	MaxUsersFound    = 100
)

// User is what is kept of somebody who can sign in.
type User struct {
	ID   UserID
	Name string // for display
	// Username is the login name of a local account, empty for others.
	Username string
	// Issuer is the one whose tokens speak for the user, empty where that is not known: see [User.BelongsTo].
	Issuer string
	// Admin marks who may administer the server.
	Admin     bool
	CreatedAt time.Time
	// LastSeen is when the last device went; zero if none has yet.
	LastSeen time.Time
	// DisabledAt is since when the user is not let in, see [Service.Disable]; zero if the user is.
	DisabledAt time.Time
}

// Disabled tells whether the user is not let in.
func (u *User) Disabled() bool { return !u.DisabledAt.IsZero() }

// Local tells whether the user has an account on this server.
func (u *User) Local() bool { return u.ID.Local() }

// Owner is the issuer whose tokens speak for the user. Who is nobody's yet is the server's own: a server that knows other
// issuers does not serve before such users are settled, see [Service.Settle].
func (u *User) Owner() string {
	if u.Issuer == "" {
		return OwnIssuer
	}
	return u.Issuer
}

// BelongsTo tells whether tokens of an issuer speak for the user.
func (u *User) BelongsTo(issuer string) bool { return u.Owner() == issuer }

// User returns a user. [ErrUserNotFound].
func (s *Service) User(ctx context.Context, id UserID) (User, error) {
	if id == "" {
		return User{}, refusal.Missing("userId")
	}
	user, found, err := s.store.User(ctx, id)
	if err != nil {
		return User{}, fmt.Errorf("look up user: %w", err)
	}
	if !found {
		return User{}, ErrUserNotFound
	}
	return user, nil
}

// SearchUsers returns users of whose login name, display name or a word of it the query is the beginning, whatever the
// case; of names in scripts without spaces it may be any part. They come by what was found, then by their ids.
func (s *Service) SearchUsers(ctx context.Context, query string, limit int) ([]User, error) {
	query = strings.TrimSpace(query)
	switch {
	case query == "":
		return nil, refusal.Missing("query")
	case !printable(query):
		return nil, refusal.Invalid("query", "must be printable UTF-8")
	case utf8.RuneCountInString(query) > MaxQueryRunes:
		return nil, refusal.TooMuch("query", MaxQueryRunes, "characters")
	}
	if err := checkFound(&limit); err != nil {
		return nil, err
	}
	users, err := s.store.SearchUsers(ctx, Fold(query), limit)
	if err != nil {
		return nil, fmt.Errorf("search users: %w", err)
	}
	return users, nil
}

func checkFound(limit *int) error {
	switch {
	case *limit == 0:
		*limit = DefaultUserFound
	case *limit < 0 || *limit > MaxUsersFound:
		e := refusal.Invalid("limit", fmt.Sprintf("must be 1 to %d", MaxUsersFound))
		e.Limit = MaxUsersFound
		return e
	}
	return nil
}

// Rename changes the display name of a local account. Others have theirs from whoever signs their tokens:
// [ErrNameManaged].
func (s *Service) Rename(ctx context.Context, a Actor, name string) (User, error) {
	name = CleanName(name)
	if err := checkDisplayName("username", name); err != nil {
		return User{}, err
	}
	if reserved(name) {
		return User{}, nameReserved("username")
	}
	if !a.ID.Local() {
		return User{}, ErrNameManaged
	}
	return s.changeUser(ctx, ChangeUser{ID: a.ID, Name: &name, Origin: a.Origin, At: s.timestamp()})
}

// PutUser is for the application's own backend: it creates a user of the application's, or changes what is set.
type PutUser struct {
	ID    UserID
	Name  *string // a new user without a name is called by the id
	Admin *bool
	// Issuer is the one whose tokens speak for the user, one of [Config.Owners]; a new user without is the server's own.
	Issuer *string
}

// PutUser creates or changes a user, and tells whether it was created. Local accounts can be changed but not created by
// it: [ErrUserNotFound]. The last administrator who is let in stays one: [ErrLastAdmin].
func (s *Service) PutUser(ctx context.Context, cmd PutUser) (u User, created bool, err error) {
	if cmd.ID == "" {
		return User{}, false, refusal.Missing("id")
	}
	if err := checkUserID(cmd.ID); err != nil {
		return User{}, false, refusal.Invalid("id", "cannot be used: "+err.Error())
	}
	change := ChangeUser{ID: cmd.ID, Admin: cmd.Admin, KeepAdmin: true, At: s.timestamp()}
	owner := OwnIssuer
	if cmd.Issuer != nil {
		owner = *cmd.Issuer
		if err := s.checkOwner(cmd.ID, owner); err != nil {
			return User{}, false, err
		}
	}
	if cmd.Name != nil {
		name := CleanName(*cmd.Name)
		if err := checkDisplayName("username", name); err != nil {
			return User{}, false, err
		}
		change.Name = &name
	}
	if !cmd.ID.Local() {
		at := s.timestamp()
		name := nameOfID(cmd.ID)
		if change.Name != nil {
			name = *change.Name
		}
		_, created, err = s.store.EnsureUser(s.Audit(ctx, AuditUserCreated, string(cmd.ID), ""), EnsureUser{ID: cmd.ID, Name: name, Issuer: owner, At: at})
		if err != nil && !errors.Is(err, ErrOtherIssuer) { // the backend may change everybody
			return User{}, false, fmt.Errorf("ensure user: %w", err)
		}
	}
	if cmd.Issuer != nil && !created {
		if _, err = s.reassign(ctx, cmd.ID, owner); err != nil {
			return User{}, false, err
		}
	}
	if change.Admin != nil {
		before, err := s.User(ctx, cmd.ID)
		if err != nil {
			return User{}, created, err
		}
		if before.Admin != *change.Admin {
			ctx = s.auditAdmin(ctx, cmd.ID, *change.Admin)
		}
	}
	u, err = s.changeUser(ctx, change)
	return u, created, err
}

func (s *Service) changeUser(ctx context.Context, cmd ChangeUser) (User, error) {
	user, err := s.store.ChangeUser(ctx, cmd)
	if err != nil {
		return User{}, fmt.Errorf("change user: %w", err)
	}
	return user, nil
}

// Seen notes when users went. Times before the one that is stored change nothing; unknown users are left out.
func (s *Service) Seen(ctx context.Context, seen []Seen) error {
	if len(seen) == 0 {
		return nil
	}
	if err := s.store.Seen(ctx, seen); err != nil {
		return fmt.Errorf("note last seen: %w", err)
	}
	return nil
}

// checkUsername accepts what can be typed on every keyboard and looks different from every other such name.
func checkUsername(name string) error {
	switch {
	case name == "":
		return refusal.Missing("login")
	case len(name) > MaxUsername:
		return refusal.TooMuch("login", MaxUsername, "characters")
	case len(name) < MinUsername:
		e := refusal.Invalid("login", fmt.Sprintf("must have at least %d characters", MinUsername))
		e.Limit = MinUsername
		return e
	case !alphanumeric(name[0]):
		return refusal.Invalid("login", "must begin with a letter or a digit")
	}
	for i := range len(name) {
		if !alphanumeric(name[i]) && !strings.ContainsRune("_.-+@", rune(name[i])) {
			return refusal.Invalid("login", "may have the letters a to z, digits, and _ . - + @ only")
		}
	}
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func nameReserved(field string) *refusal.Error {
	return refusal.Invalid(field, "looks like one of the server's own names")
}

func checkDisplayName(field, name string) error {
	if name == "" {
		return refusal.Missing(field)
	}
	if utf8.RuneCountInString(name) > MaxNameRunes {
		return refusal.TooMuch(field, MaxNameRunes, "characters")
	}
	if !printable(name) {
		return refusal.Invalid(field, "must be printable UTF-8")
	}
	return nil
}

// nameOfID is what a user without a name is called: the id as a name, or as it is where nothing of it would show.
func nameOfID(id UserID) string {
	if name := shortName(string(id)); name != "" {
		return name
	}
	return strconv.Quote(string(id[:min(len(id), MaxNameRunes/4)]))
}

// MaxTerms is how many terms a user is found by at most.
const MaxTerms = 24

// Terms returns what a user is found by: the folded login name and the folded display name from each of its words on,
// each once. Where a script has no spaces every character may begin a word: 林小雨 is found by 小雨. A driver keeps them in an index and looks for those that a folded query begins.
func Terms(username, name string) []string {
	terms := make([]string, 0, MaxTerms)
	add := func(term string) {
		if term != "" && len(terms) < MaxTerms && !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
	}
	add(Fold(username))
	folded := Fold(name)
	inWord := false
	for i, r := range folded {
		isWord := unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
		if i == 0 || isWord && (!inWord || unicode.In(r, unspaced...)) {
			add(folded[i:])
		}
		inWord = isWord
	}
	return terms
}

// unspaced are scripts that are written without spaces, and Korean, whose names are.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// Fold makes texts equal that differ in case only.
func Fold(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		if r < utf8.RuneSelf {
			return r
		}
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		// The Kelvin sign and the long s fold to ASCII, where the small letter stands for both.
		return unicode.ToLower(least)
	}, text)
}
