package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/config"
)

// environment stands for the process's environment, which tests that run side by side cannot share.
type environment map[string]string

func (e environment) lookup(name string) (string, bool) {
	value, ok := e[name]
	return value, ok
}

func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sockeye.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	got, err := config.Default()
	if err != nil {
		t.Fatal(err)
	}
	hundred := config.Rate{Events: 100, Per: time.Minute}
	want := config.Config{
		Listen: ":3000",
		TLS:    config.TLS{ACMEDirectory: "https://acme-v02.api.letsencrypt.org/directory"},
		Account: config.Account{
			Signing:       config.Signing{Data: "./data"},
			LocalAccounts: config.Switch{On: true}, ExternalAccounts: config.Switch{On: true}, Registration: config.Switch{On: true},
			TokenTTL: 24 * time.Hour, RefreshFor: 30 * 24 * time.Hour,
		},
		Limits: config.Limits{
			Limits: config.Switch{On: true}, MaxConnections: 10_000, MaxConnectionsPerIP: 1000, RateEvents: hundred, RateConnections: hundred,
			RateRequests: config.Rate{Events: 1000, Per: 15 * time.Minute}, RateKeyRequests: config.Rate{Events: 6000, Per: time.Minute},
			RateLogins:  config.Rate{Events: 10, Per: time.Minute},
			AuthTimeout: 10 * time.Second, AuthPayload: 16 << 10, MaxPartial: 64 << 20, TextLimit: 10_000, QuotaRooms: 100, MaxConnectionsPerUser: 100, QuotaMemberships: 1000,
			MaxPayload: 1e6, QueueBytes: 64 << 20, WriteStall: 10 * time.Second,
		},
		Wire: config.Wire{
			Transports: []string{"websocket", "polling"}, EIO3: config.Switch{On: true}, PingInterval: 25 * time.Second, PingTimeout: time.Minute, Recovery: 2 * time.Minute,
		},
		Chat: config.Chat{
			DMPolicy: "friends", EditWindow: 5 * time.Minute, OfflineGrace: 5 * time.Second, TypingLifetime: 6 * time.Second,
		},
		Push:   config.Push{Subject: "https://github.com/sockeye-im/sockeye"},
		Phones: config.Phones{APNsHost: "api.push.apple.com", FCMURL: "https://fcm.googleapis.com"},
		Files: config.Files{
			UploadMaxSize: 10e6, UploadQuota: 1 << 30, UploadTypes: []string{
				"image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "video/webm", "audio/mpeg", "audio/wav", "audio/ogg", "application/pdf",
				"text/plain",
			},
		},
		Log:          config.Log{Level: "info", Format: "json"},
		Metrics:      config.Switch{On: true},
		DrainTimeout: 10 * time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOneNameEverywhere sets every setting in each of the three ways to a value that is not the default.
func TestOneNameEverywhere(t *testing.T) {
	values := map[string]string{
		"listen": "127.0.0.1:4000", "origins": "https://a.example,http://b.example:8080", "dev": "true",
		"tls-cert": "cert.pem", "tls-key": "key.pem", "acme-email": "admin@example.com", "acme-directory": "https://acme.example/", "hsts": "24h",
		"data": "/var/lib/sockeye", "database": "postgres://db.example/chat", "redis": "redis://redis.example", "cluster-listen": ":3100", "cluster-address": "node.example:3100", "jwt-secret": "a-secret-of-enough-bytes-for-this-test", "jwt-leeway": "3s",
		"issuers":  `[{issuer: "https://a.example", secret: "a secret of 32 bytes or even more", algorithms: [HS384]}]`,
		"users-of": "https://a.example",
		"limits":   "off", "max-connections": "77", "max-connections-per-ip": "7", "max-connections-per-user": "3", "rate-events": "5/s", "rate-connections": "off",
		"trusted-proxies": "10.0.0.0/8,::1", "auth-timeout": "4s", "auth-payload": "8KiB", "max-partial": "8MiB", "text-limit": "99", "idle-timeout": "30s",
		"quota-rooms": "5", "quota-memberships": "0", "max-payload": "2MB", "queue-frames": "12",
		"queue-bytes": "3KiB", "queue-memory": "5MiB", "write-stall": "7s", "transports": "polling", "eio3": "off", "ping-interval": "300ms",
		"ping-timeout": "200ms", "compression": "on", "recovery": "0s", "chat-dm-policy": "anyone", "log-level": "debug",
		"chat-dm-retention": "24h", "chat-room-retention": "720h", "chat-edit-window": "1h", "chat-offline-grace": "0s", "chat-typing-lifetime": "9s",
		"rate-requests": "7/s", "rate-key-requests": "off", "rate-logins": "3/min",
		"admin-claims": "on", "external-accounts": "off", "registration": "off", "token-ttl": "1h", "refresh-for": "0s",
		"log-format": "text", "metrics": "off", "pprof": "on", "drain-timeout": "1s", "memory-limit": "2GiB",
		"webhook-allow": "10.1.0.0/16", "push-subject": "mailto:admin@example.com", "push-allow-private": "true",
		"apns-key-file": "key.p8", "apns-key-id": "ABC1234567", "apns-team-id": "DEF1234567", "apns-host": "127.0.0.1:2197",
		"fcm-credentials-file": "account.json", "fcm-url": "https://127.0.0.1:8443", "push-ca-file": "ca.pem",
		"files-dir": "/srv/files", "files-shared": "on", "upload-max-size": "5MB", "upload-quota": "2GiB", "upload-types": "image/png", "upload-keep-metadata": "on",
	}
	defaults, err := config.Default()
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	env := environment{}
	var yaml strings.Builder
	for key, value := range values {
		args = append(args, "--"+key+"="+value)
		env["SOCKEYE_"+strings.ToUpper(strings.ReplaceAll(key, "-", "_"))] = value
		yaml.WriteString(key + ": " + value + "\n")
	}
	byFlags, err := config.Parse(args, environment{}.lookup)
	if err != nil {
		t.Fatal(err)
	}
	byEnvironment, err := config.Parse(nil, env.lookup)
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, yaml.String())
	byFile, err := config.Parse([]string{"--config", path}, environment{}.lookup)
	if err != nil {
		t.Fatal(err)
	}
	byFile.File = ""
	prefixes := cmpopts.EquateComparable(netip.Prefix{})
	if diff := cmp.Diff(byFlags, byEnvironment, prefixes); diff != "" {
		t.Errorf("flags and environment differ: %s", diff)
	}
	if diff := cmp.Diff(byFlags, byFile, prefixes); diff != "" {
		t.Errorf("flags and file differ: %s", diff)
	}
	mustDifferInEveryLeaf(t, "", reflect.ValueOf(defaults), reflect.ValueOf(byFlags))
}

