package app

import (
	"context"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/account/jwks"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/presence"
)

// buildTrust reads the keys by which tokens are signed and verified.
func (s *Server) buildTrust(ctx context.Context) error {
	secret, err := s.Store.Secret(ctx)
	if err != nil {
		return err
	}
	if s.Issuer, err = account.NewIssuer(secret, time.Now); err != nil {
		return err
	}
	s.verifiers, err = account.NewVerifiers(ctx, account.TrustConfig{
		Secret: secret, External: s.settings.Account.Issuers, Leeway: s.settings.Account.JWTLeeway, Now: time.Now,
		// The demo administrator is one by a claim, which counts no longer once the server runs without --dev.
		AdminClaims: s.settings.Account.AdminClaims.On || s.settings.Dev,
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

func (s *Server) buildAccounts(ctx context.Context) (err error) {
	tell := news{s.Feed}.accounts
	s.Accounts, err = account.New(ctx, s.settings.Users, account.Deps{
		Store: s.settings.People(s.Store.Accounts(tell)), Verifier: s.verifiers, Issuer: s.Issuer, Now: time.Now,
		Nodes: s.peers != nil, Tell: tell, InStep: s.inStep,
	})
	if err != nil {
		return err
	}
	s.Feed.Heed(func(facts *feed.Facts) { s.Accounts.Heard(facts.Accounts) })
	settled, err := s.Accounts.Settle(ctx, s.settings.Account.UsersOf)
	if settled > 0 {
		s.log.Info("users without an issuer belong to one from now on", "users", settled, "issuer", s.settings.Account.UsersOf)
	}
	return err
}

func (s *Server) buildPresence(context.Context) (err error) {
	s.Presence, err = presence.NewTracker(s.settings.Presence, presence.TrackerDeps{
		People: s.Accounts, Teller: teller{s.Feed, s.Hub}, Peers: s.peers, Log: s.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	s.parts.add("presence", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), s.settings.DrainTimeout)
		defer cancel()
		return s.Presence.Stop(ctx)
	})
	// Behind the hub: that a new friend is online is told behind the friendship.
	s.Feed.Follow(func(facts *feed.Facts) { s.Presence.Heard(facts.Accounts) })
	tell := typists{s.Feed, s.self()}
	s.Typing, err = presence.NewTyping(s.settings.Typing, presence.TypingDeps{Relations: s.Accounts, Teller: tell, Now: time.Now})
	if err != nil {
		return err
	}
	if s.peers != nil {
		s.Feed.Follow(tell.hear(s.Typing))
	}
	s.parts.add("typing", func() error { s.Typing.Stop(); return nil })
	return nil
}
