package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/sandbox"
)

// Bouncer starts a pgbouncer in transaction mode before the server that tests share, and returns how the address of a
// database becomes the one through it. It ends with the test. All of a database's clients share one connection, so that
// whoever leaves something in it is noticed.
func Bouncer(t testing.TB) (through func(address string) string) {
	t.Helper()
	s := shared(t)
	program, err := bouncerProgram()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	dir, err := os.MkdirTemp(s.folder.Path(""), "bouncer") // removed with the server's folder
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	settings := fmt.Sprintf(`[databases]
* = host=%[1]s user=%[2]s
[pgbouncer]
listen_addr =
unix_socket_dir = %[3]s
auth_type = any
pool_mode = transaction
default_pool_size = 1
max_client_conn = 500
logfile = %[3]s/log
pidfile = %[3]s/pid
`, s.folder.Path(""), sandbox.Superuser, dir)
	file := filepath.Join(dir, "ini")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if err := errors.Join(s.folder.Own(dir), s.folder.Own(file)); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	// Its parent is a shell that ends it when this process is gone, which closes the pipe.
	bouncer := s.folder.Command("/bin/sh", "-c", `"$0" -q "$1" & cat >/dev/null; kill $!; wait`, program, file)
	life, err := bouncer.StdinPipe()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if err := bouncer.Start(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		_ = life.Close()
		_ = bouncer.Wait()
	})
	through = func(address string) string {
		return replaceHost(t, address, dir)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := sandbox.Greet(through(s.URL("postgres")))
		if err == nil {
			return through
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("pgtest: pgbouncer does not start: %v\n%s", err, said)
		}
	}
}

func replaceHost(t testing.TB, address, dir string) string {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	query := u.Query()
	query.Set("host", dir)
	query.Set("port", "6432")
	u.RawQuery = query.Encode()
	return u.String()
}

func bouncerProgram() (string, error) {
	for _, place := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if program, err := exec.LookPath(place); err == nil {
			return program, nil
		}
	}
	return "", errors.New("pgbouncer is not installed: as root on Debian `make test-tools` installs it")
}
