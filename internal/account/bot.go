package account

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// BotPrefix begins the ids of bots, which are users that a program is, with tokens of the server's own.
const BotPrefix = "bot_"

// BotTokenTTL is how long the token of a bot is good.
const BotTokenTTL = 365 * 24 * time.Hour

// Bot tells whether the id is that of a bot.
func (id UserID) Bot() bool { return strings.HasPrefix(string(id), BotPrefix) }

// CreateBot makes a user for a program.
func (s *Service) CreateBot(ctx context.Context, name string) (User, error) {
	if CleanName(name) == "" {
		return User{}, refusal.Missing("username")
	}
	u, _, err := s.PutUser(ctx, PutUser{ID: UserID(BotPrefix + strings.ToLower(rand.Text())), Name: &name})
	return u, err
}

// BotToken issues a token by which a program is a bot. Those before stay good: [Service.RevokeUser] ends them. Of who is no
// bot it is an [ErrUserNotFound].
func (s *Service) BotToken(ctx context.Context, id UserID) (Token, error) {
	if !id.Bot() {
		return Token{}, ErrUserNotFound
	}
	issuing := s.issuing.of(id)
	issuing.RLock()
	defer issuing.RUnlock()
	if err := s.learn(ctx, id); err != nil {
		return Token{}, err
	}
	user, err := s.User(ctx, id)
	if err != nil {
		return Token{}, err
	}
	if !user.BelongsTo(OwnIssuer) {
		return Token{}, ErrUserNotFound
	}
	if user.Disabled() {
		return Token{}, ErrAccountDisabled
	}
	at := s.present(id)
	token, err := s.issuer.Issue(Grant{UserID: user.ID, Name: user.Name, TTL: BotTokenTTL, IssuedAt: at})
	if err != nil {
		return Token{}, fmt.Errorf("issue token: %w", err)
	}
	s.issued.note(id, at)
	if err := s.Note(ctx, AuditBotToken, string(id), ""); err != nil {
		return Token{}, err
	}
	return token, nil
}