// mustDifferInEveryLeaf fails for each setting that still has its default: one that the test above forgot.
func mustDifferInEveryLeaf(t *testing.T, path string, a, b reflect.Value) {
	t.Helper()
	for i := range a.NumField() {
		name := path + a.Type().Field(i).Name
		switch {
		case name == "File", name == "Version":
		case name == "Account.LocalAccounts": // both kinds cannot be off
		case name == "MemoryLimit.Off": // or else there is no size
		case name == "TLS.ACMEHosts": // or else there is no certificate in a file
		case strings.HasSuffix(name, "File"): // or else the value would be given twice
		case a.Field(i).Kind() == reflect.Struct && a.Field(i).Type() != reflect.TypeFor[config.Rate]():
			mustDifferInEveryLeaf(t, name+".", a.Field(i), b.Field(i))
		case reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			t.Errorf("%s was not set", name)
		}
	}
}

func TestPrecedence(t *testing.T) {
	path := write(t, "max-connections: 3\n")
	for name, tc := range map[string]struct {
		args []string
		env  environment
		want int
	}{
		"default":                   {nil, nil, 10_000},
		"file":                      {[]string{"--config=" + path}, nil, 3},
		"file by environment":       {nil, environment{"SOCKEYE_CONFIG": path}, 3},
		"environment over file":     {[]string{"--config=" + path}, environment{"SOCKEYE_MAX_CONNECTIONS": "2"}, 2},
		"flag over environment":     {[]string{"--max-connections=1"}, environment{"SOCKEYE_MAX_CONNECTIONS": "2"}, 1},
		"flag over both":            {[]string{"--config=" + path, "--max-connections=1"}, environment{"SOCKEYE_MAX_CONNECTIONS": "2"}, 1},
		"flag that repeats default": {[]string{"--config=" + path, "--max-connections=10000"}, nil, 10_000},
		"flag before config":        {[]string{"--max-connections=1", "--config=" + path}, nil, 1},
		"empty variable":            {[]string{"--config=" + path}, environment{"SOCKEYE_MAX_CONNECTIONS": ""}, 3},
		"config flag over variable": {[]string{"--config=" + path}, environment{"SOCKEYE_CONFIG": "/does/not/exist"}, 3},
		"foreign variable":          {nil, environment{"SOCKEYE_PORT": "tcp://10.0.0.1:3000"}, 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := config.Parse(tc.args, tc.env.lookup)
			if err != nil {
				t.Fatal(err)
			}
			if got.Limits.MaxConnections != tc.want {
				t.Errorf("max-connections is %d, want %d", got.Limits.MaxConnections, tc.want)
			}
		})
	}
}

