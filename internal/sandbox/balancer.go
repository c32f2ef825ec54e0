//go:build unix

package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sockeye-im/sockeye/deploy"
)

// Balancer stands before all nodes and sends each request to the next one: nginx or HAProxy, with the configuration that is
// shipped. Its methods must not be called concurrently.
type Balancer struct {
	Kind Wanted // Nginx or HAProxy

	folder  *Folder
	program string
	addr    string
	running *child
}

// Balancer starts one at host:port, or, with a port of 0, at a free one, before nodes that are at these addresses.
func (f *Folder) Balancer(kind Wanted, addr string, nodes []string) (*Balancer, error) {
	program, err := balancerProgram(kind)
	if err != nil {
		return nil, err
	}
	b := &Balancer{Kind: kind, folder: f, program: program}
	for attempt := 1; ; attempt++ {
		if b.addr, err = free(addr); err != nil {
			return nil, err
		}
		if err := b.configure(nodes); err != nil {
			return nil, err
		}
		// Somebody may take the port before the balancer does.
		if err = b.Start(); err == nil || attempt == 5 {
			return b, err
		}
	}
}

// balancerProgram finds it: Debian keeps both where only root's shell looks.
func balancerProgram(kind Wanted) (string, error) {
	if program, err := exec.LookPath(string(kind)); err == nil {
		return program, nil
	}
	if program, err := exec.LookPath(filepath.Join("/usr/sbin", string(kind))); err == nil {
		return program, nil
	}
	return "", fmt.Errorf("%s is not installed: as root on Debian `apt-get install %s` does it", kind, kind)
}

// configure writes what the program reads.
func (b *Balancer) configure(nodes []string) error {
	text := deploy.HAProxy(b.addr, nodes)
	if b.Kind == Nginx {
		text = b.around(deploy.Nginx(b.addr, nodes))
	} else {
		text = strings.Replace(text, "maxconn 100000", "maxconn 2000\n    log stdout format raw local0", 1)
		text = strings.Replace(text, "    default_backend", haproxyLog+"    default_backend", 1)
	}
	if err := os.WriteFile(b.file(), []byte(text), 0o600); err != nil {
		return err
	}
	return b.folder.Own(b.file())
}

// The logs of both have a line for each request, when it is over: method, path and query, status, the length of the body, and at
// which node it was, or nodes.
const (
	nginxLog   = `request $request_method $request_uri $status $content_length $upstream_addr`
	haproxyLog = `    log global
    http-request capture req.hdr(content-length) len 8
    log-format "request %HM %HU %ST %[capture.req.hdr(0)] %si:%sp"
`
)

// around is what nginx needs beside what is within its http block. It writes to its folder alone.
func (b *Balancer) around(http string) string {
	here := b.folder.Path("nginx-")
	return fmt.Sprintf(`daemon off;
master_process off;
pid %[1]spid;
error_log stderr;
events { worker_connections 2048; }
http {
    log_format requests '%[2]s';
    access_log %[4]s requests;
    client_body_temp_path %[1]sbody;
    proxy_temp_path %[1]sproxy;
    fastcgi_temp_path %[1]sfastcgi;
    uwsgi_temp_path %[1]suwsgi;
    scgi_temp_path %[1]sscgi;
%[3]s}
`, here, nginxLog, http, b.LogFile())
}

func (b *Balancer) file() string { return b.folder.Path(string(b.Kind) + ".conf") }

// Start starts one that has ended, and returns when it listens.
func (b *Balancer) Start() error {
	args := []string{"-db", "-f", b.file()}
	if b.Kind == Nginx {
		args = []string{"-e", "stderr", "-c", b.file()}
	}
	var err error
	if b.running, err = b.folder.noted(b.folder.Command(b.program, args...), string(b.Kind)); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", b.addr)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) || !b.running.running() {
			return errors.Join(fmt.Errorf("%s does not start: %w\n%s", b.Kind, err, b.folder.said(string(b.Kind))), b.Kill())
		}
	}
}

// Addr is its host:port.
func (b *Balancer) Addr() string { return b.addr }

// LogFile is where it logs requests.
func (b *Balancer) LogFile() string {
	if b.Kind == Nginx {
		return b.folder.Path("nginx-requests.log") // it opens it by itself, as who it runs as
	}
	return b.folder.Path(string(b.Kind) + ".log")
}

// PID is the id of its first process.
func (b *Balancer) PID() int { return b.running.pid }

// Running tells whether it was not ended.
func (b *Balancer) Running() bool { return b.running.running() }

// Kill ends it at once, with the connections through it.
func (b *Balancer) Kill() error { return b.running.end(syscall.SIGKILL) }

// Stop ends it at once, with its log complete.
func (b *Balancer) Stop() error { return b.running.end(syscall.SIGTERM) }
