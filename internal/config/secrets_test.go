package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/config"
)

// TestSecretsInFiles has each secret stand in a file of its own, as Docker, Kubernetes and systemd hand them to a service.
func TestSecretsInFiles(t *testing.T) {
	folder := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const first, second = "the-first-secret-of-this-test-is-long", "the-second-secret-of-this-test-is-long"
	database := put("database", " postgres://ada:hidden@db.example/chat\n")
	redis := put("redis", "redis://:hidden@redis.example:6379\n")
	issuers := put("issuers", "- issuer: app\n  audience: chat\n  secret: "+second+"\n")
	one, two := put("one", first+"\r\n"), put("two", second)
	empty, long := put("empty", " \n"), put("long", strings.Repeat("a", 65<<10))
	short := put("short", "hidden")

	all, err := config.Parse(nil, environment{
		"SOCKEYE_DATABASE_FILE": database, "SOCKEYE_REDIS_FILE": redis, "SOCKEYE_ISSUERS_FILE": issuers, "SOCKEYE_JWT_SECRET_FILE": one,
	}.lookup)
	if err != nil {
		t.Fatal(err)
	}
	if string(all.Account.Database) != "postgres://ada:hidden@db.example/chat" || !strings.Contains(string(all.Redis), "hidden@redis.example") ||
		len(all.Account.Issuers) != 1 || string(all.Account.JWTSecret) != first {
		t.Errorf("%+v", all)
	}

	for name, tc := range map[string]struct {
		args []string
		env  environment
		file string
		want string // the secret; or, behind a !, what the error says
	}{
		"by flag":                   {args: []string{"--jwt-secret-file", one}, want: first},
		"by key":                    {file: "jwt-secret-file: " + one, want: first},
		"nested":                    {file: "jwt:\n  secret-file: " + one, want: first},
		"flag over environment":     {args: []string{"--jwt-secret-file", one}, env: environment{"SOCKEYE_JWT_SECRET": second}, want: first},
		"flag over file":            {args: []string{"--jwt-secret", first}, env: environment{"SOCKEYE_JWT_SECRET_FILE": two}, want: first},
		"environment over key":      {env: environment{"SOCKEYE_JWT_SECRET_FILE": one}, file: "jwt-secret: " + second, want: first},
		"environment over key-file": {env: environment{"SOCKEYE_JWT_SECRET": first}, file: "jwt-secret-file: " + two, want: first},
		"an empty variable":         {env: environment{"SOCKEYE_JWT_SECRET_FILE": ""}, file: "jwt-secret-file: " + one, want: first},
		"both in the environment":   {env: environment{"SOCKEYE_JWT_SECRET_FILE": one, "SOCKEYE_JWT_SECRET": second}, want: "!SOCKEYE_JWT_SECRET and SOCKEYE_JWT_SECRET_FILE are both set"},
		"both in the file":          {file: "jwt-secret: " + second + "\njwt-secret-file: " + one, want: "!line 2: jwt-secret-file: jwt-secret is set too"},
		"no such file":              {env: environment{"SOCKEYE_JWT_SECRET_FILE": filepath.Join(folder, "nothing")}, want: "!from SOCKEYE_JWT_SECRET_FILE: open"},
		"an empty file":             {env: environment{"SOCKEYE_JWT_SECRET_FILE": empty}, want: "!empty is empty"},
		"a long file":               {args: []string{"--jwt-secret-file", long}, want: "!more than 65536 bytes"},
		"a short secret":            {file: "jwt-secret-file: " + short, want: "!jwt-secret: the secret has 6 bytes, at least 32 are needed"},
		"no database":               {env: environment{"SOCKEYE_DATABASE_FILE": short}, want: "!from SOCKEYE_DATABASE_FILE: " + short},
	} {
		t.Run(name, func(t *testing.T) {
			args := tc.args
			if tc.file != "" {
				args = append([]string{"--config", write(t, tc.file)}, args...)
			}
			got, err := config.Parse(args, tc.env.lookup)
			says, fails := strings.CutPrefix(tc.want, "!")
			switch {
			case fails && (err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hidden")):
				t.Errorf("%v, want %s", err, says)
			case !fails && (err != nil || string(got.Account.JWTSecret) != tc.want):
				t.Errorf("%q, %v", string(got.Account.JWTSecret), err)
			}
		})
	}
}
