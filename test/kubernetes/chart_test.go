// Package kubernetes_test renders the chart as helm does, and reads what comes of it as the API server does: strictly, with
// Kubernetes' own types. It is a module of its own: what these need the server does not.
package kubernetes_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const chart = "../../deploy/helm/sockeye"

var update = flag.Bool("update", false, "write deploy/kubernetes anew")

// values are three ways to use the chart.
var values = map[string]map[string]any{
	"single":  {},
	"cluster": {"secrets": secrets("database", "redis")},
	"everything": {
		"secrets":        secrets("database", "redis", "jwtSecret", "issuers"),
		"autoscaling":    map[string]any{"enabled": true, "minReplicas": 4, "connections": 2000},
		"ingress":        map[string]any{"enabled": true, "className": "nginx", "hosts": []any{"chat.example.com", "talk.example.com"}, "tlsSecret": "tls", "annotations": map[string]any{"a/b": "c"}},
		"networkPolicy":  map[string]any{"clients": []any{map[string]any{"namespaceSelector": map[string]any{"matchLabels": map[string]any{"name": "ingress"}}}}, "backends": []any{map[string]any{"ipBlock": map[string]any{"cidr": "10.0.0.0/8"}}}},
		"settings":       map[string]any{"origins": []any{"https://app.example"}, "chat-dm-policy": "anyone", "max-connections": 5000},
		"serviceMonitor": map[string]any{"enabled": true, "labels": map[string]any{"release": "prometheus"}},
		"service":        map[string]any{"type": "LoadBalancer", "annotations": map[string]any{"x": "y"}},
		"image":          map[string]any{"repository": "registry.example/sockeye", "tag": "1.2.3"}, "imagePullSecrets": []any{map[string]any{"name": "registry"}},
		"drainSeconds": 60, "nodeSelector": map[string]any{"disk": "ssd"}, "podAnnotations": map[string]any{"p": "q"},
		"tolerations": []any{map[string]any{"key": "chat", "operator": "Exists"}}, "affinity": map[string]any{"nodeAffinity": map[string]any{}},
	},
}

func secrets(names ...string) map[string]any {
	all := make(map[string]any)
	for _, name := range names {
		all[name] = map[string]any{"name": "sockeye-" + strings.ToLower(name)}
	}
	return all
}

// render is what helm install sends to the server, by file.
func render(values map[string]any) (map[string]string, error) {
	loaded, err := loader.Load(chart)
	if err != nil {
		return nil, err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: "v1.34.0", Major: "1", Minor: "34"}
	all, err := chartutil.ToRenderValues(loaded, values, chartutil.ReleaseOptions{Name: "sockeye", Namespace: "chat", IsInstall: true, Revision: 1}, capabilities)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.Render(loaded, all)
}

// objects decodes all that was rendered. A field that is unknown or given twice is an error.
func objects(t *testing.T, files map[string]string) map[string]runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, autoscaling.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	all := make(map[string]runtime.Object)
	for name, content := range files {
		for documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(content))); ; {
			document, err := documents.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(document)) == 0 {
				continue
			}
			object, kind, err := decoder.Decode(document, nil, nil)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, document)
				continue
			}
			if all[kind.Kind] != nil {
				t.Errorf("there are two of %s", kind.Kind)
			}
			all[kind.Kind] = object
		}
	}
	return all
}

