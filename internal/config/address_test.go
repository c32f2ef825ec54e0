package config_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/config"
)

func TestDatabaseURL(t *testing.T) {
	for url, shown := range map[string]string{
		"postgres://sockeye:hunter2@db.example:5432/chat?sslmode=verify-full&password=hunter3": "postgres://db.example:5432/chat",
		"postgresql://sockeye:hunter2@a.example:5432,b.example:6432/chat":                      "postgresql://a.example:5432,b.example:6432/chat",
		"postgres:///chat?host=/run/postgresql&user=sockeye":                                   "postgres:///chat",
		"postgres://sockeye:hunt@er2@db.example/chat":                                          "postgres://db.example/chat",
		"postgres://sockeye:hunter?2@db.example/chat":                                          "postgres://[hidden]",
	} {
		c, err := config.Parse([]string{"--database", url}, environment{}.lookup)
		if err != nil || string(c.Account.Database) != url {
			t.Fatalf("%s: %v", url, err)
		}
		text, err := json.Marshal(c.Account.Database)
		printed := []string{fmt.Sprint(c.Account.Database), fmt.Sprintf("%#v", c.Account.Database), strings.Trim(string(text), `"`), c.Account.Database.LogValue().String()}
		for _, got := range printed {
			if got != shown || err != nil {
				t.Errorf("%s prints as %s (%v), want %s", url, got, err, shown)
			}
		}
	}
}

func TestRedisURL(t *testing.T) {
	for url, shown := range map[string]string{
		"redis://sockeye:hunter2@redis.example:6379/0":                              "redis://redis.example:6379/0",
		"rediss://:hunter2@a.example?addr=b.example:6379&sentinel_password=hunter3": "rediss://a.example",
		"redis://:hunter2@redis.example:port":                                       "redis://[hidden]",
	} {
		c, err := config.Parse([]string{"--redis", url, "--database", "postgres://db.example/chat"}, environment{}.lookup)
		if err != nil || string(c.Redis) != url {
			t.Fatalf("%s: %v", url, err)
		}
		text, err := json.Marshal(c.Redis)
		for _, got := range []string{fmt.Sprint(c.Redis), fmt.Sprintf("%#v", c.Redis), strings.Trim(string(text), `"`), c.Redis.LogValue().String()} {
			if got != shown || err != nil {
				t.Errorf("%s prints as %s (%v), want %s", url, got, err, shown)
			}
		}
	}
	_, err := config.Parse([]string{"--redis", "redis://:hunter2@redis.example"}, environment{}.lookup)
	mustSay(t, err, "redis", "database", "PostgreSQL")
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("printed: %v", err)
	}
}
