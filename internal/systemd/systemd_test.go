//go:build unix

package systemd_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/systemd"
)

// child has the test's program be a service, in a process of its own: descriptors are handed over to nobody else.
const child = "SYSTEMD_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		os.Exit(serve())
	}
	goleak.VerifyTestMain(m)
}

// serve is a service that takes one connection, says hello and what is left of the environment, and goes.
func serve() int {
	m, err := systemd.Open()
	if err != nil {
		_, _ = io.WriteString(os.Stderr, err.Error())
		return 1
	}
	if m.Listener == nil {
		_, _ = io.WriteString(os.Stderr, "none")
		return 0
	}
	conn, err := m.Listener.Accept()
	if err != nil {
		return 1
	}
	_, _ = io.WriteString(conn, "hello "+os.Getenv("LISTEN_FDS")+os.Getenv("LISTEN_PID")+os.Getenv("NOTIFY_SOCKET"))
	_ = conn.Close()
	return 0
}

// run runs the service as a supervisor does, which knows the process's id only once there is one.
func run(t *testing.T, files []*os.File, env ...string) (stderr string, failed bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("sh", "-c", `[ -n "$LISTEN_PID" ] || export LISTEN_PID=$$; exec "$0"`, self)
	command.Env = append(append(os.Environ(), child+"=1"), env...)
	command.ExtraFiles = files
	var out strings.Builder
	command.Stderr = &out
	err = command.Run()
	return out.String(), err != nil
}

func descriptor(t *testing.T, of interface{ File() (*os.File, error) }) *os.File {
	t.Helper()
	file, err := of.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func TestListenerIsHandedOver(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	conn, err := net.Dial("tcp", listener.Addr().String()) // before there is anybody
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if stderr, failed := run(t, []*os.File{descriptor(t, listener.(*net.TCPListener))}, "LISTEN_FDS=1", "NOTIFY_SOCKET=/nowhere"); failed {
		t.Fatal(stderr)
	}
	if hello, err := io.ReadAll(conn); string(hello) != "hello " || err != nil {
		t.Errorf("%q, %v", hello, err)
	}
}

func TestNothingIsHandedOver(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	stream, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	for name, tc := range map[string]struct {
		file   *os.File
		env    []string
		says   string
		failed bool
	}{
		"nobody supervises":  {file, nil, "none", false},
		"no socket":          {file, []string{"LISTEN_FDS=0"}, "none", false},
		"for another":        {file, []string{"LISTEN_FDS=1", "LISTEN_PID=1"}, "none", false},
		"two sockets":        {file, []string{"LISTEN_FDS=2"}, `LISTEN_FDS is "2": one socket can be handed over`, true},
		"no number":          {file, []string{"LISTEN_FDS=x"}, `LISTEN_FDS is "x"`, true},
		"no listener":        {file, []string{"LISTEN_FDS=1"}, "is no socket that listens", true},
		"another kind":       {descriptor(t, stream.(*net.UnixListener)), []string{"LISTEN_FDS=1"}, "of the kind unix, it must be TCP", true},
		"a watchdog of what": {file, []string{"WATCHDOG_USEC=soon"}, `WATCHDOG_USEC is "soon"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			if stderr, failed := run(t, []*os.File{tc.file}, tc.env...); failed != tc.failed || !strings.Contains(stderr, tc.says) {
				t.Errorf("failed: %v, %q", failed, stderr)
			}
		})
	}
}

// supervisor is a socket where a service says how it does.
func supervisor(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Skipf("no such sockets here: %v", err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return socket
}

func heard(t *testing.T, socket *net.UnixConn) string {
	t.Helper()
	buffer := make([]byte, 1000)
	n, err := socket.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

func TestItIsTold(t *testing.T) {
	folder, err := os.MkdirTemp("", "sd") // its name is short, as names of sockets have to be
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	names := []string{filepath.Join(folder, "notify")}
	if _, err := os.Stat("/proc/net/unix"); err == nil {
		names = append(names, "@sockeye-test-"+filepath.Base(folder))
	}
	for _, name := range names {
		socket := supervisor(t, name)
		t.Setenv("NOTIFY_SOCKET", name)
		t.Setenv("WATCHDOG_USEC", "20000")
		m, err := systemd.Open()
		if err != nil || os.Getenv("NOTIFY_SOCKET") != "" {
			t.Fatal(err)
		}
		if err := m.Ready("serving"); err != nil {
			t.Error(err)
		}
		if got := heard(t, socket); got != "READY=1\nSTATUS=serving" {
			t.Errorf("%q", got)
		}
		asked := make(chan struct{}, 100)
		stop := m.Watch(func() { asked <- struct{}{} })
		for range 3 {
			if got := heard(t, socket); got != "WATCHDOG=1" {
				t.Errorf("%q", got)
			}
			<-asked
		}
		stop()
		if err := m.Stopping("draining"); err != nil {
			t.Error(err)
		}
		for got := "WATCHDOG=1"; got != "STOPPING=1\nSTATUS=draining"; got = heard(t, socket) {
			if got != "WATCHDOG=1" {
				t.Fatalf("%q", got)
			}
		}
		if err := socket.Close(); err != nil {
			t.Fatal(err)
		}
		if err := m.Ready("serving"); err == nil {
			t.Error("nobody was told, and it did not say so")
		}
	}
}

// One that hangs is heard of no more, so that it is ended.
func TestOneThatHangs(t *testing.T) {
	folder, err := os.MkdirTemp("", "sd")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	socket := supervisor(t, filepath.Join(folder, "notify"))
	t.Setenv("NOTIFY_SOCKET", filepath.Join(folder, "notify"))
	t.Setenv("WATCHDOG_USEC", "2000")
	m, err := systemd.Open()
	if err != nil {
		t.Fatal(err)
	}
	hangs, goesOn := make(chan struct{}), make(chan struct{})
	times := 0
	stop := m.Watch(func() {
		if times++; times == 3 {
			close(hangs)
			<-goesOn
		}
	})
	<-hangs
	for range 2 {
		heard(t, socket)
	}
	if err := socket.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := socket.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes of a service that hangs", n)
	}
	close(goesOn)
	stop()
}

func TestNobodySupervises(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000")
	m, err := systemd.Open()
	if err != nil {
		t.Fatal(err)
	}
	m.Watch(func() { t.Error("asked") })()
	for _, err := range []error{m.Ready(""), m.Stopping(""), new(systemd.Manager).Ready("")} {
		if err != nil {
			t.Error(err)
		}
	}
}
