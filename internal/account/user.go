package account

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
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
	ID   string // see [LocalPrefix]
	Name string // for display
	// Username is the login name of a local account, empty for others.
	Username string
	// Admin marks who may administer the server.
	Admin     bool
	CreatedAt time.Time
	// LastSeen is when the last device went; zero if none has yet.
	LastSeen time.Time
}

// Local tells whether the user has an account on this server.
func (u *User) Local() bool { return strings.HasPrefix(u.ID, LocalPrefix) }

// User returns a user. [ErrUserNotFound].
func (s *Service) User(ctx context.Context, id string) (User, error) {
	if id == "" {
		return User{}, missing("userId")
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
// case. They come by what was found, then by their ids.
func (s *Service) SearchUsers(ctx context.Context, query string, limit int) ([]User, error) {
	query = strings.TrimSpace(query)
	switch {
	case query == "":
		return nil, missing("query")
	case !printable(query):
		return nil, invalid("query", "must be printable UTF-8")
	case utf8.RuneCountInString(query) > MaxQueryRunes:
		return nil, tooMuch("query", MaxQueryRunes, "characters")
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
		e := invalid("limit", fmt.Sprintf("must be 1 to %d", MaxUsersFound))
		e.Limit = MaxUsersFound
		return e
	}
	return nil
}

// Rename changes the display name of a local account. Others have theirs from whoever signs their tokens:
// [ErrNameManaged].
func (s *Service) Rename(ctx context.Context, a Actor, name string) (User, error) {
	name = strings.TrimSpace(name)
	if err := checkDisplayName("username", name); err != nil {
		return User{}, err
	}
	if !strings.HasPrefix(a.ID, LocalPrefix) {
		return User{}, ErrNameManaged
	}
	return s.changeUser(ctx, ChangeUser{ID: a.ID, Name: &name, Origin: a.Origin, At: s.timestamp()})
}

// PutUser is for the application's own backend: it creates a user of the application's, or changes what is set.
type PutUser struct {
	ID    string
	Name  *string // a new user without a name is called by the id
	Admin *bool
}

// PutUser creates or changes a user, and tells whether it was created. Local accounts can be changed but not created by
// it: [ErrUserNotFound].
func (s *Service) PutUser(ctx context.Context, cmd PutUser) (u User, created bool, err error) {
	if cmd.ID == "" {
		return User{}, false, missing("id")
	}
	if err := checkUserID(cmd.ID); err != nil {
		return User{}, false, invalid("id", "cannot be used: "+err.Error())
	}
	change := ChangeUser{ID: cmd.ID, Admin: cmd.Admin, At: s.timestamp()}
	if cmd.Name != nil {
		name := strings.TrimSpace(*cmd.Name)
		if err := checkDisplayName("username", name); err != nil {
			return User{}, false, err
		}
		change.Name = &name
	}
	if !strings.HasPrefix(cmd.ID, LocalPrefix) {
		at := s.timestamp()
		name := nameOfID(cmd.ID)
		if change.Name != nil {
			name = *change.Name
		}
		if _, created, err = s.store.EnsureUser(ctx, EnsureUser{ID: cmd.ID, Name: name, At: at}); err != nil {
			return User{}, false, fmt.Errorf("ensure user: %w", err)
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
		return missing("login")
	case len(name) > MaxUsername:
		return tooMuch("login", MaxUsername, "characters")
	case len(name) < MinUsername:
		e := invalid("login", fmt.Sprintf("must have at least %d characters", MinUsername))
		e.Limit = MinUsername
		return e
	case !alphanumeric(name[0]):
		return invalid("login", "must begin with a letter or a digit")
	}
	for i := range len(name) {
		if !alphanumeric(name[i]) && !strings.ContainsRune("_.-+@", rune(name[i])) {
			return invalid("login", "may have the letters a to z, digits, and _ . - + @ only")
		}
	}
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func checkDisplayName(field, name string) error {
	if name == "" {
		return missing(field)
	}
	if utf8.RuneCountInString(name) > MaxNameRunes {
		return tooMuch(field, MaxNameRunes, "characters")
	}
	if !printable(name) {
		return invalid(field, "must be printable UTF-8")
	}
	return nil
}

// nameOfID is what a user without a name is called: the id, cut between characters when it is longer than a name.
func nameOfID(id string) string {
	if runes := []rune(id); len(runes) > MaxNameRunes {
		return string(runes[:MaxNameRunes])
	}
	return id
}

// MaxTerms is how many terms a user is found by at most.
const MaxTerms = 9

// Terms returns what a user is found by: the folded login name and the folded display name from each of its words on,
// each once. A driver keeps them in an index and looks for those that a folded query begins.
func Terms(username, name string) []string {
	terms := make([]string, 0, MaxTerms)
	add := func(term string) {
		for _, t := range terms {
			if t == term {
				return
			}
		}
		if term != "" && len(terms) < MaxTerms {
			terms = append(terms, term)
		}
	}
	add(Fold(username))
	folded := Fold(name)
	inWord := false
	for i, r := range folded {
		isWord := unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
		if i == 0 || isWord && !inWord {
			add(folded[i:])
		}
		inWord = isWord
	}
	return terms
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
