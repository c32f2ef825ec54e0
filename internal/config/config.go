// Package config reads the server's settings from flags, the environment and a YAML file.
//
// A setting has one name everywhere: the flag --chat-dm-policy, the variable SOCKEYE_CHAT_DM_POLICY, and in the file
// "chat-dm-policy" or, nested at any dash, "chat: {dm-policy: …}". Flags win over the environment, the environment over
// the file, the file over the defaults. What is secret may also stand in a file of its own: database-file names one with the value
// of database. An empty variable counts as not set. An unknown key in the file, a wrong type and a value out of its range are errors
// that name the key, the value and what is allowed.
//
// [Config] is only a record: each package of the server is handed its own part of it.
package config

import (
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"github.com/sockeye-im/sockeye/internal/account"
)

// Config holds every setting. Finish must have accepted it before it is used.
type Config struct {
	File string `name:"config" placeholder:"FILE" help:"YAML file with settings under the same names."`

	Listen  string   `placeholder:":3000" help:"Address for everything, host:port. Default :3000, with --dev 127.0.0.1:3000."`
	Origins []string `placeholder:"ORIGIN" help:"Web origins allowed to connect beside the server's own, such as https://app.example; * allows all."`
	Dev     bool     `help:"Development: anybody can sign in as a demo user. Binds loopback addresses only."`

	TLS     TLS     `embed:""`
	Account Account `embed:""`

	Redis RedisURL `placeholder:"URL" help:"Redis by which servers on one PostgreSQL database hear of each other's news sooner: redis://user:password@host:6379, rediss:// for TLS; more with addr, master_set, ca, cert, key. It keeps nothing, and may be away. Other users of the machine see flags: prefer the environment."`

	RedisFile string `name:"redis-file" placeholder:"FILE" help:"File with the value of redis, in its place."`

	Cluster Cluster `embed:"" prefix:"cluster-"`

	Limits Limits `embed:""`
	Wire   Wire   `embed:""`
	Chat   Chat   `embed:"" prefix:"chat-"`
	Log    Log    `embed:"" prefix:"log-"`

	Webhook Webhook `embed:"" prefix:"webhook-"`
	Push    Push    `embed:"" prefix:"push-"`
	Phones  Phones  `embed:""`
	Files   Files   `embed:""`

	Metrics      Switch        `default:"on" help:"Serve /metrics: on or off."`
	Pprof        Switch        `default:"off" help:"Serve /debug/pprof/, for profiling: on or off. Not for servers that strangers can reach."`
	MemoryLimit  MemoryLimit   `default:"auto" placeholder:"SIZE" help:"Memory beyond which the garbage collector works harder: auto (90 % of the cgroup's limit, if it has one), off, or a size such as 2GiB. GOMEMLIMIT goes before it."`
	DrainTimeout time.Duration `default:"10s" help:"How long a stop may take: for work in progress, and for connections to go to other servers."`

	Version string `kong:"-"` // the program's own, no setting; /health shows it
}

// TLS says with which certificates the server speaks TLS. Without any it speaks plain HTTP.
type TLS struct {
	Cert          string        `name:"tls-cert" placeholder:"FILE" help:"Serve TLS with the certificate and chain in this PEM file. Read again when it changes, and on SIGHUP."`
	Key           string        `name:"tls-key" placeholder:"FILE" help:"PEM file with the private key for --tls-cert."`
	ACMEHosts     []string      `name:"acme-hosts" placeholder:"HOST" help:"Serve TLS with certificates for these host names, got and renewed from an ACME authority, whose terms you accept by this. It connects to port 443 of each."`
	ACMEEmail     string        `name:"acme-email" placeholder:"ADDRESS" help:"Where the ACME authority can write to."`
	ACMEDirectory string        `name:"acme-directory" default:"https://acme-v02.api.letsencrypt.org/directory" help:"The ACME authority's directory."`
	HSTS          time.Duration `name:"hsts" default:"0s" help:"How long browsers shall use nothing but HTTPS for this host, on all its ports (Strict-Transport-Security); 0 does not say so."`
}

