package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// APIKeyPrefix begins every API key, so that one can be recognised where it does not belong.
const APIKeyPrefix = "sky_"

// Limits of API keys.
const (
	MaxAPIKeys     = 1000
	maxAPIKeyBytes = 128
)

// Scope is something that an API key permits.
type Scope string

// The scopes.
const (
	ScopeAll           Scope = "*"
	ScopeUsers         Scope = "users"         // create and change users, see who they are
	ScopeSessions      Scope = "sessions"      // disconnect users, revoke their tokens
	ScopeRooms         Scope = "rooms"         // create rooms, add members
	ScopeMessages      Scope = "messages"      // post as a user or as the system
	ScopeNotifications Scope = "notifications" // publish to topics and users
	ScopePresence      Scope = "presence"      // see who is online
	ScopeWebhooks      Scope = "webhooks"      // have events told, of all conversations
	ScopeBots          Scope = "bots"          // make bots, their tokens, and incoming webhooks
	ScopeBroadcasts    Scope = "broadcasts"    // say something to many rooms or users, or to all
)

// Scopes returns all scopes.
func Scopes() []Scope {
	return []Scope{
		ScopeAll, ScopeUsers, ScopeSessions, ScopeRooms, ScopeMessages, ScopeNotifications, ScopePresence, ScopeWebhooks, ScopeBots, ScopeBroadcasts,
	}
}

// APIKey is what is known of an API key of the application's own backend; the key itself is not.
type APIKey struct {
	ID        string
	Name      string // for people
	Scopes    []Scope
	CreatedAt time.Time
	RevokedAt time.Time // zero: it is good
}

// May tells whether the key permits something.
func (k *APIKey) May(scope Scope) bool {
	return slices.Contains(k.Scopes, scope) || slices.Contains(k.Scopes, ScopeAll)
}

// CreateAPIKey makes an API key. The secret is what the backend shows; it comes back this once and is stored as a hash.
func (s *Service) CreateAPIKey(ctx context.Context, name string, scopes []Scope) (k APIKey, secret string, err error) {
	name = strings.TrimSpace(name)
	if err := checkDisplayName("name", name); err != nil {
		return APIKey{}, "", err
	}
	if len(scopes) == 0 {
		return APIKey{}, "", refusal.Missing("scopes")
	}
	for _, scope := range scopes {
		if !slices.Contains(Scopes(), scope) {
			return APIKey{}, "", refusal.Invalid("scopes", fmt.Sprintf("must be some of %v", Scopes()))
		}
	}
	scopes = slices.Clone(scopes)
	slices.Sort(scopes)
	keys, err := s.store.APIKeys(ctx)
	if err != nil {
		return APIKey{}, "", fmt.Errorf("count API keys: %w", err)
	}
	if len(keys) >= MaxAPIKeys {
		return APIKey{}, "", tooMany("API keys", MaxAPIKeys)
	}
	secret = APIKeyPrefix + rand.Text() + rand.Text()
	k = APIKey{ID: "k_" + strings.ToLower(rand.Text()), Name: name, Scopes: slices.Compact(scopes), CreatedAt: s.timestamp()}
	if err := s.store.CreateAPIKey(s.Audit(ctx, AuditAPIKeyCreated, k.ID, k.Name), k, apiKeyHash(secret)); err != nil {
		return APIKey{}, "", fmt.Errorf("create API key: %w", err)
	}
	return k, secret, nil
}

// VerifyAPIKey returns the key whose secret is given, or [ErrAPIKeyRefused]. The scope is for the caller to check, by
// [APIKey.May].
func (s *Service) VerifyAPIKey(ctx context.Context, secret string) (APIKey, error) {
	if len(secret) > maxAPIKeyBytes || !strings.HasPrefix(secret, APIKeyPrefix) {
		return APIKey{}, ErrAPIKeyRefused
	}
	k, found, err := s.store.APIKeyByHash(ctx, apiKeyHash(secret))
	if err != nil {
		return APIKey{}, fmt.Errorf("look up API key: %w", err)
	}
	if !found || !k.RevokedAt.IsZero() {
		return APIKey{}, ErrAPIKeyRefused
	}
	return k, nil
}

// APIKeys returns all API keys, the revoked too, the oldest first.
func (s *Service) APIKeys(ctx context.Context) ([]APIKey, error) {
	keys, err := s.store.APIKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return keys, nil
}

// RevokeAPIKey makes a key useless, at once. Again it changes nothing. [ErrAPIKeyNotFound].
func (s *Service) RevokeAPIKey(ctx context.Context, id string) error {
	if id == "" {
		return refusal.Missing("id")
	}
	known, err := s.store.APIKeys(ctx)
	if err != nil {
		return fmt.Errorf("look up API key: %w", err)
	}
	if !slices.ContainsFunc(known, func(k APIKey) bool { return k.ID == id }) {
		return ErrAPIKeyNotFound
	}
	found, err := s.store.RevokeAPIKey(s.Audit(ctx, AuditAPIKeyRevoked, id, ""), id, s.timestamp())
	if err != nil {
		return fmt.Errorf("revoke API key: %w", err)
	}
	if !found {
		return ErrAPIKeyNotFound
	}
	return nil
}

// apiKeyHash needs no salt and no cost: a key has 260 random bits.
func apiKeyHash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
