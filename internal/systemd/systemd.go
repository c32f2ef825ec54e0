// Package systemd is what a service and systemd say to each other, by the environment and a socket: a listener that systemd holds
// (sd_listen_fds(3)), and how the service does (sd_notify(3), sd_watchdog_enabled(3)). Any other supervisor that speaks so will do.
// Where there is none, everything here does nothing.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// firstDescriptor is where the descriptors begin that are handed over (SD_LISTEN_FDS_START).
const firstDescriptor = 3

// variables are those by which a service is told. They are for one process alone, not for those that it starts.
var variables = []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}

// Manager is whoever supervises the process. Its methods may be called concurrently. The zero Manager is nobody.
type Manager struct {
	// Listener was handed over, and is the caller's to close; nil if none was. Others have it too: who connects while nobody
	// accepts waits.
	Listener net.Listener

	socket string        // where it is told; empty if it does not want to be
	every  time.Duration // within which it wants to hear that the process lives; 0 if it does not ask
}

// Open reads what this process was told, and takes it out of the environment. It is to be called once, before anything else
// opens descriptors. It fails where more than one socket was handed over, or one that is no stream, or where a number is none.
func Open() (*Manager, error) {
	told := make(map[string]string)
	for _, name := range variables {
		told[name] = os.Getenv(name)
		if err := os.Unsetenv(name); err != nil {
			return nil, err
		}
	}
	m := &Manager{socket: told["NOTIFY_SOCKET"]}
	if meant(told["WATCHDOG_PID"], true) {
		if err := m.watchdog(told["WATCHDOG_USEC"]); err != nil {
			return nil, err
		}
	}
	if !meant(told["LISTEN_PID"], false) || told["LISTEN_FDS"] == "" || told["LISTEN_FDS"] == "0" {
		return m, nil
	}
	if n := told["LISTEN_FDS"]; n != "1" {
		return nil, fmt.Errorf("LISTEN_FDS is %q: one socket can be handed over, for listen", n)
	}
	file := os.NewFile(firstDescriptor, "LISTEN_FDS")
	if file == nil {
		return nil, errors.New("LISTEN_FDS: no descriptor was handed over")
	}
	listener, err := net.FileListener(file) // which has one of its own
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("LISTEN_FDS: what was handed over is no socket that listens: %w", err)
	}
	if network := listener.Addr().Network(); network != "tcp" {
		return nil, errors.Join(fmt.Errorf("LISTEN_FDS: what was handed over is of the kind %s, it must be TCP", network), listener.Close())
	}
	m.Listener = listener
	return m, nil
}

// meant reports whether what was told is for this process: others inherit the environment.
func meant(pid string, orEmpty bool) bool {
	return pid == strconv.Itoa(os.Getpid()) || pid == "" && orEmpty
}

func (m *Manager) watchdog(text string) error {
	if text == "" {
		return nil
	}
	microseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || microseconds <= 0 || microseconds > int64(time.Duration(1<<63-1)/time.Microsecond) {
		return fmt.Errorf("WATCHDOG_USEC is %q, which is no number of microseconds", text)
	}
	m.every = time.Duration(microseconds) * time.Microsecond
	return nil
}

// Ready says that the service is there, and what it is about.
func (m *Manager) Ready(status string) error { return m.tell("READY=1\nSTATUS=" + status) }

// Stopping says that the service goes.
func (m *Manager) Stopping(status string) error { return m.tell("STOPPING=1\nSTATUS=" + status) }

// tell sends lines of assignments. It does not wait for anybody to read them.
func (m *Manager) tell(lines string) (err error) {
	if m.socket == "" {
		return nil
	}
	// A name that begins with an @ is in no file system, which net knows too.
	to, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	_, err = to.Write([]byte(lines))
	return errors.Join(err, to.Close())
}

// Watch says twice in the time that was asked for that the process lives, each time once alive has returned: one that hangs in it
// is ended by the supervisor. stop, which is to be called once, ends that and waits for it.
func (m *Manager) Watch(alive func()) (stop func()) {
	if m.every == 0 || m.socket == "" {
		return func() {}
	}
	quit := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { m.watch(alive, quit) })
	return func() { close(quit); watching.Wait() }
}

func (m *Manager) watch(alive func(), quit <-chan struct{}) {
	ticker := time.NewTicker(m.every / 2)
	defer ticker.Stop()
	for {
		alive()
		_ = m.tell("WATCHDOG=1") // what does not arrive is missed by the supervisor
		select {
		case <-ticker.C:
		case <-quit:
			return
		}
	}
}