// On reports whether the server speaks TLS.
func (t TLS) On() bool { return t.Cert != "" || len(t.ACMEHosts) > 0 }

// Account says whose tokens are accepted.
type Account struct {
	Signing `embed:""`

	Issuers     Issuers       `placeholder:"YAML" help:"Other issuers, a YAML or JSON list of {issuer, audience, secret|key-file|jwks-url, algorithms, admin-claims, users-of}."`
	IssuersFile string        `name:"issuers-file" placeholder:"FILE" help:"File with the value of issuers, in its place."`
	UsersOf     string        `name:"users-of" placeholder:"ISSUER" help:"Give users of whom is not known to which issuer they belong to this one; sockeye is the server's own. Needed once, where issuers are set and users are older than that."`
	AdminClaims Switch        `default:"off" help:"Let tokens made with the server's own secret name administrators of the server, by the claims admin, role and roles: on or off."`
	JWTLeeway   time.Duration `name:"jwt-leeway" default:"0s" help:"How far the times in a token may be off."`

	LocalAccounts    Switch        `default:"on" help:"Accounts with a password on this server: on or off."`
	ExternalAccounts Switch        `default:"on" help:"Users whose tokens another application signs: on or off."`
	Registration     Switch        `default:"on" help:"Let anybody make an account: on or off."`
	TokenTTL         time.Duration `name:"token-ttl" default:"24h" help:"How long the tokens of accounts last."`
	RefreshFor       time.Duration `default:"720h" help:"How long after logging in a token can be exchanged for a new one."`
}

// Signing says where everything is kept, and with it the secret of the server's own tokens. It stands alone because
// every command beside the server needs just this.
type Signing struct {
	Data          string         `default:"./data" help:"Data folder, made when missing."`
	Database      DatabaseURL    `placeholder:"URL" help:"PostgreSQL database, postgres://user:password@host:5432/name, in place of SQLite in the data folder. Other users of the machine see flags: prefer the environment."`
	DatabaseFile  string         `name:"database-file" placeholder:"FILE" help:"File with the value of database, in its place."`
	JWTSecret     account.Secret `name:"jwt-secret" placeholder:"SECRET" help:"Secret for tokens, in place of the one in the data folder or the database. Other users of the machine see flags: prefer the environment."`
	JWTSecretFile string         `name:"jwt-secret-file" placeholder:"FILE" help:"File with the value of jwt-secret, in its place."`
}

// Secret returns the configured secret, else the data folder's, which it makes when there is none.
func (s Signing) Secret() (account.Secret, error) {
	return s.secretOr(account.OpenSecret)
}

// KnownSecret is Secret for commands beside the server: it makes nothing, and fails where there is no secret.
func (s Signing) KnownSecret() (account.Secret, error) {
	return s.secretOr(account.ReadSecret)
}

func (s Signing) secretOr(ofFolder func(dataDir string) (account.Secret, error)) (account.Secret, error) {
	if s.JWTSecret == "" {
		return ofFolder(s.Data)
	}
	if err := s.JWTSecret.Validate(); err != nil {
		return "", fmt.Errorf("jwt-secret: %w", err)
	}
	return s.JWTSecret, nil
}

// Cluster says how servers on one PostgreSQL database reach each other.
type Cluster struct {
	Listen  string `placeholder:"HOST:PORT" help:"Where the other servers on one PostgreSQL database reach this one, to pass on requests of its clients that have come to them. Default: the address by which this one reaches the database, and any free port."`
	Address string `placeholder:"HOST[:PORT]" help:"Where they are told to reach it, if that is not where it listens."`
}

