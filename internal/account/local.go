package account

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Register is the wish for a local account. Without a Name it is called by its Username.
type Register struct {
	Username, Name, Password string
	From                     netip.Addr // of the client, see [Service.KnownFrom]; it may be missing
}

// Login is a login name and its password.
type Login struct {
	Username, Password string
	From               netip.Addr // as in Register; a client that has logged in from there before waits less
}

// ChangePassword is the wish for another password.
type ChangePassword struct {
	Password, NewPassword string
	From                  netip.Addr // of the client
}

// Session is what somebody gets who logs in.
type Session struct {
	User  User
	Token Token
}

// Register makes a local account and logs in. [ErrAccountsOff], [ErrRegistrationClosed], [ErrLoginTaken] also for a login
// name that looks like one that is taken.
func (s *Service) Register(ctx context.Context, cmd Register) (Session, error) {
	switch {
	case !s.cfg.Local:
		return Session{}, ErrAccountsOff
	case !s.cfg.Registration:
		return Session{}, ErrRegistrationClosed
	case reserved(cmd.Username):
		return Session{}, nameReserved("login")
	case reserved(CleanName(cmd.Name)):
		return Session{}, nameReserved("username")
	}
	return s.CreateLocal(ctx, cmd)
}

// CreateLocal is Register for the operator, whom neither a closed registration nor reserved names concern.
func (s *Service) CreateLocal(ctx context.Context, cmd Register) (Session, error) {
	if !s.cfg.Local {
		return Session{}, ErrAccountsOff
	}
	if err := checkUsername(cmd.Username); err != nil {
		return Session{}, err
	}
	cmd.Name = CleanName(cmd.Name)
	if cmd.Name == "" {
		cmd.Name = cmd.Username
	}
	if err := checkDisplayName("username", cmd.Name); err != nil {
		return Session{}, err
	}
	if err := checkPassword("password", cmd.Password); err != nil {
		return Session{}, err
	}
	if _, taken, err := s.store.LocalByUsername(ctx, cmd.Username); err != nil {
		return Session{}, fmt.Errorf("look up username: %w", err)
	} else if taken {
		return Session{}, ErrLoginTaken
	}
	who := asker{from: cmd.From, account: Fold(cmd.Username)}
	hash, err := s.passwords.hash(ctx, who, cmd.Password)
	if err != nil {
		return Session{}, err
	}
	now := s.timestamp()
	user := User{ID: newLocalID(), Name: cmd.Name, Username: cmd.Username, Issuer: OwnIssuer, CreatedAt: now}
	if err := s.store.CreateLocal(s.Audit(ctx, AuditUserCreated, string(user.ID), ""), CreateLocal{User: user, PasswordHash: hash}); err != nil {
		return Session{}, fmt.Errorf("create account: %w", err)
	}
	if err := s.noteFrom(ctx, &user, cmd.From); err != nil {
		return Session{}, err
	}
	token, err := s.sign(&user, now)
	return Session{User: user, Token: token}, err
}

// newLocalID returns an id with 130 random bits.
func newLocalID() UserID { return UserID(LocalPrefix + strings.ToLower(rand.Text())) }

// Login gives a token to who knows the password. Whether there is such an account can be told neither from the answer nor
// from the time it takes: [ErrInvalidCredentials]. Who is disabled learns it by the right password: [ErrAccountDisabled]. With too many logins at once: an error with the code [CodeBusy].
func (s *Service) Login(ctx context.Context, cmd Login) (Session, error) {
	session, err := s.login(ctx, cmd)
	if err != nil {
		return Session{}, err
	}
	by := Doer{Kind: ByUser, ID: string(session.User.ID), From: cmd.From}
	if err := s.note(ctx, by, AuditSignIn, string(session.User.ID), ""); err != nil {
		return Session{}, err
	}
	return session, nil
}

