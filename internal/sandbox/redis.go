//go:build unix

package sandbox

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Redis is a Redis server that keeps nothing on disk. Its methods must not be called concurrently.
type Redis struct {
	folder   *Folder
	program  string
	addr     string
	password string
	running  *child
}

// Redis starts a server at host:port, or, with a port of 0, at a free one.
func (f *Folder) Redis(addr string) (*Redis, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("Redis is not installed: as root on Debian `apt-get install redis-server` does it")
	}
	r := &Redis{folder: f, program: program, password: rand.Text()}
	for attempt := 1; ; attempt++ {
		if r.addr, err = free(addr); err != nil {
			return nil, err
		}
		// Somebody may take the port before Redis does.
		if err = r.Start(); err == nil || attempt == 5 {
			return r, err
		}
	}
}

// free is the address, with a port that nobody listens on in place of 0.
func free(addr string) (string, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// Start starts a server that has ended, at the same address, and returns when it answers.
func (r *Redis) Start() error {
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		return err
	}
	settings, write, err := os.Pipe()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(write, "bind %s\nport %s\nrequirepass %s\nsave \"\"\nappendonly no\n", host, port, r.password)
	if err = errors.Join(err, write.Close()); err != nil {
		return errors.Join(err, settings.Close())
	}
	cmd := r.folder.Command(r.program, "-") // from standard input: others see arguments
	cmd.Stdin = settings
	r.running, err = r.folder.noted(cmd, "redis")
	if err = errors.Join(err, settings.Close()); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		answer, err := r.Do("PING")
		if err == nil && answer == "+PONG" {
			return nil
		}
		if time.Now().After(deadline) || !r.running.running() {
			return errors.Join(fmt.Errorf("Redis does not start: %q, %w\n%s", answer, err, r.folder.said("redis")), r.Kill())
		}
	}
}

// Do sends one command, as it is typed, and returns the first line of the answer as it comes.
func (r *Redis) Do(command string) (answer string, err error) {
	conn, err := net.DialTimeout("tcp", r.addr, time.Second)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\n%s\r\n", r.password, command); err != nil {
		return "", err
	}
	lines := bufio.NewReader(conn)
	for range 2 { // the first one is that of AUTH
		if answer, err = lines.ReadString('\n'); err != nil {
			return "", err
		}
	}
	return strings.TrimSpace(answer), nil
}

// Addr is its host:port.
func (r *Redis) Addr() string { return r.addr }

// URL is its address, redis://…, or that of whoever stands before it at another host:port.
func (r *Redis) URL(at string) string {
	return (&url.URL{Scheme: "redis", User: url.UserPassword("", r.password), Host: at}).String()
}

// PID is the id of its process.
func (r *Redis) PID() int { return r.running.pid }

// Running tells whether it has not ended.
func (r *Redis) Running() bool { return r.running.running() }

// Kill ends it at once.
func (r *Redis) Kill() error { return r.running.end(syscall.SIGKILL) }

// Freeze stops its process, and Thaw has it go on.
func (r *Redis) Freeze() error { return r.running.signal(syscall.SIGSTOP) }

// Thaw is the opposite of Freeze.
func (r *Redis) Thaw() error { return r.running.signal(syscall.SIGCONT) }
