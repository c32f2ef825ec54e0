package account

import (
	"context"
	"net/netip"
	"time"
)

// Store keeps accounts. A driver is responsible for atomicity: every command is one transaction, of which all or nothing
// is stored and which is durable before the method returns. The events of a commit go to the [Sink] that the driver was
// given.
//
// Refusals are this package's errors; anything else is a fault. A command whose ctx ends before its transaction has begun
// is not carried out; after that its outcome is waited for. Times are in milliseconds and UTC. All methods may be called
// concurrently.
//
// The package accounttest holds the tests that every driver must pass.
type Store interface {
	Locals
	Users
	Friends
	Revocations
	APIKeys
	Addresses
	SignIns
	Audits
}

// Locals keeps accounts with a password.
type Locals interface {
	// CreateLocal stores a user with a login name. [ErrLoginTaken] if another has it in any case, or has one of its
	// [Skeletons].
	CreateLocal(ctx context.Context, cmd CreateLocal) error
	// LocalByUsername finds an account by its login name in any case.
	LocalByUsername(ctx context.Context, username string) (Local, bool, error)
	// Local finds an account by its user.
	Local(ctx context.Context, userID UserID) (Local, bool, error)
	// ReplacePassword stores New where Old is still stored, and tells whether it was. With it goes cmd.Revoke, unless
	// that is nil.
	ReplacePassword(ctx context.Context, cmd ReplacePassword) (bool, error)
}

// Users keeps everybody who can sign in, local or not.
type Users interface {
	// EnsureUser creates a user, or renames one if the command says so, and tells whether it was created. Nothing is
	// written if nothing changes. Being renamed is a [UserChanged]. [ErrOtherIssuer] if there is such a user who does not
	// belong to the command's issuer, see [User.BelongsTo].
	EnsureUser(ctx context.Context, cmd EnsureUser) (u User, created bool, err error)
	// ChangeUser changes what is set. [ErrUserNotFound]. A new name is a [UserChanged], another issuer a [UserReassigned], and
	// Disabled a [UserDisabled] or [UserEnabled]. With a user who is disabled go the user's devices that pushes are sent to, and
	// cmd.Revoke is stored. Nothing is written if nothing changes. [ErrLastAdmin] where cmd.KeepAdmin is set and no administrator would
	// be left who is let in, whatever other processes change at the same time.
	ChangeUser(ctx context.Context, cmd ChangeUser) (User, error)
	User(ctx context.Context, id UserID) (User, bool, error)
	// SearchUsers returns the users one of whose [Terms] begins with the folded text, by the first of these terms and
	// then by their ids.
	SearchUsers(ctx context.Context, folded string, limit int) ([]User, error)
	// ListUsers returns up to limit users by their ids, those after an id.
	ListUsers(ctx context.Context, after UserID, limit int) ([]User, error)
	// Admins returns the users who are marked as administrators, by their ids.
	Admins(ctx context.Context) ([]User, error)
	// Unsettled returns the first users, by their ids, whose issuer is not known, and how many there are. Settle gives them
	// all to an issuer, and tells how many that were.
	Unsettled(ctx context.Context, limit int) (first []User, total int, err error)
	Settle(ctx context.Context, issuer string) (users int, err error)
	// Reassigned returns the users whose issuer was changed since then, by the time.
	Reassigned(ctx context.Context, since time.Time) ([]User, error)
	// Disabled returns the users who are disabled, by their ids.
	Disabled(ctx context.Context) ([]User, error)
	// Switched returns the users who were disabled or enabled since then, by the time.
	Switched(ctx context.Context, since time.Time) ([]User, error)
	// Seen moves the times at which users were last seen forward, never back. Unknown users are left out.
	Seen(ctx context.Context, seen []Seen) error
}

// Friends keeps who is to whom what.
type Friends interface {
	// ChangePair carries out cmd.Change on what stands between two users, and publishes its events. Both must be known:
	// [ErrUserNotFound]. A change that would pass [MaxFriends] of either, [MaxRequests] sent or [MaxBlocks] of the actor:
	// the error of [Pair.OverLimit].
	ChangePair(ctx context.Context, cmd ChangePair) (Pair, error)
	// Pair returns what stands between two users, as a sees it. It knows nothing of unknown users.
	Pair(ctx context.Context, a, b UserID) (Pair, error)
	// Circle returns what the query asks for, the newest of each list first; lists that it does not ask for are nil.
	// Received requests of whom the user has blocked are left out. It reads no more of a list than it returns.
	Circle(ctx context.Context, userID UserID, q CircleQuery) (Circle, error)
	// FriendIDs returns all friends, sorted.
	FriendIDs(ctx context.Context, userID UserID) ([]UserID, error)
	// BlockedIDs returns all whom the user has blocked or who have blocked the user, sorted.
	BlockedIDs(ctx context.Context, userID UserID) ([]UserID, error)
}