// Limits bounds what clients can take from the server.
type Limits struct {
	Limits                Switch        `default:"on" help:"Rates and counts per IP and user: on, or off for load tests. Sizes and --max-connections always hold."`
	MaxConnections        int           `default:"10000" help:"Connections in all."`
	MaxConnectionsPerIP   int           `name:"max-connections-per-ip" default:"1000" help:"Connections from one IP address; 0 is no limit."`
	MaxConnectionsPerUser int           `name:"max-connections-per-user" default:"100" help:"Connections of one user; 0 is no limit."`
	RateEvents            Rate          `default:"100/min" help:"Events of one kind from one user, such as 100/min; off is no limit."`
	RateConnections       Rate          `default:"100/min" help:"New connections from one IP address; off is no limit."`
	RateRequests          Rate          `default:"1000/15m" help:"HTTP API requests from one IP address; off is no limit."`
	RateKeyRequests       Rate          `default:"6000/min" help:"HTTP API requests with one API key; off is no limit."`
	RateLogins            Rate          `default:"10/min" help:"Attempts to log in or register from one IP address or for one account; off is no limit."`
	TrustedProxies        []Network     `placeholder:"CIDR" help:"Proxies whose word on the client's IP address and scheme is taken."`
	AuthTimeout           time.Duration `default:"10s" help:"Time to sign in after connecting."`
	AuthPayload           Bytes         `default:"16KiB" help:"Size of one message on the wire before signing in."`
	MaxPartial            Bytes         `default:"64MiB" help:"Bytes of requests and messages that have come in part, of all connections together; strangers have an eighth."`
	QuotaRooms            int           `default:"100" help:"Rooms that one user can make; 0 is no limit. The backend is not bound by it, here and below."`
	QuotaMemberships      int           `default:"1000" help:"Rooms that one user can be in; 0 is no limit."`
	IdleTimeout           time.Duration `default:"0s" help:"Close a connection that sends no event for so long; 0 is never. Heartbeats find dead connections without it."`
	TextLimit             int           `default:"10000" help:"Characters in a text field."`
	MaxPayload            Bytes         `default:"1MB" help:"Size of one message on the wire."`
	QueueFrames           int           `default:"0" help:"Ignored: what may wait for a connection is bounded by --queue-bytes alone."`
	QueueBytes            Bytes         `default:"64MiB" help:"Bytes that may wait for one connection before it is closed as a slow consumer."`
	QueueMemory           QueueMemory   `default:"auto" placeholder:"SIZE" help:"Bytes that may wait for all connections together, beyond which those go for whom most waits: auto (a quarter of the memory limit, 256MiB without one), or a size."`
	WriteStall            time.Duration `default:"10s" help:"Time in which a connection takes nothing of what waits before it is closed as a slow consumer."`
}

// Wire sets up the transports.
type Wire struct {
	Transports   []string      `default:"websocket,polling" help:"Transports offered: websocket, polling."`
	EIO3         Switch        `name:"eio3" default:"on" help:"Serve Engine.IO protocol 3 too, for Socket.IO clients of version 2: on or off."`
	PingInterval time.Duration `default:"25s" help:"Time between heartbeats."`
	PingTimeout  time.Duration `default:"60s" help:"Time a heartbeat may stay unanswered."`
	Compression  Switch        `default:"off" help:"Compress WebSocket messages (permessage-deflate): on or off."`
	Recovery     time.Duration `default:"2m" help:"How long a broken Socket.IO connection can be recovered; 0 is never."`
}

// Chat sets the rules of messaging.
type Chat struct {
	DMPolicy       string        `name:"dm-policy" default:"friends" help:"Between whom direct messages are allowed: friends or anyone."`
	DMRetention    time.Duration `name:"dm-retention" default:"0s" help:"How long direct messages are kept; 0 is for ever."`
	RoomRetention  time.Duration `default:"0s" help:"How long new rooms keep messages, in whole days such as 720h; 0 is for ever. Each room's admins can choose."`
	EditWindow     time.Duration `default:"5m" help:"How long after sending a message may be edited."`
	OfflineGrace   time.Duration `default:"5s" help:"How long somebody without a device still counts as online."`
	TypingLifetime time.Duration `default:"6s" help:"How long somebody types who does not say so again."`
}

