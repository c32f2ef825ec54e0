package app_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/doctor"
	"github.com/sockeye-im/sockeye/internal/machine"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// ward is a patient in whom nothing is wrong to begin with.
type ward struct {
	t *testing.T
	doctor.Patient
	args []string // settings
	data string
	err  error // of what a case did
}

func admit(t *testing.T) *ward {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if _, err := account.OpenSecret(data); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(data), func([]chat.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return &ward{t: t, data: data, args: []string{"--data", data, "--listen", "127.0.0.1:0"}, Patient: doctor.Patient{
		Database: app.Examined, Now: time.Now(), Machine: doctor.Machine{
			Disk:      machine.Disk{Size: 1 << 40, Free: 1 << 39, Files: 1 << 20, FreeFiles: 1 << 19},
			DiskKnown: true, OpenFiles: 32768, Memory: 8 << 30, ClockSynced: true, ClockKnown: true,
		},
	}}
}

func (w *ward) path(name string) string { return filepath.Join(w.data, name) }

func (w *ward) set(args ...string) { w.args = append(w.args, args...) }

func (w *ward) do(err error) { w.err = errors.Join(w.err, err) }

func (w *ward) exec(statement string) {
	db, err := sql.Open("sqlite", w.path(sqlite.FileName))
	w.do(err)
	_, err = db.ExecContext(context.Background(), statement)
	w.do(errors.Join(err, db.Close()))
}

// certificate writes one, with its key.
func (w *ward) certificate(from, to time.Time) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.do(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "chat.example"}, NotBefore: from, NotAfter: to}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	w.do(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	w.do(err)
	dir := w.t.TempDir()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		w.do(os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	w.set("--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
}

func (w *ward) issuer(field, value string) {
	w.set("--issuers", `[{issuer: "https://shop.example", `+field+`: "`+value+`"}]`)
}

// examine returns what is found by a check, and what others find that is worse than a note.
func (w *ward) examine(check string) (found, others []doctor.Finding) {
	w.t.Helper()
	cfg, err := config.Parse(w.args, func(string) (string, bool) { return "", false })
	if err := errors.Join(w.err, err); err != nil {
		w.t.Fatal(err)
	}
	w.Config = cfg
	for _, f := range doctor.Examine(w.t.Context(), &w.Patient) {
		switch {
		case f.Check == check && f.Level != doctor.Fine:
			found = append(found, f)
		case f.Level != doctor.Fine && f.Level != doctor.Note:
			others = append(others, f)
		}
	}
	return found, others
}

func TestDoctorFindsNothing(t *testing.T) {
	if _, others := admit(t).examine(""); len(others) > 0 {
		t.Errorf("found %+v", others)
	}
}

// TestDoctor stages troubles. Each is found by its check, at its level, with what is to be done; and nothing else is.
func TestDoctor(t *testing.T) {
	month := 30 * 24 * time.Hour
	for name, c := range map[string]struct {
		check string
		level doctor.Level
		says  string
		stage func(w *ward)
	}{
		"a slip in a variable":     {"variables", doctor.Warning, "did you mean SOCKEYE_LISTEN", func(w *ward) { w.Environ = []string{"SOCKEYE_LISSTEN=x"} }},
		"queues that contradict":   {"settings", doctor.Warning, "queue-bytes", func(w *ward) { w.set("--queue-bytes", "512MiB", "--queue-memory", "256MiB") }},
		"limits off":               {"exposure", doctor.Warning, "one client can take all", func(w *ward) { w.set("--limits", "off") }},
		"all origins":              {"exposure", doctor.Warning, "origins has *", func(w *ward) { w.set("--origins", "*") }},
		"demo users":               {"exposure", doctor.Warning, "anybody can sign in", func(w *ward) { w.set("--dev") }},
		"all are proxies":          {"exposure", doctor.Trouble, "claim any address", func(w *ward) { w.set("--trusted-proxies", "0.0.0.0/0") }},
		"plain HTTP for the world": {"exposure", doctor.Warning, "plain HTTP", func(w *ward) { w.set("--listen", ":0") }},
		"no folder":                {"folder", doctor.Trouble, "there is no data folder", func(w *ward) { w.do(os.RemoveAll(w.data)) }},
		"a file for a folder":      {"folder", doctor.Trouble, "is a file", func(w *ward) { w.do(os.RemoveAll(w.data)); w.do(os.WriteFile(w.data, nil, 0o600)) }},
		"an open folder":           {"folder", doctor.Warning, "others can look into", func(w *ward) { w.do(os.Chmod(w.data, 0o755)) }},
		"a backup inside":          {"folder", doctor.Warning, "lost with it", func(w *ward) { w.do(os.WriteFile(w.path("b"), []byte("sockeye-backup.json and so on"), 0o600)) }},
		"half a restore":           {"restore", doctor.Trouble, "a part of a backup", func(w *ward) { w.do(os.WriteFile(w.path("restore.unfinished"), nil, 0o600)) }},
		"an open secret":           {"secret", doctor.Trouble, "sign tokens for anybody", func(w *ward) { w.do(os.Chmod(w.path(account.SecretFile), 0o644)) }},
		"a short secret":           {"secret", doctor.Trouble, "at least 32", func(w *ward) { w.do(os.WriteFile(w.path(account.SecretFile), []byte("short"), 0o600)) }},
		"no secret":                {"secret", doctor.Warning, "sign in again", func(w *ward) { w.do(os.Remove(w.path(account.SecretFile))) }},
		"an open database":         {"database", doctor.Trouble, "others can read", func(w *ward) { w.do(os.Chmod(w.path(sqlite.FileName), 0o644)) }},
		"an empty database":        {"database", doctor.Trouble, "is empty", func(w *ward) { w.do(os.Truncate(w.path(sqlite.FileName), 0)) }},
		"another file": {"database", doctor.Trouble, "damaged: file is not a database", func(w *ward) {
			w.do(os.WriteFile(w.path(sqlite.FileName), []byte(strings.Repeat("a letter ", 500)), 0o600))
		}},
		"a damaged database": {"database", doctor.Trouble, "damaged", func(w *ward) { scribble(w) }},
		"a newer schema": {"database", doctor.Trouble, "newer version", func(w *ward) {
			w.exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1); UPDATE server SET readable_from = 999`)
		}},
		"a clock that went back":     {"database", doctor.Trouble, "behind what is stored", func(w *ward) { w.exec(conversationOfTomorrow) }},
		"a full disk":                {"disk", doctor.Trouble, "50.0 MB left", func(w *ward) { w.Machine.Disk.Free = 50_000_000 }},
		"a disk that fills":          {"disk", doctor.Warning, "500.0 MB of", func(w *ward) { w.Machine.Disk.Free = 500_000_000 }},
		"a read-only disk":           {"disk", doctor.Trouble, "read-only", func(w *ward) { w.Machine.Disk.MountedForNoWrites = true }},
		"a network disk":             {"disk", doctor.Warning, "network file system", func(w *ward) { w.Machine.Disk.Network = true }},
		"a disk in memory":           {"disk", doctor.Trouble, "in memory", func(w *ward) { w.Machine.Disk.Memory = true }},
		"no inodes":                  {"files on disk", doctor.Trouble, "7 files only", func(w *ward) { w.Machine.Disk.FreeFiles = 7 }},
		"a clock of 1970":            {"clock", doctor.Trouble, "the clock says 1970", func(w *ward) { w.Now = time.Unix(1, 0).UTC() }},
		"few descriptors":            {"descriptors", doctor.Warning, "1024 files", func(w *ward) { w.Machine.OpenFiles = 1024 }},
		"little memory":              {"memory", doctor.Warning, "may need", func(w *ward) { w.Machine.Memory = 256 << 20 }},
		"a limit above the memory":   {"memory", doctor.Trouble, "memory-limit is", func(w *ward) { w.set("--memory-limit", "64GiB") }},
		"a certificate that ran out": {"certificate", doctor.Trouble, "ran out on", func(w *ward) { w.certificate(w.Now.Add(-2*month), w.Now.Add(-month)) }},
		"one that soon will":         {"certificate", doctor.Warning, "runs out on", func(w *ward) { w.certificate(w.Now.Add(-month), w.Now.Add(3*24*time.Hour)) }},
		"one of tomorrow":            {"certificate", doctor.Trouble, "is good from", func(w *ward) { w.certificate(w.Now.Add(month), w.Now.Add(2*month)) }},
		"an open key":                {"certificate", doctor.Trouble, "read the key", func(w *ward) { w.certificate(w.Now, w.Now.Add(month)); w.do(os.Chmod(w.args[len(w.args)-1], 0o604)) }},
		"no certificate":             {"certificate", doctor.Trouble, "cannot be used", func(w *ward) { w.set("--tls-cert", "nothing.pem", "--tls-key", "nothing.pem") }},
		"a key file that is none":    {"issuers", doctor.Trouble, "key", func(w *ward) { w.issuer("key-file", w.path(sqlite.FileName)) }},
		"keys behind a dead server":  {"issuers", doctor.Trouble, "refused", func(w *ward) { w.issuer("jwks-url", deadURL) }},
		"keys that are a page":       {"issuers", doctor.Trouble, "invalid character", func(w *ward) { w.issuer("jwks-url", pageURL(w.t)) }},
		"a port that is taken":       {"address", doctor.Trouble, "another program listens", func(w *ward) { w.set("--listen", takenPort(w.t)) }},
		"a server that hangs":        {"address", doctor.Trouble, "does not answer", func(w *ward) { w.Running = true; w.set("--listen", strings.TrimPrefix(deadURL, "http://")) }},
		"a server that is not ready": {"address", doctor.Trouble, "not ready: 503", func(w *ward) {
			w.Running = true
			w.set("--listen", strings.TrimPrefix(answering(w.t, http.StatusServiceUnavailable), "http://"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := admit(t)
			c.stage(w)
			found, others := w.examine(c.check)
			if !slices.ContainsFunc(found, func(f doctor.Finding) bool {
				return f.Level == c.level && strings.Contains(f.Found, c.says) && f.Do != ""
			}) {
				t.Errorf("found %+v, want %s: %s", found, c.level, c.says)
			}
			if len(others) > 0 && c.check != "folder" && c.check != "clock" {
				t.Errorf("found too: %+v", others)
			}
		})
	}
}

// TestDoctorKeepsSecrets: what an address has of them is in no finding.
func TestDoctorKeepsSecrets(t *testing.T) {
	secretive := strings.Replace(deadURL, "http://", "://hunter1:hunter2@", 1) + "/path?key=hunter3#hunter4"
	for check, stage := range map[string]func(w *ward){
		"issuers":   func(w *ward) { w.issuer("jwks-url", "http"+secretive) },
		"authority": func(w *ward) { w.set("--acme-hosts", "chat.invalid", "--acme-directory", "https"+secretive) },
	} {
		w := admit(t)
		stage(w)
		found, _ := w.examine(check)
		if told := fmt.Sprint(found); strings.Contains(told, "hunter") || !strings.Contains(told, "/path: dial") && !strings.Contains(told, "/path cannot be reached: dial") {
			t.Errorf("found %s", told)
		}
	}
}

const conversationOfTomorrow = `INSERT INTO conversations (id, kind, head_seq, first_seq, member_count, last_at, created_at)
	VALUES ('dm:1', 'direct', 1, 1, 2, 4102444800000, 1)`

// scribble writes into the middle of the database.
func scribble(w *ward) {
	file, err := os.OpenFile(w.path(sqlite.FileName), os.O_RDWR, 0)
	if err != nil {
		w.do(err)
		return
	}
	_, err = file.WriteAt([]byte(strings.Repeat("scribble", 512)), 3*4096)
	w.do(errors.Join(err, file.Close()))
}

func answering(t *testing.T, status int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html>"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func pageURL(t *testing.T) string { return answering(t, http.StatusOK) }

// deadURL is where nobody answers: no system gives this port to who asks for any.
const deadURL = "http://127.0.0.1:1"

func takenPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// TestDoctorBesideAServer: it looks at one that runs, and does not disturb it.
func TestDoctorBesideAServer(t *testing.T) {
	data := t.TempDir()
	r := start(t, data)
	cfg := settings(t, "--data", data, "--listen", strings.TrimPrefix(r.url, "http://"))
	for _, f := range app.Doctor(t.Context(), cfg, nil) {
		if f.Level == doctor.Trouble {
			t.Errorf("found %+v", f)
		}
	}
	var health struct{ Status string }
	if status := r.ask("GET", "/health", "", "", &health); status != http.StatusOK || health.Status != "ok" {
		t.Errorf("then it is %d %s", status, health.Status)
	}
}
