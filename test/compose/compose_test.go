// Package compose_test reads deploy/compose/compose.yaml as Docker's own tools do. It is a module of its own: what these tools need
// the server does not.
package compose_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const folder = "../../deploy/compose"

// load reads the file as `docker compose config` does, which refuses what it does not know.
func load(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(folder, "compose.yaml")}, cli.WithEnv(env), cli.WithInterpolation(true), cli.WithConsistency(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestServices(t *testing.T) {
	project := load(t)
	if names := strings.Join(project.ServiceNames(), " "); names != "nginx node1 node2 node3 postgres redis" {
		t.Fatalf("services: %s", names)
	}
	for _, name := range []string{"node1", "node2", "node3"} {
		node := project.Services[name]
		limits := node.Deploy.Resources.Limits
		if limits.NanoCPUs != 0.5 || limits.MemoryBytes != 512<<20 {
			t.Errorf("%s has %v CPU and %d bytes", name, limits.NanoCPUs, limits.MemoryBytes)
		}
		if !node.ReadOnly || strings.Join(node.CapDrop, "") != "ALL" || strings.Join(node.SecurityOpt, "") != "no-new-privileges:true" || node.Privileged || node.User != "" {
			t.Errorf("%s may do more than it needs: %+v", name, node)
		}
		if grace := time.Duration(*node.StopGracePeriod); grace < 20*time.Second {
			t.Errorf("%s has %s to stop, which is no more than drain-timeout", name, grace)
		}
		for variable, value := range node.Environment {
			if value != nil && strings.Contains(*value, "password") {
				t.Errorf("%s has a secret in %s", name, variable)
			}
		}
		if file := node.Environment["SOCKEYE_DATABASE_FILE"]; file == nil || *file != "/run/secrets/"+node.Secrets[0].Source {
			t.Errorf("%s reads its database from %v", name, file)
		}
		for _, behind := range []string{"postgres", "redis"} {
			if node.DependsOn[behind].Condition != types.ServiceConditionHealthy || project.Services[behind].HealthCheck == nil {
				t.Errorf("%s does not wait for %s", name, behind)
			}
		}
		if len(node.Ports) != 0 {
			t.Errorf("%s can be reached from outside, beside nginx", name)
		}
	}
}

// What users set reaches the servers, and nginx has its configuration.
func TestSettings(t *testing.T) {
	project := load(t, "SOCKEYE_IMAGE=registry.example/sockeye:1", "SOCKEYE_PORT=9000", "SOCKEYE_ORIGINS=https://app.example")
	node, nginx := project.Services["node2"], project.Services["nginx"]
	if node.Image != "registry.example/sockeye:1" || *node.Environment["SOCKEYE_ORIGINS"] != "https://app.example" || nginx.Ports[0].Published != "9000" {
		t.Errorf("%s, %v, %v", node.Image, node.Environment, nginx.Ports)
	}
	if _, err := os.Stat(nginx.Volumes[0].Source); err != nil || !nginx.Volumes[0].ReadOnly {
		t.Errorf("%+v: %v", nginx.Volumes[0], err)
	}
	proxies, subnet := *node.Environment["SOCKEYE_TRUSTED_PROXIES"], project.Networks["default"].Ipam.Config[0].Subnet
	if proxies != subnet {
		t.Errorf("the servers trust %s, and nginx is in %s", proxies, subnet)
	}
}

// The script makes each secret that the file names, once, in a folder that nobody else can enter.
func TestSecrets(t *testing.T) {
	copied := t.TempDir()
	script, err := os.ReadFile(filepath.Join(folder, "secrets.sh"))
	if err == nil {
		err = os.WriteFile(filepath.Join(copied, "secrets.sh"), script, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	made := make(map[string]string)
	for range 2 {
		if out, err := exec.Command(filepath.Join(copied, "secrets.sh")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for name, secret := range load(t).Secrets {
			content, err := os.ReadFile(filepath.Join(copied, "secrets", filepath.Base(secret.File)))
			if err != nil {
				t.Fatal(err)
			}
			if before, again := made[name]; again && before != string(content) {
				t.Errorf("%s is another one the second time", name)
			}
			made[name] = string(content)
		}
	}
	if len(made["postgres_password"]) != 64 || made["database"] != "postgres://sockeye:"+made["postgres_password"]+"@postgres:5432/sockeye\n" {
		t.Errorf("%d characters", len(made["postgres_password"]))
	}
	if info, err := os.Stat(filepath.Join(copied, "secrets")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