func (s *Service) login(ctx context.Context, cmd Login) (Session, error) {
	switch {
	case !s.cfg.Local:
		return Session{}, ErrAccountsOff
	case cmd.Username == "":
		return Session{}, refusal.Missing("login")
	case cmd.Password == "":
		return Session{}, refusal.Missing("password")
	case len(cmd.Password) > MaxPasswordBytes:
		return Session{}, ErrInvalidCredentials
	}
	local, err := s.lookUp(ctx, cmd.Username)
	if err != nil {
		return Session{}, err
	}
	who, err := s.askerFor(ctx, cmd.Username, cmd.From)
	if err != nil {
		return Session{}, err
	}
	if err := s.checkKnown(ctx, who, local.PasswordHash, cmd.Password); err != nil {
		return Session{}, s.failed(ctx, cmd.From, local.User.ID, err)
	}
	if local.User.Disabled() {
		return Session{}, s.failed(ctx, cmd.From, local.User.ID, ErrAccountDisabled) // whoever knows the password may know
	}
	if err := s.noteFrom(ctx, &local.User, cmd.From); err != nil {
		return Session{}, err
	}
	local.PasswordHash = s.upgrade(ctx, who, &local, cmd.Password)

	issuing := s.issuing.of(local.User.ID)
	issuing.RLock()
	defer issuing.RUnlock()
	for {
		if err := s.learn(ctx, local.User.ID); err != nil {
			return Session{}, err
		}
		before := s.revoked.cutoff(local.User.ID)
		current, found, err := s.store.Local(ctx, local.User.ID)
		if err != nil {
			return Session{}, fmt.Errorf("look up account: %w", err)
		}
		if !found || current.PasswordHash != local.PasswordHash {
			return Session{}, ErrInvalidCredentials // the password was changed meanwhile
		}
		if current.User.Disabled() {
			return Session{}, ErrAccountDisabled
		}
		token, err := s.sign(&current.User, s.timestamp())
		if err != nil || s.revoked.cutoff(local.User.ID).Equal(before) { // else another process has changed it, perhaps
			return Session{User: current.User, Token: token}, err
		}
	}
}

// lookUp returns the account with a login name, or one without anything.
func (s *Service) lookUp(ctx context.Context, username string) (Local, error) {
	if checkUsername(username) != nil {
		return Local{}, nil
	}
	local, _, err := s.store.LocalByUsername(ctx, username)
	if err != nil {
		return Local{}, fmt.Errorf("look up username: %w", err)
	}
	return local, nil
}

// checkKnown refuses a password that is not the account's.
func (s *Service) checkKnown(ctx context.Context, who asker, stored, password string) error {
	matches, err := s.passwords.matches(ctx, who, stored, password)
	if err != nil {
		return err
	}
	if !matches {
		return ErrInvalidCredentials
	}
	return nil
}

// upgrade hashes a password that is right again if that now costs more (or less), and returns the hash that is stored
// then. Where it fails, the next login tries again.
func (s *Service) upgrade(ctx context.Context, who asker, local *Local, password string) string {
	if !s.passwords.outdated(local.PasswordHash) {
		return local.PasswordHash
	}
	hash, err := s.passwords.hash(ctx, who, password)
	if err != nil {
		return local.PasswordHash
	}
	replaced, err := s.store.ReplacePassword(ctx, ReplacePassword{UserID: local.User.ID, Old: local.PasswordHash, New: hash})
	if err != nil || !replaced {
		return local.PasswordHash
	}
	return hash
}

