package app

import (
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/gateway"
	"github.com/sockeye-im/sockeye/internal/httpapi"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
	"github.com/sockeye-im/sockeye/socketio"
)

// socketConfig is the part of the configuration that concerns connections.
func socketConfig(cfg config.Config, log *slog.Logger) socketio.Config {
	out := socketio.Config{
		Engine: engineio.Config{
			PingInterval:    cfg.Wire.PingInterval,
			PingTimeout:     cfg.Wire.PingTimeout,
			MaxPayload:      int(cfg.Limits.MaxPayload),
			Transports:      cfg.Wire.Transports,
			NoEIO3:          !cfg.Wire.EIO3.On,
			MaxQueuedFrames: cfg.Limits.QueueFrames,
			MaxQueuedBytes:  int(cfg.Limits.QueueBytes),
			WriteStall:      cfg.Limits.WriteStall,
		},
		ConnectTimeout: cfg.Limits.AuthTimeout,
		ForgetAuth:     true,
		Logger:         log,
	}
	if len(cfg.Origins) > 0 {
		out.Engine.CORS = &engineio.CORS{Origins: cfg.Origins, Credentials: true}
	}
	if cfg.Wire.Compression.On {
		out.Engine.PerMessageDeflate = &engineio.PerMessageDeflate{}
	}
	if cfg.Wire.Recovery > 0 {
		out.Recovery = &socketio.Recovery{MaxDisconnection: cfg.Wire.Recovery}
	}
	return out
}

// gatewayConfig is the part that concerns the door. Limits that are off are
// rates and counts per address; the capacity always holds.
func gatewayConfig(cfg config.Config) gateway.Config {
	out := gateway.Config{Origins: cfg.Origins, MaxConnections: cfg.Limits.MaxConnections}
	for _, network := range cfg.Limits.TrustedProxies {
		out.TrustedProxies = append(out.TrustedProxies, netip.Prefix(network.Prefix))
	}
	if cfg.Limits.Limits.On {
		out.MaxConnectionsPerIP = cfg.Limits.MaxConnectionsPerIP
		out.Connects = ratelimit.Rate(cfg.Limits.RateConnections)
	}
	return out
}

// accountConfig is the part that concerns who may sign in.
func accountConfig(cfg config.Config) account.Config {
	out := account.DefaultConfig()
	out.Local, out.External = cfg.Account.LocalAccounts.On, cfg.Account.ExternalAccounts.On
	out.Registration = cfg.Account.Registration.On
	out.TokenTTL, out.RefreshFor = cfg.Account.TokenTTL, cfg.Account.RefreshFor
	return out
}

// chatConfig is the part that concerns conversations.
func chatConfig(cfg config.Config) chat.Config {
	return chat.Config{
		DirectPolicy:    chat.DirectPolicy(cfg.Chat.DMPolicy),
		DirectRetention: cfg.Chat.DMRetention,
		MaxText:         cfg.Limits.TextLimit,
		EditWindow:      cfg.Chat.EditWindow,
	}
}

// typingConfig is the part that concerns who types. Between whom direct messages
// are allowed, typing is seen.
func typingConfig(cfg config.Config) presence.TypingConfig {
	out := presence.DefaultTypingConfig()
	out.Expires = cfg.Chat.TypingLifetime
	out.Repeat = min(out.Repeat, out.Expires/2)
	out.FriendsOnly = chat.DirectPolicy(cfg.Chat.DMPolicy) == chat.DirectFriends
	return out
}

// apiConfig is the part that concerns the HTTP API.
func apiConfig(cfg config.Config) httpapi.Config {
	out := httpapi.DefaultConfig()
	out.Origins, out.Version = cfg.Origins, cfg.Version
	out.Processors, out.MaxConnections = runtime.GOMAXPROCS(0), cfg.Limits.MaxConnections
	out.MaxText, out.MaxBody = cfg.Limits.TextLimit, int64(cfg.Limits.MaxPayload)
	out.Requests = ratelimit.Rate(cfg.Limits.RateRequests)
	out.KeyRequests = ratelimit.Rate(cfg.Limits.RateKeyRequests)
	out.Logins = ratelimit.Rate(cfg.Limits.RateLogins)
	if !cfg.Limits.Limits.On {
		out.Requests, out.KeyRequests, out.Logins = ratelimit.Rate{}, ratelimit.Rate{}, ratelimit.Rate{}
	}
	return out
}

// nativeConfig is the part that concerns plain WebSockets.
func nativeConfig(cfg config.Config) gateway.NativeConfig {
	return gateway.NativeConfig{
		MaxFrame:    1 << 20,
		AuthTimeout: cfg.Limits.AuthTimeout,
		Heartbeat:   30 * time.Second,
		QueueFrames: cfg.Limits.QueueFrames,
		QueueBytes:  int(cfg.Limits.QueueBytes),
		WriteStall:  cfg.Limits.WriteStall,
	}
}

func eventRate(cfg config.Config) ratelimit.Rate {
	if !cfg.Limits.Limits.On {
		return ratelimit.Rate{}
	}
	return ratelimit.Rate(cfg.Limits.RateEvents)
}

// watch adds what metrics read when they are asked.
func (s *server) watch() error {
	m := s.metrics
	if expires := s.secure.expires; expires != nil {
		if err := m.Watch("sockeye_tls_certificate_expiry_seconds", "When the certificate in use runs out, in seconds since 1970; the first of several.", func() float64 {
			return float64(max(expires().Unix(), 0))
		}); err != nil {
			return err
		}
	}
	return errors.Join(
		m.Watch("websocket_connections", "Open connections that have signed in.", func() float64 { return float64(s.gateway.Connections()) }),
		m.Watch("websocket_connections_open", "Open connections, signed in or not.", func() float64 { return float64(s.sockets.Connections()) }),
		m.Watch("sockeye_users_online", "Users who are online.", func() float64 { return float64(s.presence.Count()) }),
		m.Watch("sockeye_hub_queue", "Commits whose events wait to be told to connections.", func() float64 { return float64(s.hub.Waiting()) }),
		m.Watch("sockeye_store_queue", "Commands that wait for the store's writer.", func() float64 { return float64(s.store.Stats().Queued) }),
		m.WatchTotal("sockeye_store_commands_total", "Commands that were in the store's transactions.", func() float64 { return float64(s.store.Stats().Commands) }),
		m.WatchTotal("sockeye_store_batches_total", "Transactions that the store has ended; commands by batches is the mean batch.", func() float64 { return float64(s.store.Stats().Batches) }),
	)
}