// Revocations keeps which tokens are no longer good.
type Revocations interface {
	// Revoke stores a revocation, which is a [TokensRevoked]. Of a user's the latest stays. What may be forgotten by then is.
	Revoke(ctx context.Context, r Revocation) error
	// Revoked calls yield with all revocations but those of tokens whose Until is before now: they may be forgotten.
	Revoked(ctx context.Context, now time.Time, yield func(Revocation)) error
	// RevokedUsers returns the revocations of users whose IssuedBy is since or later.
	RevokedUsers(ctx context.Context, since time.Time) ([]Revocation, error)
	// RevokedBy returns the time of issue up to which a user's tokens are revoked; zero if none are.
	RevokedBy(ctx context.Context, userID UserID) (time.Time, error)
}

// APIKeys keeps the API keys of the application's own backend.
type APIKeys interface {
	CreateAPIKey(ctx context.Context, k APIKey, hash []byte) error
	// APIKeyByHash finds a key, revoked or not.
	APIKeyByHash(ctx context.Context, hash []byte) (APIKey, bool, error)
	// APIKeys returns all, the oldest first.
	APIKeys(ctx context.Context) ([]APIKey, error)
	// RevokeAPIKey notes the time, unless one is noted, and tells whether there is such a key.
	RevokeAPIKey(ctx context.Context, id string, at time.Time) (bool, error)
}

// Addresses keeps which addresses are kept out.
type Addresses interface {
	// BlockAddress stores a block, in place of another one of the address, which is an [AddressBlocked]. What is over by
	// then may be forgotten.
	BlockAddress(ctx context.Context, b BlockedAddress) error
	// UnblockAddress removes the block of an address, if there is one: an [AddressUnblocked].
	UnblockAddress(ctx context.Context, address netip.Addr) error
	// BlockedAddresses returns the blocks that are not over, by their ends.
	BlockedAddresses(ctx context.Context, now time.Time) ([]BlockedAddress, error)
}

// SignIns keeps from where accounts were signed in to.
type SignIns interface {
	// NoteSignIn stores that somebody who knew the password of an account came from an address. Of each account the
	// [MaxKnownAddresses] latest stay.
	NoteSignIn(ctx context.Context, s SignIn) error
	// SignedIn returns when the account with a login name, in any case, was last signed in to from an address; zero if it
	// never was, or there is no such account.
	SignedIn(ctx context.Context, username string, from netip.Addr) (time.Time, error)
}

// SignIn is that somebody has signed in to an account.
type SignIn struct {
	UserID UserID
	From   netip.Addr
	At     time.Time
}

// Local is what is kept of an account with a password.
type Local struct {
	User         User
	PasswordHash string
}

// CreateLocal is the command to store an account with a password.
type CreateLocal struct {
	User         User
	PasswordHash string
}

// ReplacePassword is the command to store another hash for an account.
type ReplacePassword struct {
	UserID   UserID
	Old, New string
	Revoke   *Revocation
}

// EnsureUser is the command to know a user. A user who is known keeps the name, unless Rename is set.
type EnsureUser struct {
	ID     UserID
	Name   string
	Rename bool
	Issuer string // to whom the user belongs
	At     time.Time
}

// ChangeUser is the command to change a user; nil leaves as it is.
type ChangeUser struct {
	ID     UserID
	Name   *string
	Admin  *bool
	Issuer *string
	// Disabled has the user let in no longer, or again; with Revoke, which may be nil, go the tokens of who is disabled.
	Disabled *bool
	Revoke   *Revocation
	// KeepAdmin refuses to leave nobody who may administer the server by what is stored.
	KeepAdmin bool
	Origin    string
	At        time.Time
}

// Changes tells whether something about the user would be different.
func (cmd *ChangeUser) Changes(u *User) bool {
	return cmd.Name != nil && *cmd.Name != u.Name || cmd.Admin != nil && *cmd.Admin != u.Admin ||
		cmd.Issuer != nil && *cmd.Issuer != u.Issuer || cmd.Disabled != nil && *cmd.Disabled != u.Disabled()
}

// TakesAdmin tells whether the command takes an administrator away who must not be the last one.
func (cmd *ChangeUser) TakesAdmin(u *User) bool {
	goes := cmd.Admin != nil && !*cmd.Admin || cmd.Disabled != nil && *cmd.Disabled
	return cmd.KeepAdmin && u.Admin && !u.Disabled() && goes
}

// Seen is when a user's last device went.
type Seen struct {
	UserID UserID
	At     time.Time
}

// ChangePair is the command to change what stands between two users.
type ChangePair struct {
	Actor, Target UserID
	Origin        string
	At            time.Time
	// Change is one of this package's rules: it returns what shall be, and what that is as events of the actor's.
	Change func(Pair) (Pair, []PairEvent, error)
}
