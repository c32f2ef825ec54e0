package app

import (
	"crypto/x509"
	"net"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/gateway"
	"github.com/sockeye-im/sockeye/internal/httpapi"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/media/worker"
	"github.com/sockeye-im/sockeye/internal/netloop"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/webhook"
	"github.com/sockeye-im/sockeye/socketio"
)

// Settings are a configuration in the words of each package, which is handed its own. What
// remains of the configuration is the server's as a whole.
type Settings struct {
	config.Config
	Sockets  socketio.Config // but for what ties it to other parts
	Door     gateway.Config
	Native   gateway.NativeConfig
	Users    account.Config
	Rules    chat.Config
	Presence presence.Config
	Typing   presence.TypingConfig
	API      httpapi.Config
	Events   ratelimit.Rate // of commands
	Hub      hub.Config
	Webhooks webhook.Config
	Uploads  upload.Config
	// FilesReserve is how many bytes of their disk files leave free.
	FilesReserve uint64
	HandOver     HandOver
	Seams
}

// Seams are where tests come between parts: with a clock, or to hold something up.
type Seams struct {
	Now    func() time.Time // the clock of connections
	Said   func() time.Time // the clock of messages
	NewID  func() string    // of messages and rooms
	Chats  func(chat.Store) chat.Store
	People func(account.Store) account.Store
	SignIn func(gateway.Accounts) gateway.Accounts
	// Members wraps what the hub asks.
	Members func(hub.Members) hub.Members
	// LookFor is how long who is connected and does not look is left to, before devices are told.
	LookFor time.Duration
	// Media is about the processes that make thumbnails. Without a command it is this program that is run.
	Media worker.Config
	// PushRoots are the authorities of push services; nil are the system's.
	PushRoots *x509.CertPool
	// Listener was handed over, and is used in place of one at the address of the settings; nil is none.
	Listener net.Listener
	// Peers are other nodes that a test has, with databases of their own.
	Peers *cluster.Peers
}

// SettingsOf returns the settings of a configuration, without anything in its seams.
func SettingsOf(cfg config.Config) Settings {
	return Settings{
		Config: cfg, Sockets: socketConfig(cfg), Door: doorConfig(cfg), Native: nativeConfig(cfg), Users: accountConfig(cfg),
		Rules: chatConfig(cfg), Presence: presence.Config{Grace: cfg.Chat.OfflineGrace}, Typing: typingConfig(cfg), API: apiConfig(cfg),
		Events: eventRate(cfg), Hub: hub.Config{Idle: max(hub.DefaultConfig().Idle, 2*cfg.Wire.Recovery)}, HandOver: handOver(cfg),
		Webhooks: webhook.DefaultConfig(), Uploads: uploadConfig(cfg), FilesReserve: upload.Reserve,
		Seams: Seams{
			Now: time.Now, Said: time.Now, NewID: chat.NewID, LookFor: push.DefaultLookFor, Media: worker.DefaultConfig(),
			Chats: same[chat.Store], People: same[account.Store], SignIn: same[gateway.Accounts], Members: same[hub.Members],
		},
	}
}

func same[T any](part T) T { return part }

// socketConfig is the part of the configuration that concerns connections.
func socketConfig(cfg config.Config) socketio.Config {
	out := socketio.Config{
		Engine: engineio.Config{
			PingInterval:   cfg.Wire.PingInterval,
			PingTimeout:    cfg.Wire.PingTimeout,
			Path:           socketPath,
			MaxPayload:     int(cfg.Limits.MaxPayload),
			MaxPartial:     int(cfg.Limits.MaxPartial / 2),
			Transports:     cfg.Wire.Transports,
			NoEIO3:         !cfg.Wire.EIO3.On,
			MaxQueuedBytes: int(cfg.Limits.QueueBytes),
			WriteStall:     cfg.Limits.WriteStall,

			MaxStrangerPayload: int(cfg.Limits.AuthPayload),
			MaxStrangers:       2*cfg.Limits.MaxConnections + 100, // more than the gateway admits: they are counted for it
		},
		ConnectTimeout: cfg.Limits.AuthTimeout,
		MaxAuthBytes:   int(cfg.Limits.AuthPayload),
		ForgetAuth:     true,
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

// doorConfig is the part that concerns the door. Limits that are off are
// rates and counts per address; the capacity always holds.
func doorConfig(cfg config.Config) gateway.Config {
	out := gateway.Config{
		Origins: cfg.Origins, MaxConnections: cfg.Limits.MaxConnections,
		Heartbeat: cfg.Wire.PingInterval + cfg.Wire.PingTimeout, IdleTimeout: cfg.Limits.IdleTimeout,
		Room: room(maxFiles()), StrangersTime: 2 * time.Second,
	}
	for _, network := range cfg.Limits.TrustedProxies {
		out.TrustedProxies = append(out.TrustedProxies, netip.Prefix(network.Prefix))
	}
	if cfg.Limits.Limits.On {
		out.MaxConnectionsPerIP, out.MaxConnectionsPerUser = cfg.Limits.MaxConnectionsPerIP, cfg.Limits.MaxConnectionsPerUser
		out.Connects = ratelimit.Rate(cfg.Limits.RateConnections)
	}
	return out
}

// accountConfig is the part that concerns who may sign in.
func accountConfig(cfg config.Config) account.Config {
	out := account.DefaultConfig()
	out.Local, out.External = cfg.Account.LocalAccounts.On, cfg.Account.ExternalAccounts.On
	out.Owners = account.Owners(cfg.Account.Issuers)
	out.Registration = cfg.Account.Registration.On
	out.TokenTTL, out.RefreshFor = cfg.Account.TokenTTL, cfg.Account.RefreshFor
	return out
}

// chatConfig is the part that concerns conversations.
func chatConfig(cfg config.Config) chat.Config {
	return chat.Config{
		DirectPolicy:    chat.DirectPolicy(cfg.Chat.DMPolicy),
		DirectRetention: cfg.Chat.DMRetention,
		RoomRetention:   cfg.Chat.RoomRetention,
		MaxText:         cfg.Limits.TextLimit,
		EditWindow:      cfg.Chat.EditWindow,
		Quota:           chat.Quota{Rooms: cfg.Limits.QuotaRooms, Memberships: cfg.Limits.QuotaMemberships},
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
		AuthFrame:   int(cfg.Limits.AuthPayload),
		MaxPartial:  int(cfg.Limits.MaxPartial / 4),
		AuthTimeout: cfg.Limits.AuthTimeout,
		Heartbeat:   30 * time.Second,
		QueueBytes:  int(cfg.Limits.QueueBytes),
		WriteStall:  cfg.Limits.WriteStall,
	}
}

// bodyGuard is what bounds the bodies of requests that net/http serves.
func bodyGuard(cfg config.Config, refused func(netloop.Refusal)) *netloop.Guard {
	return &netloop.Guard{
		Stranger: netloop.Terms{Max: int(cfg.Limits.AuthPayload), Time: cfg.Limits.AuthTimeout},
		Known:    netloop.Terms{Time: bodyTimeout, Rate: bodyRate},
		Partial:  netloop.NewPartial(int(cfg.Limits.MaxPartial / 4)),
		Refused:  refused,
	}
}

func eventRate(cfg config.Config) ratelimit.Rate {
	if !cfg.Limits.Limits.On {
		return ratelimit.Rate{}
	}
	return ratelimit.Rate(cfg.Limits.RateEvents)
}