func TestKinds(t *testing.T) {
	for name, want := range map[string][]string{
		"single":     {"ConfigMap", "NetworkPolicy", "Service", "StatefulSet"},
		"cluster":    {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"},
		"everything": {"ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceMonitor"},
	} {
		files, err := render(values[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all := objects(t, files)
		if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
		if !t.Failed() {
			checkPod(t, name, all)
		}
	}
}

// checkPod looks at what no schema says: that what belongs together fits.
func checkPod(t *testing.T, name string, all map[string]runtime.Object) {
	t.Helper()
	var template core.PodTemplateSpec
	var selector map[string]string
	claims := make(map[string]bool)
	switch set := all["StatefulSet"].(type) {
	case *apps.StatefulSet:
		template, selector = set.Spec.Template, set.Spec.Selector.MatchLabels
		claims[set.Spec.VolumeClaimTemplates[0].Name] = true
		if *set.Spec.Replicas != 1 {
			t.Errorf("%s: %d servers on one volume", name, *set.Spec.Replicas)
		}
	default:
		deployment := all["Deployment"].(*apps.Deployment)
		template, selector = deployment.Spec.Template, deployment.Spec.Selector.MatchLabels
		if _, scaled := all["HorizontalPodAutoscaler"]; scaled != (deployment.Spec.Replicas == nil) {
			t.Errorf("%s: replicas and an autoscaler are one too many, or none", name)
		}
	}
	for _, labels := range []map[string]string{selector, all["Service"].(*core.Service).Spec.Selector, all["NetworkPolicy"].(*networking.NetworkPolicy).Spec.PodSelector.MatchLabels} {
		for key, value := range labels {
			if template.Labels[key] != value {
				t.Errorf("%s: %s=%s does not select the pods, which have %v", name, key, value, template.Labels)
			}
		}
	}
	pod := template.Spec
	server := pod.Containers[0]
	security := server.SecurityContext
	if !*pod.SecurityContext.RunAsNonRoot || !*security.ReadOnlyRootFilesystem || *security.AllowPrivilegeEscalation || !slices.Equal(security.Capabilities.Drop, []core.Capability{"ALL"}) ||
		pod.SecurityContext.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault || *pod.AutomountServiceAccountToken {
		t.Errorf("%s: the restricted standard for pods is not held: %+v, %+v", name, pod.SecurityContext, security)
	}
	volumes := maps.Clone(claims)
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
	}
	mounted := make(map[string]bool)
	for _, mount := range server.VolumeMounts {
		if !volumes[mount.Name] {
			t.Errorf("%s: there is no volume %s", name, mount.Name)
		}
		mounted[mount.MountPath] = true
		delete(volumes, mount.Name)
	}
	if len(volumes) > 0 {
		t.Errorf("%s: nobody mounts %v", name, volumes)
	}
	var drain string
	for _, variable := range server.Env {
		if path, file := strings.CutSuffix(variable.Value, "/value"); file && !mounted[path] {
			t.Errorf("%s: %s is %s, which is not mounted", name, variable.Name, variable.Value)
		}
		if variable.Name == "SOCKEYE_DRAIN_TIMEOUT" {
			drain = variable.Value
		}
	}
	var seconds int64
	if _, err := fmt.Sscanf(drain, "%ds", &seconds); err != nil || *pod.TerminationGracePeriodSeconds <= seconds+server.Lifecycle.PreStop.Sleep.Seconds {
		t.Errorf("%s: a stop takes %s, and may take %d s", name, drain, *pod.TerminationGracePeriodSeconds)
	}
	ports := make(map[string]bool)
	for _, port := range server.Ports {
		ports[port.Name] = true
	}
	for what, port := range map[string]intstr.IntOrString{
		"livenessProbe": server.LivenessProbe.HTTPGet.Port, "readinessProbe": server.ReadinessProbe.HTTPGet.Port, "startupProbe": server.StartupProbe.HTTPGet.Port,
		"Service": all["Service"].(*core.Service).Spec.Ports[0].TargetPort, "NetworkPolicy": *all["NetworkPolicy"].(*networking.NetworkPolicy).Spec.Ingress[0].Ports[0].Port,
	} {
		if !ports[port.StrVal] {
			t.Errorf("%s: %s asks at the port %s, which there is not", name, what, port.String())
		}
	}
}

func TestRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		values map[string]any
		says   string
	}{
		"a slip":                       {map[string]any{"replica": 2}, "replica"},
		"none":                         {map[string]any{"replicas": 0}, "replicas"},
		"a secret in settings":         {map[string]any{"settings": map[string]any{"jwt-secret": "x"}}, "settings"},
		"Redis without a database":     {map[string]any{"secrets": secrets("redis")}, "secrets.database is not"},
		"autoscaling without database": {map[string]any{"autoscaling": map[string]any{"enabled": true}}, "a volume has one server alone"},
		"an ingress for nothing":       {map[string]any{"ingress": map[string]any{"enabled": true}}, "ingress.hosts is empty"},
	} {
		if _, err := render(tc.values); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestManifests says that deploy/kubernetes, for those without helm, is what helm makes.
func TestManifests(t *testing.T) {
	for _, name := range []string{"single", "cluster"} {
		files, err := render(values[name])
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		b.WriteString("# Made of deploy/helm/sockeye by make chart.\n")
		for _, file := range slices.Sorted(maps.Keys(files)) {
			if content := strings.TrimSpace(files[file]); content != "" {
				b.WriteString("---\n" + strings.ReplaceAll(content, "app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kubectl") + "\n")
			}
		}
		path := "../../deploy/kubernetes/" + name + ".yaml"
		if *update {
			if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if written, err := os.ReadFile(path); err != nil || string(written) != b.String() {
			t.Errorf("%s is not what the chart makes: make chart (%v)", path, err)
		}
	}
}