// ChangePassword sets another password for an account whose password the caller knows, revokes all its tokens, and
// returns a new one. [ErrInvalidCredentials].
func (s *Service) ChangePassword(ctx context.Context, userID UserID, cmd ChangePassword) (Session, error) {
	if !s.cfg.Local {
		return Session{}, ErrAccountsOff
	}
	if cmd.Password == "" {
		return Session{}, refusal.Missing("password")
	}
	if err := checkPassword("newPassword", cmd.NewPassword); err != nil {
		return Session{}, err
	}
	if len(cmd.Password) > MaxPasswordBytes {
		return Session{}, ErrInvalidCredentials
	}
	local, _, err := s.store.Local(ctx, userID)
	if err != nil {
		return Session{}, fmt.Errorf("look up account: %w", err)
	}
	who, err := s.askerFor(ctx, local.User.Username, cmd.From)
	if err != nil {
		return Session{}, err
	}
	if err := s.checkKnown(ctx, who, local.PasswordHash, cmd.Password); err != nil {
		return Session{}, s.failed(ctx, cmd.From, local.User.ID, err)
	}
	return s.replacePassword(s.Audit(ctx, AuditPasswordChanged, string(userID), ""), who, &local, cmd.NewPassword)
}

// ResetPassword sets another password without asking for the present one, for the operator, and revokes all tokens of the
// account. [ErrUserNotFound].
func (s *Service) ResetPassword(ctx context.Context, userID UserID, password string) error {
	if err := checkPassword("password", password); err != nil {
		return err
	}
	local, found, err := s.store.Local(ctx, userID)
	if err != nil {
		return fmt.Errorf("look up account: %w", err)
	}
	if !found {
		return ErrUserNotFound
	}
	_, err = s.replacePassword(s.Audit(ctx, AuditPasswordReset, string(userID), ""), asker{account: Fold(local.User.Username)}, &local, password)
	return err
}

func (s *Service) replacePassword(ctx context.Context, who asker, local *Local, password string) (Session, error) {
	hash, err := s.passwords.hash(ctx, who, password)
	if err != nil {
		return Session{}, err
	}
	var token Token
	err = s.revoke(ctx, local.User.ID, func(r Revocation) error {
		replaced, err := s.store.ReplacePassword(ctx, ReplacePassword{
			UserID: local.User.ID, Old: local.PasswordHash, New: hash, Revoke: &r,
		})
		if err == nil && !replaced {
			return ErrInvalidCredentials // somebody else was faster
		}
		return err
	}, func() (err error) {
		token, err = s.sign(&local.User, s.timestamp())
		return err
	}, time.Time{})
	return Session{User: local.User, Token: token}, err
}

// Refresh exchanges a token of a local account that is still good for a new one. The old one stays good until its time is
// over. Users of other applications get their tokens there. [ErrRefreshRefused] when too long ago the password was given.
func (s *Service) Refresh(ctx context.Context, identity Identity) (Session, error) {
	since := identity.SignedInAt
	if since.IsZero() {
		since = identity.IssuedAt
	}
	if !identity.Local() || !s.cfg.Local || !s.now().Before(since.Add(s.cfg.RefreshFor)) {
		return Session{}, ErrRefreshRefused
	}
	issuing := s.issuing.of(identity.UserID)
	issuing.RLock()
	defer issuing.RUnlock()
	if err := s.learn(ctx, identity.UserID); err != nil {
		return Session{}, err
	}
	if s.revoked.has(&identity) {
		return Session{}, refuse("token is revoked")
	}
	local, found, err := s.store.Local(ctx, identity.UserID)
	if err != nil {
		return Session{}, fmt.Errorf("look up account: %w", err)
	}
	if !found {
		return Session{}, refuse("there is no local account %s", identity.UserID)
	}
	if local.User.Disabled() {
		return Session{}, refuseDisabled(local.User.ID)
	}
	token, err := s.sign(&local.User, since)
	if s.revoked.has(&identity) { // by another process, meanwhile
		return Session{}, refuse("token is revoked")
	}
	return Session{User: local.User, Token: token}, err
}

// sign issues a token, after all that are revoked. The caller holds the user's lock, or nobody else knows the user yet.
func (s *Service) sign(user *User, signedInAt time.Time) (Token, error) {
	at := s.present(user.ID)
	token, err := s.issuer.Issue(Grant{UserID: user.ID, Name: user.Name, TTL: s.cfg.TokenTTL, IssuedAt: at, SignedInAt: signedInAt})
	if err != nil {
		return Token{}, fmt.Errorf("issue token: %w", err)
	}
	s.issued.note(user.ID, at)
	return token, nil
}