func TestFileForms(t *testing.T) {
	path := write(t, `
# Every way to write the same thing.
chat: {dm-policy: friends}
log:
  level: warn
  format: "text"
origins: [https://a.example, "https://B.example"]
trusted-proxies:
  - 192.0.2.1
limits: off
max:
  connections: 5
issuers:
  - issuer: https://a.example
    audience: chat
    secret: 0123456789abcdef0123456789abcdef
  - {issuer: https://b.example, jwks-url: https://b.example/jwks, algorithms: [RS256, ES256]}
`)
	got, err := config.Parse([]string{"--config", path}, environment{}.lookup)
	if err != nil {
		t.Fatal(err)
	}
	if got.Chat.DMPolicy != "friends" || got.Log != (config.Log{Level: "warn", Format: "text"}) || got.Limits.Limits.On || got.Limits.MaxConnections != 5 {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff([]string{"https://a.example", "https://b.example"}, got.Origins); diff != "" {
		t.Error(diff)
	}
	if len(got.Limits.TrustedProxies) != 1 || got.Limits.TrustedProxies[0].String() != "192.0.2.1/32" {
		t.Errorf("trusted proxies are %v", got.Limits.TrustedProxies)
	}
	want := config.Issuers{
		{Issuer: "https://a.example", Audience: "chat", Secret: account.Secret("0123456789abcdef0123456789abcdef")},
		{Issuer: "https://b.example", JWKSURL: "https://b.example/jwks", Algorithms: []string{"RS256", "ES256"}},
	}
	if diff := cmp.Diff(want, got.Account.Issuers); diff != "" {
		t.Error(diff)
	}
}

// TestPhonesWhole: what Apple's service needs is all there, or nothing of it.
func TestPhonesWhole(t *testing.T) {
	for _, args := range [][]string{
		{"--apns-key-file=a.p8"}, {"--apns-key-file=a.p8", "--apns-key-id=ABC1234567"}, {"--apns-key-id=ABC1234567"}, {"--apns-team-id=DEF1234567"},
	} {
		if _, err := config.Parse(args, environment{}.lookup); err == nil || !strings.Contains(err.Error(), "apns-key-file") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestFileWithoutSettings(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "comment": "# nothing\n", "null": "~\n", "document": "---\n"} {
		t.Run(name, func(t *testing.T) {
			if _, err := config.Parse([]string{"--config", write(t, content)}, environment{}.lookup); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFileRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		content string
		says    []string
	}{
		"unknown key":        {"listen: :1\nmax-conections: 5\n", []string{"line 2", `"max-conections"`}},
		"unknown nested":     {"chat:\n  policy: friends\n", []string{"line 2", `"chat-policy"`}},
		"unknown group":      {"chats: {dm-policy: friends}\n", []string{"line 1", `"chats"`}},
		"group as value":     {"chat: friends\n", []string{"line 1", `"chat"`}},
		"value as group":     {"listen: {host: a}\n", []string{"line 1", `"listen"`}},
		"config":             {"config: other.yaml\n", []string{`"config"`}},
		"twice":              {"chat: {dm-policy: friends}\nchat-dm-policy: anyone\n", []string{"line 2", "already set in line 1"}},
		"no value":           {"listen:\n", []string{"line 1", "has no value"}},
		"wrong type":         {"max-connections: many\n", []string{"max-connections: ", "line 1", `"many"`}},
		"fraction":           {"max-connections: 1.5\n", []string{"max-connections: ", `"1.5"`}},
		"list":               {"log-level: [info, warn]\n", []string{"log-level: ", "not a list"}},
		"number for a time":  {"ping-interval: 25\n", []string{"ping-interval: ", `"25"`}},
		"switch":             {"limits: maybe\n", []string{"limits: ", `"maybe"`, "neither on nor off"}},
		"bool":               {"dev: maybe\n", []string{"dev: ", "maybe"}},
		"unknown in issuers": {"issuers: [{issuer: a, secrets: abc}]\n", []string{"issuers: ", "secrets"}},
		"issuers no list":    {"issuers: https://a.example\n", []string{"issuers: ", "no list of issuers"}},
		"comma":              {"origins: ['https://a.example,https://b.example']\n", []string{`"origins"`, "comma"}},
		"alias":              {"listen: &a :1\ndata: *a\n", []string{"line 2", "alias"}},
		"endless":            {"chat: &a\n  dm-policy: *a\n", []string{"alias"}},
		"list at the top":    {"- listen\n", []string{"is not a list of"}},
		"two documents":      {"listen: :1\n---\nlisten: :2\n", []string{"more than one document"}},
		"no YAML":            {"listen: [\n", []string{"config file"}},
		"too long":           {"#" + strings.Repeat("x", 1<<20), []string{"more than 1048576 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, tc.content)
			_, err := config.Parse([]string{"--config", path}, environment{}.lookup)
			mustSay(t, err, append(tc.says, path)...)
		})
	}
	_, err := config.Parse([]string{"--config", "/does/not/exist.yaml"}, environment{}.lookup)
	mustSay(t, err, "/does/not/exist.yaml")
}

func TestValuesRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		arg  string
		says []string
	}{
		"too few connections":  {"--max-connections=0", []string{"max-connections", "is 0", "from 1 to"}},
		"too many connections": {"--max-connections=10000001", []string{"max-connections", "10000001", "to 10000000"}},
		"negative per IP":      {"--max-connections-per-ip=-1", []string{"max-connections-per-ip", "is -1", "from 0"}},
		"short ping":           {"--ping-interval=1ms", []string{"ping-interval", "1ms", "100ms"}},
		"long ping":            {"--ping-timeout=2h", []string{"ping-timeout", "2h", "1h"}},
		"no time":              {"--auth-timeout=0s", []string{"auth-timeout", "100ms"}},
		"small payload":        {"--max-payload=10", []string{"max-payload", "is 10", "1000"}},
		"payload":              {"--max-payload=big", []string{"max-payload", `"big"`, "1MiB"}},
		"half a byte":          {"--max-payload=1000.5", []string{"max-payload", `"1000.5"`}},
		"negative size":        {"--queue-bytes=-1MB", []string{"queue-bytes", `"-1MB"`}},
		"not a size":           {"--queue-bytes=NaN", []string{"queue-bytes", `"NaN"`}},
		"queue memory":         {"--queue-memory=some", []string{"queue-memory", `"some"`, "auto", "1MiB"}},
		"little queue memory":  {"--queue-memory=1kB", []string{"queue-memory", `"1kB"`, "1MiB"}},
		"stall":                {"--write-stall=1h", []string{"write-stall", "10m"}},
		"text limit":           {"--text-limit=0", []string{"text-limit", "from 1"}},
		"recovery":             {"--recovery=25h", []string{"recovery", "24h"}},
		"negative recovery":    {"--recovery=-1s", []string{"recovery", "-1s"}},
		"memory limit":         {"--memory-limit=much", []string{"memory-limit", `"much"`, "auto", "off", "32MiB"}},
		"little memory":        {"--memory-limit=1MiB", []string{"memory-limit", `"1MiB"`, "32MiB"}},
		"drain":                {"--drain-timeout=11m", []string{"drain-timeout", "10m"}},
		"leeway":               {"--jwt-leeway=6m", []string{"jwt-leeway", "5m"}},
		"policy":               {"--chat-dm-policy=nobody", []string{"chat-dm-policy", `"nobody"`, "anyone, friends"}},
		"token ttl":            {"--token-ttl=1s", []string{"token-ttl", "1m0s"}},
		"edit window":          {"--chat-edit-window=0s", []string{"chat-edit-window", "from 1s"}},
		"log level":            {"--log-level=loud", []string{"log-level", `"loud"`, "debug, info, warn, error"}},
		"log format":           {"--log-format=xml", []string{"log-format", `"xml"`, "json, text"}},
		"transport":            {"--transports=websocket,webtransport", []string{"transports", `"webtransport"`, "polling"}},
		"transport twice":      {"--transports=polling,polling", []string{"transports", "twice"}},
		"no transport":         {"--transports=", []string{"transports"}},
		"rate":                 {"--rate-events=100", []string{"rate-events", `"100"`, "100/min"}},
		"rate of nothing":      {"--rate-events=0/min", []string{"rate-events", `"0/min"`, "1 to 1000000"}},
		"rate window":          {"--rate-connections=1/48h", []string{"rate-connections", "24h"}},
		"rate unit":            {"--rate-connections=1/fortnight", []string{"rate-connections", "fortnight"}},
		"proxy":                {"--trusted-proxies=10.0.0.0/33", []string{"trusted-proxies", `"10.0.0.0/33"`}},
		"proxy by name":        {"--trusted-proxies=proxy.example", []string{"trusted-proxies", `"proxy.example"`}},
		"listen":               {"--listen=3000", []string{"listen", `"3000"`, "host:port"}},
		"cluster alone":        {"--cluster-listen=:3100", []string{"cluster-listen", "database"}},
		"listen port":          {"--listen=:70000", []string{"listen", "65535"}},
		"listen port name":     {"--listen=:http", []string{"listen", "65535"}},
		"origin path":          {"--origins=https://a.example/app", []string{"origins", `"https://a.example/app"`}},
		"origin slash":         {"--origins=https://a.example/", []string{"origins"}},
		"origin host":          {"--origins=a.example", []string{"origins", `"a.example"`}},
		"issuer":               {"--issuers=[{issuer: a}]", []string{"issuers, number 1", "exactly one"}},
		"users of nobody":      {"--users-of=https://a.example", []string{"users-of", "one of sockeye"}},
		"users of another's":   {"--issuers=[{issuer: a, key-file: k, users-of: b}]", []string{"issuers, number 1", "users-of", `"b"`}},
		"issuer twice":         {"--issuers=[{issuer: a, key-file: k}, {issuer: a, key-file: k}]", []string{"number 2", "twice"}},
		"wildcard":             {"--acme-hosts=*.example.com", []string{"acme-hosts", `"*.example.com"`, "chat.example.com"}},
		"address as host":      {"--acme-hosts=a.example,192.0.2.1", []string{"acme-hosts", `"192.0.2.1"`}},
		"host without a dot":   {"--acme-hosts=localhost", []string{"acme-hosts", `"localhost"`}},
		"directory":            {"--acme-directory=http://acme.example/", []string{"acme-directory", `"http://acme.example/"`, "https://"}},
		"email":                {"--acme-email=Ada", []string{"acme-email", `"Ada"`}},
		"certificate alone":    {"--tls-cert=cert.pem", []string{"tls-cert", "tls-key"}},
		"key alone":            {"--tls-key=key.pem", []string{"tls-cert", "tls-key"}},
		"hsts without TLS":     {"--hsts=1h", []string{"hsts", "1h", "tls-cert"}},
		"data":                 {"--data=", []string{"data is empty"}},
		"unknown flag":         {"--max-conections=1", []string{"--max-conections"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]string{tc.arg}, environment{}.lookup)
			mustSay(t, err, tc.says...)
		})
	}
	_, err := config.Parse([]string{"--local-accounts=off", "--external-accounts=off"}, environment{}.lookup)
	mustSay(t, err, "local-accounts", "external-accounts", "both off")
	_, err = config.Parse([]string{"--tls-cert=c", "--tls-key=k", "--acme-hosts=chat.example.com"}, environment{}.lookup)
	mustSay(t, err, "tls-cert", "acme-hosts", "both")
	_, err = config.Parse([]string{"--acme-hosts=chat.example.com", "--hsts=-1s"}, environment{}.lookup)
	mustSay(t, err, "hsts", "-1s")
	for flag, says := range map[string][]string{
		"--cluster-listen=3100": {"cluster-listen", `"3100"`, "host:port"}, "--cluster-address=a:0": {"cluster-address", "1 to 65535"},
		"--cluster-address=:3100": {"cluster-address", "no host"},
	} {
		_, err = config.Parse([]string{"--database=postgres://db.example/chat", flag}, environment{}.lookup)
		mustSay(t, err, says...)
	}
	_, err = config.Parse(nil, environment{"SOCKEYE_MAX_CONNECTIONS": "many"}.lookup)
	mustSay(t, err, "--max-connections", "SOCKEYE_MAX_CONNECTIONS", `"many"`)
}

