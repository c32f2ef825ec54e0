package account_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sockeye-im/sockeye/internal/account"
)

func TestOpenSecretCreatesOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	first, err := account.OpenSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, account.SecretFile)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %o, want 600", info.Mode().Perm())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(raw) != string(first)+"\n" {
		t.Error("the file's line is not the secret itself")
	}
	if key, err := base64.StdEncoding.DecodeString(string(first)); err != nil || len(key) != 32 {
		t.Errorf("decodes to %d bytes (%v), want 32", len(key), err)
	}
	second, err := account.OpenSecret(dir)
	if err != nil || second != first {
		t.Errorf("opened again: another secret (%v)", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("data folder holds %v (%v), want the secret alone", entries, err)
	}
}

// Who can read the secret can sign tokens for anybody.
func TestSecretThatOthersCanRead(t *testing.T) {
	dir := t.TempDir()
	first, err := account.OpenSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, account.SecretFile)
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o602} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		second, err := account.OpenSecret(dir)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || second != first || info.Mode().Perm() != 0o600 {
			t.Errorf("from mode %o: %v, %v, %v", mode, info, err, statErr)
		}
	}
	if mended, err := account.MendSecret(dir); mended || err != nil {
		t.Errorf("mended again: %t, %v", mended, err)
	}
	if mended, err := account.MendSecret(filepath.Join(dir, "none")); mended || err != nil {
		t.Errorf("no secret: %t, %v", mended, err)
	}
}

func TestShortSecret(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, account.SecretFile), []byte(strings.Repeat("x", 31)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := account.OpenSecret(dir)
	if err == nil || !strings.Contains(err.Error(), "31 bytes, at least 32") {
		t.Errorf("got %v", err)
	}
}

func TestOpenSecretTogether(t *testing.T) {
	dir := t.TempDir()
	got := make([]account.Secret, 16)
	var group sync.WaitGroup
	for i := range got {
		group.Go(func() {
			secret, err := account.OpenSecret(dir)
			if err != nil {
				t.Error(err)
			}
			got[i] = secret
		})
	}
	group.Wait()
	for _, secret := range got {
		if secret != got[0] {
			t.Fatal("two secrets were made")
		}
	}
}

func TestOpenSecretRefusesDamage(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "blank": " \n", "cut": "abc"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, account.SecretFile)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := account.OpenSecret(dir)
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Fatalf("error %v does not name the file", err)
			}
			if after, _ := os.ReadFile(path); string(after) != content {
				t.Error("the file was changed")
			}
		})
	}
}

func TestSecretNeverPrints(t *testing.T) {
	const text = "correct-horse-battery"
	secret := account.Secret(text)
	asJSON, err := json.Marshal(struct{ S account.Secret }{secret})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(struct{ S account.Secret }{secret})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", secret, "config", account.IssuerConfig{Secret: secret})
	for _, printed := range []string{
		fmt.Sprint(secret), fmt.Sprintf("%+v %#v %q %s", secret, secret, secret, secret),
		fmt.Sprintf("%+v %#v", account.IssuerConfig{Secret: secret}, account.IssuerConfig{Secret: secret}),
		string(asJSON), string(asYAML), log.String(),
	} {
		if strings.Contains(printed, text) {
			t.Errorf("printed: %s", printed)
		}
		if !strings.Contains(printed, "[hidden]") {
			t.Errorf("not marked as hidden: %s", printed)
		}
	}
	if got := account.Secret("").String(); got != "" {
		t.Errorf("no secret prints as %q, want nothing", got)
	}
}