// Webhook says to whom the server tells events.
type Webhook struct {
	Allow []Network `placeholder:"CIDR" help:"Networks of your own that webhooks may lead to, also by plain HTTP. Without it they lead to public addresses by HTTPS alone."`
}

// Push says how devices are told that are not connected.
type Push struct {
	Subject      string `default:"https://github.com/sockeye-im/sockeye" placeholder:"ADDRESS" help:"Whom push services may turn to where something is wrong with what this server sends: a mailto: or https: address, and not one of localhost."`
	AllowPrivate bool   `help:"For tests: browsers may subscribe with push services on private addresses, by plain HTTP and at any port."`
}

// Phones says how the services of Apple and Google are reached, which tell apps. Without credentials there are none.
type Phones struct {
	APNsKeyFile        string `name:"apns-key-file" placeholder:"FILE" help:"Apple's AuthKey_….p8, by which apps for its systems are told."`
	APNsKeyID          string `name:"apns-key-id" placeholder:"ID" help:"Id of the key in apns-key-file: the 10 characters in its name."`
	APNsTeamID         string `name:"apns-team-id" placeholder:"ID" help:"Id of the team at Apple that the key is of: 10 characters."`
	APNsHost           string `name:"apns-host" default:"api.push.apple.com" placeholder:"HOST" help:"Apple's service; api.sandbox.push.apple.com is for apps that are run from Xcode."`
	FCMCredentialsFile string `name:"fcm-credentials-file" placeholder:"FILE" help:"JSON key of a service account at Google, by which apps are told by Firebase Cloud Messaging."`
	FCMURL             string `name:"fcm-url" default:"https://fcm.googleapis.com" placeholder:"URL" help:"Where the API of Firebase Cloud Messaging is."`
	CAFile             string `name:"push-ca-file" placeholder:"FILE" help:"PEM file with the authorities of apns-host, fcm-url and where access tokens are, in place of the system's: for tests, and proxies of your own."`
}

// Files says which files users may upload, and where these are kept.
type Files struct {
	FilesDir      string   `placeholder:"DIR" help:"Folder for files, made when missing. Default: the folder files in the data folder, which backups hold."`
	FilesShared   Switch   `default:"off" help:"The folder for files is the same for all servers of a PostgreSQL database: on or off. Without it they take no files."`
	UploadMaxSize Bytes    `default:"10MB" help:"Size of one file."`
	UploadQuota   Bytes    `default:"1GiB" help:"Size of all files of one user together; 0 is no limit."`
	UploadTypes   []string `default:"image/jpeg,image/png,image/gif,image/webp,video/mp4,video/webm,audio/mpeg,audio/wav,audio/ogg,application/pdf,text/plain" help:"Types that files may have, by what their bytes are."`

	UploadKeepMetadata Switch `default:"off" help:"Leave in pictures what cameras and programs have written into them, such as where they were made: on or off."`
}

// Log sets up logging, which goes to standard error.
type Log struct {
	Level  string `default:"info" help:"Least level written: debug, info, warn or error."`
	Format string `default:"json" help:"json or text."`
}

// Default returns the settings of a server that was given none.
func Default() (Config, error) {
	return Parse(nil, func(string) (string, bool) { return "", false })
}

// Parse reads flags (without the program's name) and the environment through lookup, which is os.LookupEnv outside
// tests, and the file that one of the two names. The result is finished.
func Parse(args []string, lookup func(string) (string, bool)) (Config, error) {
	var c Config
	parser, err := kong.New(&c, Options(lookup)...)
	if err != nil {
		return Config{}, err
	}
	if _, err := parser.Parse(JoinNumbers(parser.Model, args)); err != nil {
		return Config{}, Explain(err)
	}
	if err := c.Finish(); err != nil {
		return Config{}, err
	}
	return c, nil
}