// present is a time after the last revocation of a user's tokens, even if that was in this millisecond.
func (s *Service) present(userID UserID) time.Time {
	at := s.timestamp()
	if last := s.revoked.cutoff(userID); !at.After(last) {
		return last.Add(time.Millisecond)
	}
	return at
}

// RevokeUser makes all tokens of a user useless that were issued before now, of whatever issuer, and ends the user's
// connections. Issuers that write times in whole seconds cannot tell tokens of this second apart: those are revoked too,
// see [Service.AwaitNewTokens].
func (s *Service) RevokeUser(ctx context.Context, userID UserID) error {
	if userID == "" {
		return refusal.Missing("userId")
	}
	if err := checkUserID(userID); err != nil {
		return refusal.Invalid("userId", "cannot be used: "+err.Error())
	}
	ctx = s.Audit(ctx, AuditTokensRevoked, string(userID), "")
	return s.revoke(ctx, userID, func(r Revocation) error { return s.store.Revoke(ctx, r) }, nil, time.Time{})
}

// AwaitNewTokens returns when a token that anybody signs for the user from then on can be told from those that were revoked:
// with the next second, for issuers that write times in whole seconds. What asks for a revocation is to answer only then,
// so that who signs a token upon the answer has a good one. When ctx ends it returns too: what is revoked stays so.
func (s *Service) AwaitNewTokens(ctx context.Context, userID UserID) error {
	if userID.Local() {
		return nil // the server writes milliseconds
	}
	by, err := s.store.RevokedBy(ctx, userID)
	if err != nil {
		return fmt.Errorf("look up revocation: %w", err)
	}
	wait := by.Truncate(time.Second).Add(time.Second).Sub(s.now())
	next := time.NewTimer(min(wait, time.Second))
	defer next.Stop()
	select {
	case <-ctx.Done():
	case <-next.C:
	}
	return nil
}

// RevokeToken makes one token useless, which is what logging out is, and ends its connections. [ErrNotRevocable] if it
// has no id.
func (s *Service) RevokeToken(ctx context.Context, identity Identity) error {
	if identity.TokenID == "" {
		return ErrNotRevocable
	}
	issuing := s.issuing.of(identity.UserID)
	issuing.Lock()
	r := Revocation{At: s.timestamp(), Issuer: identity.Issuer, TokenID: identity.TokenID}
	if !identity.ExpiresAt.IsZero() {
		r.Until = identity.ExpiresAt.Add(keepRevoked)
	}
	err := s.store.Revoke(s.Audit(ctx, AuditSignOut, string(identity.UserID), ""), r)
	if err == nil {
		s.revoked.add(r, s.now())
	}
	issuing.Unlock()
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// keepRevoked is how long a token is remembered after it has expired, for clocks that differ.
const keepRevoked = time.Hour

// revoke stores that a user's tokens are revoked which were issued until now, and until past at least, and then runs
// after, which may be nil, before anybody else can get a token.
func (s *Service) revoke(ctx context.Context, userID UserID, store func(Revocation) error, after func() error, past time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	issuing := s.issuing.of(userID)
	issuing.Lock()
	r := Revocation{At: s.timestamp(), UserID: userID, IssuedBy: s.present(userID)}
	if !r.IssuedBy.After(past) {
		r.IssuedBy = past.Add(time.Millisecond)
	}
	err := store(r)
	if err == nil {
		s.revoked.add(r, s.now())
		if after != nil {
			err = after()
		}
	}
	issuing.Unlock()
	if err != nil && refusal.Of(err) == nil {
		return fmt.Errorf("revoke tokens: %w", err)
	}
	return err
}
