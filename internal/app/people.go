package app

import (
	"context"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/account/jwks"
	"github.com/sockeye-im/sockeye/internal/presence"
)

// buildTrust reads the keys by which tokens are signed and verified.
func (s *server) buildTrust(ctx context.Context) error {
	secret, err := s.cfg.Account.Secret()
	if err != nil {
		return err
	}
	if s.issuer, err = account.NewIssuer(secret, time.Now); err != nil {
		return err
	}
	s.verifiers, err = account.NewVerifiers(ctx, account.TrustConfig{
		Secret: secret, External: s.cfg.Account.Issuers, Leeway: s.cfg.Account.JWTLeeway, Now: time.Now,
		// The demo administrator is one by a claim, which counts no longer once the server runs without --dev.
		AdminClaims: s.cfg.Account.AdminClaims.On || s.cfg.Dev,
		OpenJWKS: func(ctx context.Context, url string) (account.Keys, error) {
			return jwks.Open(ctx, url, http.DefaultTransport, s.log)
		},
	})
	if err != nil {
		return err
	}
	s.parts.add("verifiers", func() error { s.verifiers.Stop(); return nil })
	return nil
}

func (s *server) buildAccounts(ctx context.Context) error {
	accounts, err := account.New(ctx, accountConfig(s.cfg), account.Deps{
		Store: s.store.Accounts(s.publishAccounts), Verifier: s.verifiers, Issuer: s.issuer, Now: time.Now,
	})
	s.accounts = accounts
	return err
}

// publishAccounts tells devices what happened between users, and the parts that
// keep a picture of it. That a new friend is online is told behind the friendship.
func (s *server) publishAccounts(events []account.Event) {
	s.hub.PublishAccounts(events)
	for i := range events {
		switch e := &events[i]; e.Kind {
		case account.FriendAccepted:
			s.hub.After(func() { s.presence.Befriended(e.Actor.ID, e.Other.ID) })
		case account.UserChanged:
			s.accounts.Renamed(e.Actor.ID, e.Actor.Name)
			s.presence.Renamed(e.Actor)
		}
	}
}

func (s *server) buildPresence(context.Context) error {
	tracker, err := presence.NewTracker(presence.Config{Grace: s.cfg.Chat.OfflineGrace}, s.accounts, s.hub, s.log, time.Now)
	if err != nil {
		return err
	}
	s.presence = tracker
	s.parts.add("presence", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), s.cfg.DrainTimeout)
		defer cancel()
		return tracker.Stop(ctx)
	})
	typing, err := presence.NewTyping(typingConfig(s.cfg), s.accounts, s.hub, time.Now)
	if err != nil {
		return err
	}
	s.typing = typing
	s.parts.add("typing", func() error { typing.Stop(); return nil })
	return nil
}