func mustSay(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %q", err)
	}
}

func TestDevStaysOnLoopback(t *testing.T) {
	for listen, ok := range map[string]bool{
		"": true, "127.0.0.1:0": true, "127.9.9.9:1": true, "[::1]:3000": true, "localhost:3000": true,
		":3000": false, "0.0.0.0:3000": false, "[::]:3000": false, "192.0.2.1:3000": false, "chat.example:3000": false, "localhost.evil.example:3000": false,
	} {
		t.Run(listen, func(t *testing.T) {
			got, err := config.Parse([]string{"--dev", "--listen=" + listen}, environment{}.lookup)
			if (err == nil) != ok {
				t.Fatalf("accepted: %t (%v), want %t", err == nil, err, ok)
			}
			if ok && listen == "" && got.Listen != "127.0.0.1:3000" {
				t.Errorf("listens on %q", got.Listen)
			}
			if !ok {
				mustSay(t, err, "listen", listen, "loopback")
			}
		})
	}
}

func TestTLSOn(t *testing.T) {
	for args, on := range map[string]bool{
		"--dev": false, "--tls-cert=c --tls-key=k": true, "--acme-hosts=Chat.Example.com,b.example": true, "--acme-email=a@example.com": false,
	} {
		got, err := config.Parse(strings.Fields(args), environment{}.lookup)
		if err != nil {
			t.Fatal(err)
		}
		if got.TLS.On() != on {
			t.Errorf("%s: TLS is on: %t", args, got.TLS.On())
		}
		if hosts := got.TLS.ACMEHosts; len(hosts) > 0 && hosts[0] != "chat.example.com" {
			t.Errorf("%s: hosts are %q", args, hosts)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	const secret = "tiny" // too short, so that it is complained about
	for _, env := range []environment{
		{"SOCKEYE_JWT_SECRET": secret},
		{"SOCKEYE_ISSUERS": "[{issuer: a, secret: " + secret + "}]"},
		{"SOCKEYE_DATABASE": "mysql://sockeye:" + secret + "@db.example/chat"},
		{"SOCKEYE_REDIS": "http://:" + secret + "@redis.example"},
	} {
		_, err := config.Parse(nil, env.lookup)
		_, isDatabase := env["SOCKEYE_DATABASE"]
		_, isRedis := env["SOCKEYE_REDIS"]
		switch {
		case isDatabase:
			mustSay(t, err, "SOCKEYE_DATABASE", "is not like postgres://")
		case isRedis:
			mustSay(t, err, "SOCKEYE_REDIS", "is not like redis://")
		default:
			mustSay(t, err, "secret", "at least 32")
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("printed: %v", err)
		}
	}
}

func TestSigningSecret(t *testing.T) {
	dir := t.TempDir()
	own, err := config.Signing{Data: dir}.Secret()
	if err != nil || own.Validate() != nil {
		t.Fatalf("weak secret, or %v", err)
	}
	given, err := config.Signing{Data: filepath.Join(dir, "unused"), JWTSecret: "given-from-outside-with-32-bytes"}.Secret()
	if err != nil || given != "given-from-outside-with-32-bytes" {
		t.Errorf("not the given one (%v)", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "unused")); !os.IsNotExist(err) {
		t.Errorf("a data folder was made without need: %v", err)
	}
	_, err = config.Signing{JWTSecret: "short"}.Secret()
	mustSay(t, err, "jwt-secret")
}

func TestWarnings(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"limits":       {[]string{"--limits=off"}, "limits are off"},
		"origins":      {[]string{"--origins=*"}, "every web origin"},
		"queue frames": {[]string{"--queue-frames=256"}, "queue-frames is ignored"},
		"pprof":        {[]string{"--pprof=on"}, "/debug/pprof/"},
		"metrics":      {[]string{"--listen=:3000"}, "/metrics is public"},
		"an address":   {[]string{"--listen=192.0.2.1:3000"}, "/metrics is public"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Parse(append([]string{"--listen=127.0.0.1:3000"}, tc.args...), environment{}.lookup)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Warnings(); len(got) != 1 || !strings.Contains(got[0], tc.says) {
				t.Errorf("got %q, want one with %q", got, tc.says)
			}
		})
	}
	for _, args := range [][]string{{"--listen=localhost:3000"}, {"--listen=[::1]:3000"}, {"--metrics=off"}} {
		c, err := config.Parse(args, environment{}.lookup)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Warnings(); len(got) != 0 {
			t.Errorf("%s warns: %q", args, got)
		}
	}
}

// FuzzFile feeds settings files: an answer is a checked configuration or an error on one line.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"listen: :1\n", "chat: {dm-policy: friends}\n", "issuers: [{issuer: a, key-file: b}]\n", "a: &a [*a]\n", "? {a: b}\n: c\n",
		"origins: [[https://a.example]]\n", "max-payload: 1e999\n", "limits: !!binary aGk=\n", "listen: |\n  :1\n", "\x00", "<<: {listen: :1}\n",
	} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "sockeye.yaml")
	f.Fuzz(func(t *testing.T, content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.Parse([]string{"--config", path}, environment{}.lookup)
		if err == nil {
			if err := got.Finish(); err != nil {
				t.Fatalf("finished once, refused the second time: %v", err)
			}
		}
	})
}
