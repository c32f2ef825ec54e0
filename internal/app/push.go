package app

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/outbound"
	"github.com/sockeye-im/sockeye/internal/push"
)

// dialPush is how long the connection to a push service may take.
const dialPush = 10 * time.Second

// buildPush makes what brings notifications to devices that are not connected.
func (s *Server) buildPush(ctx context.Context) (err error) {
	var allow outbound.Allowed
	if s.settings.Push.AllowPrivate {
		s.log.Warn("push-allow-private is on: whoever signs in can have this server send requests to any address. It is for tests")
		allow = outbound.Allowed{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	}
	sender := outbound.NewClient(outbound.Config{Allow: allow, DialTimeout: dialPush, Roots: s.settings.PushRoots})
	s.parts.add("push client", func() error { sender.Close(); return nil })
	phones, roots, err := pushConfig(s.settings)
	if err != nil {
		return err
	}
	// The operator has named these services, whatever their addresses.
	named := outbound.Allowed{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	toPhones := outbound.NewClient(outbound.Config{Allow: named, DialTimeout: dialPush, Roots: roots})
	s.parts.add("push client of phones", func() error { toPhones.Close(); return nil })
	pushes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sockeye_pushes_total", Help: "Notifications to devices that are not connected, by what came of each attempt.",
	}, []string{"type", "outcome"})
	for _, of := range push.Types {
		for _, outcome := range push.Outcomes {
			pushes.WithLabelValues(string(of), string(outcome)) // there from the start
		}
	}
	if err := s.Registry.Register(pushes); err != nil {
		return err
	}
	s.Push, err = push.New(ctx, phones, push.Deps{
		Store: s.Store, Sender: sender, Phones: toPhones, Presence: s.Presence, Chats: s.Store, Blocks: s.Store, Log: s.log, Now: time.Now, NewID: chat.NewID,
		Observe: func(of push.Type, outcome push.Outcome, back bool) {
			pushes.WithLabelValues(string(of), string(outcome)).Inc()
			if back {
				return // nobody was told anything
			}
			switch outcome {
			case push.Sent, push.Refused, push.Expired:
				s.Usage.Pushed(outcome == push.Sent)
			case push.Gone, push.Later: // there is nobody to tell, or it goes on
			}
		},
	})
	if err != nil {
		return err
	}
	s.parts.add("push", func() error { s.Push.Stop(); return nil })
	s.follow(func(chats []chat.Event, _ []account.Event) []job.Job { return s.Push.Follow(chats) })
	return nil
}

// pushConfig is what the settings say of push, with what is in the files that they name; roots are the authorities of Apple's and
// Google's services.
func pushConfig(settings Settings) (cfg push.Config, roots *x509.CertPool, err error) {
	p := settings.Phones
	cfg = push.Config{
		AllowPrivate: settings.Push.AllowPrivate, Subject: settings.Push.Subject, LookFor: settings.LookFor,
		APNs: push.APNs{KeyID: p.APNsKeyID, TeamID: p.APNsTeamID, Host: p.APNsHost}, FCM: push.FCM{URL: p.FCMURL},
	}
	if cfg.APNs.Key, err = credentials("apns-key-file", p.APNsKeyFile); err != nil {
		return cfg, nil, err
	}
	if cfg.FCM.Credentials, err = credentials("fcm-credentials-file", p.FCMCredentialsFile); err != nil {
		return cfg, nil, err
	}
	authorities, err := credentials("push-ca-file", p.CAFile)
	if err != nil || authorities == nil {
		return cfg, nil, err
	}
	if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(authorities) {
		return cfg, nil, fmt.Errorf("push-ca-file %s has no certificate in PEM", p.CAFile)
	}
	return cfg, roots, nil
}

// maxCredentials is how many bytes a file has at most that a setting of push names.
const maxCredentials = 1 << 20

// credentials are what is in the file that a setting names; nil where it names none.
func credentials(setting, path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	defer func() { _ = in.Close() }()
	content, err := io.ReadAll(io.LimitReader(in, maxCredentials+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", setting, err)
	case len(content) == 0:
		return nil, fmt.Errorf("%s: %s is empty", setting, path)
	case len(content) > maxCredentials:
		return nil, fmt.Errorf("%s: %s has more than %d bytes", setting, path, maxCredentials)
	}
	return content, nil
}
