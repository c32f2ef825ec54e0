//go:build linux

package compose_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// patience is how long anything may take.
const patience = 2 * time.Minute

// inside is set for the process that has namespaces of its own.
const inside = "SOCKEYE_COMPOSE_INSIDE"

// TestSoakStarted starts what the file has without an engine: the programs that the machine has, with the settings, the names, the
// users, the secrets, the order and the checks of the file, in a network of their own. Two people talk through nginx while a server
// is stopped.
func TestSoakStarted(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("builds the server and starts six programs; set SOCKEYE_SOAK")
	}
	if os.Getuid() != 0 {
		t.Skip("needs to be root, for a network of its own")
	}
	for _, program := range []string{"ip", "mount", "setpriv", "redis-server", "redis-cli", "pg_isready"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s", program)
		}
	}
	if os.Getenv(inside) != "" {
		started(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	work, err := os.MkdirTemp("/tmp", "sockeye-compose-") // a socket's path is short, and others may enter
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := os.Chmod(work, 0o755); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(work, "sockeye"), "./cmd/sockeye")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// With a namespace for processes whose first one is this test, nothing that it has started is left behind it.
	command := exec.CommandContext(t.Context(), self, "-test.run=^TestSoakStarted$", "-test.v", "-test.timeout=30m")
	command.Env = append(os.Environ(), inside+"="+work)
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	out, err := command.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// host is what plays the engine.
type host struct {
	t       *testing.T
	work    string
	project *types.Project
	at      map[string]string // addresses by the names of services
	running map[string]*program
	started time.Time
}

type program struct {
	*exec.Cmd
	log   bytes.Buffer
	ended chan error
}

func started(t *testing.T) {
	h := &host{t: t, work: os.Getenv(inside), project: load(t), at: make(map[string]string), running: make(map[string]*program), started: time.Now()}
	h.network()
	h.secrets()
	defer func() {
		for name, p := range h.running {
			if t.Failed() {
				t.Logf("%s:\n%s", name, p.log.String())
			}
			_ = p.Process.Kill()
		}
	}()
	// As the file has them wait for each other.
	h.postgres()
	h.redis()
	for _, name := range h.nodes() {
		h.node(name)
	}
	h.nginx()
	t.Logf("all %d run after %s", len(h.running), time.Since(h.started).Round(time.Millisecond))
	h.talk()
	for _, name := range []string{"nginx", "node2", "node3", "redis", "postgres"} {
		h.stop(name)
	}
}

// nodes are the services that are built from the image of the server, in order.
func (h *host) nodes() (names []string) {
	for name, service := range h.project.Services {
		if service.Image == "sockeye" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (h *host) run(name string, args ...string) string {
	h.t.Helper()
	out, err := exec.CommandContext(h.t.Context(), name, args...).CombinedOutput()
	if err != nil {
		h.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// network gives each service an address of the file's network, and the name that it has there.
func (h *host) network() {
	h.t.Helper()
	_, subnet, err := net.ParseCIDR(h.project.Networks["default"].Ipam.Config[0].Subnet)
	if err != nil {
		h.t.Fatal(err)
	}
	h.run("mount", "--make-rprivate", "/")
	h.run("mount", "-t", "proc", "proc", "/proc")
	h.run("ip", "link", "set", "lo", "up")
	hosts := "127.0.0.1 localhost\n"
	for i, name := range h.project.ServiceNames() {
		ip := slices.Clone(subnet.IP.To4())
		ip[3] += byte(10 + i)
		h.at[name] = ip.String()
		hosts += fmt.Sprintf("%s %s\n", ip, name)
		h.run("ip", "address", "add", ip.String()+"/24", "dev", "lo")
	}
	file := h.write("hosts", hosts, 0o644)
	h.run("mount", "--bind", file, "/etc/hosts")
}

// secrets makes them as the script does, and puts them where containers have them.
func (h *host) secrets() {
	h.t.Helper()
	copied := filepath.Join(h.work, "compose")
	if err := os.MkdirAll(copied, 0o755); err != nil {
		h.t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join(folder, "secrets.sh"))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "secrets.sh"), script, 0o700); err != nil {
		h.t.Fatal(err)
	}
	h.run(filepath.Join(copied, "secrets.sh"))
	h.run("mount", "-t", "tmpfs", "tmpfs", "/run")
	if err := os.MkdirAll("/run/secrets", 0o755); err != nil {
		h.t.Fatal(err)
	}
	for name, secret := range h.project.Secrets {
		content, err := os.ReadFile(filepath.Join(copied, "secrets", filepath.Base(secret.File)))
		if err == nil {
			err = os.WriteFile(filepath.Join("/run/secrets", name), content, 0o444)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *host) write(name, content string, mode os.FileMode) (path string) {
	h.t.Helper()
	path = filepath.Join(h.work, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// folder makes one that is a user's.
func (h *host) folder(name string, uid, gid int) (path string) {
	h.t.Helper()
	path = filepath.Join(h.work, name)
	if err := os.Mkdir(path, 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// as is a command as a user, without rights, as cap_drop and no-new-privileges say.
func as(uid, gid int, line ...string) []string {
	return append([]string{
		"setpriv", "--reuid=" + strconv.Itoa(uid), "--regid=" + strconv.Itoa(gid), "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
	}, line...)
}

// start starts the program of a service, with nothing of this process's environment but where programs are.
func (h *host) start(name string, env []string, line ...string) *program {
	h.t.Helper()
	p := &program{Cmd: exec.Command(line[0], line[1:]...), ended: make(chan error, 1)}
	p.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	p.Dir = "/"
	p.Stdout, p.Stderr = &p.log, &p.log
	if err := p.Start(); err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	go func() { p.ended <- p.Wait() }()
	h.running[name] = p
	return p
}

// healthy waits until the check of the file says so, of a service at its address.
func (h *host) healthy(name string, env ...string) {
	h.t.Helper()
	check := h.project.Services[name].HealthCheck.Test
	if check[0] != "CMD" {
		h.t.Fatalf("%s is checked by %q", name, check)
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		command := exec.CommandContext(h.t.Context(), check[1], check[2:]...)
		if check[1] == "redis-cli" { // which has no variable for that
			command.Args = append([]string{check[1], "-h", h.at[name]}, check[2:]...)
		}
		command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
		out, err := command.CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s is not healthy: %v %s\n%s", name, err, out, h.running[name].log.String())
		}
	}
}

// postgres does what the image's entry point does with these variables.
func (h *host) postgres() {
	h.t.Helper()
	const nobody = 65534
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(bins) == 0 {
		h.t.Fatalf("there is no PostgreSQL: %v", err)
	}
	bin := bins[len(bins)-1]
	service := h.project.Services["postgres"]
	env := func(name string) string {
		if value := service.Environment[name]; value != nil {
			return *value
		}
		h.t.Fatalf("postgres has no %s", name)
		return ""
	}
	data := h.folder("postgres", nobody, nobody)
	initdb := as(nobody, nobody, filepath.Join(bin, "initdb"), "--pgdata="+data, "--username="+env("POSTGRES_USER"), "--pwfile="+env("POSTGRES_PASSWORD_FILE"),
		"--auth-host=scram-sha-256", "--auth-local=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	h.run(initdb[0], initdb[1:]...)
	rules, err := os.OpenFile(filepath.Join(data, "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = rules.WriteString("host all all all scram-sha-256\n")
		_ = rules.Close()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.start("postgres", nil, as(nobody, nobody, filepath.Join(bin, "postgres"), "-D", data, "-k", data, "-c", "listen_addresses="+h.at["postgres"])...)
	h.healthy("postgres", "PGHOST="+h.at["postgres"])
	psql := as(nobody, nobody, filepath.Join(bin, "psql"), "--host="+data, "--username="+env("POSTGRES_USER"), "--command=CREATE DATABASE "+env("POSTGRES_DB"), "postgres")
	h.run(psql[0], psql[1:]...)
}

// redis is the command of the file, which listens at its own address only since others are at the same machine here.
func (h *host) redis() {
	h.t.Helper()
	service := h.project.Services["redis"]
	uid, gid, _ := strings.Cut(service.User, ":")
	user, _ := strconv.Atoi(uid)
	group, _ := strconv.Atoi(gid)
	h.start("redis", nil, as(user, group, append(slices.Clone(service.Command), "--bind", h.at["redis"], "--protected-mode", "no")...)...)
	h.healthy("redis")
}

// imageUser is whom the image says that the server runs as.
var imageUser = regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`)

// node starts a server as the image does, and waits until it says that it is ready.
func (h *host) node(name string) {
	h.t.Helper()
	image, err := os.ReadFile("../../deploy/image/Containerfile")
	if err != nil {
		h.t.Fatal(err)
	}
	user := imageUser.FindSubmatch(image)
	if user == nil {
		h.t.Fatal("the image says no user")
	}
	uid, _ := strconv.Atoi(string(user[1]))
	gid, _ := strconv.Atoi(string(user[2]))
	service := h.project.Services[name]
	// In a container /data is its own, and so is each address.
	env := []string{"SOCKEYE_DATA=" + h.folder(name, uid, gid), "SOCKEYE_LISTEN=" + h.at[name] + ":3000"}
	for variable, value := range service.Environment {
		if value != nil {
			env = append(env, variable+"="+*value)
		}
	}
	slices.Sort(env)
	var own syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &own); err != nil {
		h.t.Fatal(err)
	}
	files := fmt.Sprintf("--nofile=%d", min(uint64(service.Ulimits["nofile"].Single), own.Max)) // an engine may raise it
	memory := fmt.Sprintf("GOMEMLIMIT=%d", service.Deploy.Resources.Limits.MemoryBytes*9/10)    // as it would find in its cgroup
	h.start(name, append(env, memory), append([]string{"prlimit", files}, as(uid, gid, filepath.Join(h.work, "sockeye"), "serve")...)...)
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		check := exec.CommandContext(h.t.Context(), filepath.Join(h.work, "sockeye"), "healthcheck")
		check.Env = env
		if out, err := check.CombinedOutput(); err == nil {
			return
		} else if time.Now().After(end) {
			h.t.Fatalf("%s is not healthy: %v %s\n%s", name, err, out, h.running[name].log.String())
		}
	}
}

// nginx includes the file that the image's own configuration includes.
func (h *host) nginx() {
	h.t.Helper()
	service := h.project.Services["nginx"]
	if len(service.Volumes) != 1 || service.Volumes[0].Target != "/etc/nginx/conf.d/default.conf" {
		h.t.Fatalf("nginx has %+v", service.Volumes)
	}
	h.run("install", "-d", filepath.Join(h.work, "nginx"))
	around := h.write("nginx.conf", fmt.Sprintf(`daemon off;
user nobody nogroup;
pid %[1]s/pid;
error_log stderr;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    include %[2]s;
}
`, filepath.Join(h.work, "nginx"), service.Volumes[0].Source), 0o644)
	name := "nginx"
	if _, err := exec.LookPath(name); err != nil {
		name = "/usr/sbin/nginx"
	}
	h.start("nginx", nil, name, "-e", "stderr", "-c", around)
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if conn, err := net.Dial("tcp", "nginx:80"); err == nil {
			_ = conn.Close()
			return
		} else if time.Now().After(end) {
			h.t.Fatalf("nginx does not listen: %v\n%s", err, h.running["nginx"].log.String())
		}
	}
}

// stop ends a service by the signal of the file, within its grace.
func (h *host) stop(name string) {
	h.t.Helper()
	service, p := h.project.Services[name], h.running[name]
	sig := syscall.SIGTERM
	if service.StopSignal == "SIGINT" {
		sig = syscall.SIGINT
	}
	grace := patience
	if service.StopGracePeriod != nil {
		grace = max(grace, time.Duration(*service.StopGracePeriod))
	}
	began := time.Now()
	if err := p.Process.Signal(sig); err != nil {
		h.t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			h.t.Errorf("%s ended with %v:\n%s", name, err, p.log.String())
		}
		h.t.Logf("%s has stopped after %s", name, time.Since(began).Round(time.Millisecond))
	case <-time.After(grace):
		h.t.Errorf("%s still runs after %s:\n%s", name, grace, p.log.String())
	}
	delete(h.running, name)
}

// talk has two people talk through nginx, whose requests go to all servers in turns, also while one of these stops.
func (h *host) talk() {
	h.t.Helper()
	ada, ben := h.register("ada"), h.register("ben")
	h.ask(ada, http.MethodPost, "/api/v1/rooms", `{"id":"harbour","name":"Harbour"}`, http.StatusCreated)
	h.ask(ben, http.MethodPost, "/api/v1/rooms/harbour/join", "", http.StatusOK)
	hears := h.listen(ben)
	const said = 60
	for i := range said {
		if i == said/2 {
			h.stop("node1")
		}
		h.ask(ada, http.MethodPost, "/api/v1/rooms/harbour/messages", fmt.Sprintf(`{"content":"message %d","clientMsgId":"m%d"}`, i, i), http.StatusCreated)
	}
	var page struct {
		Messages []struct{ Content string }
	}
	if err := json.Unmarshal(h.ask(ben, http.MethodGet, "/api/v1/rooms/harbour/messages?limit=100", "", http.StatusOK), &page); err != nil {
		h.t.Fatal(err)
	}
	if len(page.Messages) != said || page.Messages[said-1].Content != fmt.Sprintf("message %d", said-1) {
		h.t.Errorf("%d of %d messages are there", len(page.Messages), said)
	}
	if n := hears(said); n == 0 {
		h.t.Error("nothing was heard live")
	}
	// The servers have seen nginx name who asks, and believe it.
	if log := h.running["node2"].log.String() + h.running["node3"].log.String(); strings.Contains(log, `"level":"ERROR"`) {
		h.t.Errorf("the servers have trouble:\n%s", log)
	}
}

func (h *host) register(login string) (token string) {
	h.t.Helper()
	var account struct{ Token string }
	answer := h.ask("", http.MethodPost, "/api/v1/accounts", fmt.Sprintf(`{"login":%q,"password":"correct horse battery"}`, login), http.StatusCreated)
	if err := json.Unmarshal(answer, &account); err != nil || account.Token == "" {
		h.t.Fatalf("%v: %s", err, answer)
	}
	return account.Token
}

// ask asks through nginx, by a connection of its own, once.
func (h *host) ask(token, method, path, body string, want int) []byte {
	h.t.Helper()
	status, answer, err := h.request(h.t.Context(), token, method, path, body)
	if err != nil || status != want {
		h.t.Fatalf("%s %s: %d, %v: %s", method, path, status, err, answer)
	}
	return answer
}

func (h *host) request(ctx context.Context, token, method, path, body string) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://nginx"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// listen opens a WebSocket through nginx, and returns what counts the messages that came until there are so many, or the
// connection has ended with its server.
func (h *host) listen(token string) (hears func(atMost int) int) {
	h.t.Helper()
	conn, err := net.Dial("tcp", "nginx:80")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: nginx\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sockeye.v1\r\nAuthorization: Bearer %s\r\n\r\n", token)
	if err != nil {
		h.t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		h.t.Fatalf("the WebSocket: %v, %+v", err, answer)
	}
	return func(atMost int) (n int) {
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil { // what has come is there already
			h.t.Fatal(err)
		}
		for n < atMost {
			frame, err := readFrame(in)
			if err != nil {
				return n
			}
			if bytes.HasPrefix(frame, []byte(`{"type":"room:message"`)) {
				n++
			}
		}
		return n
	}
}

// readFrame reads a frame as servers send them: whole and not masked (RFC 6455 section 5.2).
func readFrame(in *bufio.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	size := uint64(head[1] & 0x7f)
	if more := map[uint64]int{126: 2, 127: 8}[size]; more > 0 {
		extended := make([]byte, more)
		if _, err := io.ReadFull(in, extended); err != nil {
			return nil, err
		}
		size = 0
		for _, b := range extended {
			size = size<<8 | uint64(b)
		}
	}
	frame := make([]byte, size)
	_, err := io.ReadFull(in, frame)
	return frame, err
}
