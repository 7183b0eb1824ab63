package deploytest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	chart "helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const chartDir = "../helm/approvebot"

// kinds are the types into which every object of the chart must fit, key by key.
var kinds = map[string]func() any{
	"v1/ConfigMap":                            func() any { return &core.ConfigMap{} },
	"v1/Service":                              func() any { return &core.Service{} },
	"v1/ServiceAccount":                       func() any { return &core.ServiceAccount{} },
	"apps/v1/Deployment":                      func() any { return &apps.Deployment{} },
	"apps/v1/StatefulSet":                     func() any { return &apps.StatefulSet{} },
	"networking.k8s.io/v1/Ingress":            func() any { return &networking.Ingress{} },
	"networking.k8s.io/v1/NetworkPolicy":      func() any { return &networking.NetworkPolicy{} },
	"policy/v1/PodDisruptionBudget":           func() any { return &policy.PodDisruptionBudget{} },
	"monitoring.coreos.com/v1/ServiceMonitor": func() any { return &monitoring.ServiceMonitor{} },
	"monitoring.coreos.com/v1/PrometheusRule": func() any { return &monitoring.PrometheusRule{} },
}

// values reads a values file of the folder ci; "" are the chart's own.
func values(t *testing.T, name string) map[string]any {
	t.Helper()
	if name == "" {
		return map[string]any{}
	}
	v, err := chart.ReadValuesFile(filepath.Join(chartDir, "ci", name+".yaml"))
	require.NoError(t, err)
	return v
}

// render returns the objects of the chart by kind and name.
func render(t *testing.T, given map[string]any) (map[string]any, error) {
	t.Helper()
	c, err := loader.LoadDir(chartDir)
	require.NoError(t, err)
	all, err := util.ToRenderValues(c, given, chart.ReleaseOptions{Name: "pki", Namespace: "bots", IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	objects := map[string]any{}
	for name, text := range files {
		if strings.HasSuffix(name, ".txt") {
			require.Contains(t, text, "approvebot check --live")
			continue
		}
		documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if len(bytes.TrimSpace(document)) > 0 {
				kind, object := decode(t, name, document)
				objects[kind] = object
			}
		}
	}
	return objects, nil
}

// decode reads an object as Kubernetes does when it refuses unknown and repeated keys.
func decode(t *testing.T, file string, document []byte) (kind string, object any) {
	t.Helper()
	var head struct {
		APIVersion, Kind string
		Metadata         struct {
			Name   string
			Labels map[string]string
		}
	}
	require.NoError(t, yaml.Unmarshal(document, &head), "%s\n%s", file, document)
	make, ok := kinds[head.APIVersion+"/"+head.Kind]
	require.True(t, ok, "%s: %s/%s", file, head.APIVersion, head.Kind)
	object = make()
	require.NoError(t, yaml.UnmarshalStrict(document, object), "%s\n%s", file, document)
	require.Empty(t, validation.IsDNS1123Label(head.Metadata.Name))
	for key, value := range head.Metadata.Labels {
		require.Empty(t, validation.IsQualifiedName(key))
		require.Empty(t, validation.IsValidLabelValue(value), value)
	}
	if strings.HasSuffix(head.Metadata.Name, "-dashboard") {
		return "Dashboard", object
	}
	return head.Kind, object
}

// must returns the object of that kind.
func must[T any](t *testing.T, objects map[string]any, kind string) T {
	t.Helper()
	object, ok := objects[kind].(T)
	require.True(t, ok, "no %s", kind)
	return object
}

func TestChartIsLinted(t *testing.T) {
	for _, name := range []string{"", "postgres", "claim", "volume"} {
		t.Run(name, func(t *testing.T) {
			result := lint.RunAll(chartDir, values(t, name), "bots")
			for _, m := range result.Messages {
				require.LessOrEqual(t, m.Severity, support.InfoSev, "%v", m) // it would like an icon
			}
		})
	}
}

func TestChartFitsKubernetes(t *testing.T) {
	for name, want := range map[string][]string{
		"":         {"ConfigMap", "NetworkPolicy", "Service", "ServiceAccount", "StatefulSet"},
		"volume":   {"ConfigMap", "NetworkPolicy", "Service", "ServiceAccount", "StatefulSet"},
		"claim":    {"ConfigMap", "Service", "StatefulSet"},
		"postgres": {"ConfigMap", "Dashboard", "Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "PrometheusRule", "Service", "ServiceAccount", "ServiceMonitor"},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := render(t, values(t, name))
			require.NoError(t, err)
			var got []string
			for kind := range objects {
				got = append(got, kind)
			}
			slices.Sort(got)
			require.Equal(t, want, got)

			spec, selector, labels := workload(t, objects)
			for key, value := range selector {
				require.Equal(t, value, labels[key], "the workload finds its own pods")
			}
			require.Equal(t, selector, must[*core.Service](t, objects, "Service").Spec.Selector)
			requireHardened(t, spec)
			requireMounted(t, objects, spec)
			requireUnderstood(t, must[*core.ConfigMap](t, objects, "ConfigMap").Data["approvebot.yaml"])
		})
	}
}

// workload returns the pod, the selector and the labels of whichever workload there is.
func workload(t *testing.T, objects map[string]any) (core.PodSpec, map[string]string, map[string]string) {
	t.Helper()
	if d, ok := objects["Deployment"].(*apps.Deployment); ok {
		return d.Spec.Template.Spec, d.Spec.Selector.MatchLabels, d.Spec.Template.Labels
	}
	s := must[*apps.StatefulSet](t, objects, "StatefulSet")
	return s.Spec.Template.Spec, s.Spec.Selector.MatchLabels, s.Spec.Template.Labels
}

// requireHardened holds the pod to Kubernetes' "restricted" standard, and to a
// root file system that cannot be written.
func requireHardened(t *testing.T, spec core.PodSpec) {
	t.Helper()
	require.False(t, *spec.AutomountServiceAccountToken)
	require.True(t, *spec.SecurityContext.RunAsNonRoot)
	require.EqualValues(t, 65532, *spec.SecurityContext.RunAsUser)
	require.Equal(t, core.SeccompProfileTypeRuntimeDefault, spec.SecurityContext.SeccompProfile.Type)
	require.Len(t, spec.Containers, 1)
	c := spec.Containers[0]
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.Equal(t, []core.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	require.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path)
	require.Equal(t, "/healthz", c.StartupProbe.HTTPGet.Path)
	require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
	for _, p := range []*core.Probe{c.LivenessProbe, c.StartupProbe, c.ReadinessProbe} {
		require.Equal(t, c.Ports[0].Name, p.HTTPGet.Port.StrVal)
	}
}

// requireMounted checks that what is mounted exists: every volume has a source, and
// the claim or the templates give the state one.
func requireMounted(t *testing.T, objects map[string]any, spec core.PodSpec) {
	t.Helper()
	sources := map[string]bool{}
	for _, v := range spec.Volumes {
		sources[v.Name] = true
		if v.Name == "config" {
			require.Equal(t, must[*core.ConfigMap](t, objects, "ConfigMap").Name, v.ConfigMap.Name)
		}
	}
	if s, ok := objects["StatefulSet"].(*apps.StatefulSet); ok {
		for _, claim := range s.Spec.VolumeClaimTemplates {
			require.False(t, sources[claim.Name])
			sources[claim.Name] = true
			require.False(t, claim.Spec.Resources.Requests.Storage().IsZero())
		}
	}
	places := map[string]string{}
	for _, m := range spec.Containers[0].VolumeMounts {
		require.True(t, sources[m.Name], m.Name)
		places[m.MountPath] = m.Name
	}
	require.Equal(t, "state", places["/var/lib/approvebot"])
	require.Equal(t, "config", places["/etc/approvebot"])
}

// requireUnderstood lets the program itself read the configuration that the chart
// makes, where the pod would have its secrets.
func requireUnderstood(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{
		"keyfactor-password": "hunter2", "slack-bot-token": "xoxb-hunter2", "slack-app-token": "xapp-hunter2", "slack-signing-secret": "hunter2",
		"store-url": "postgres://approvebot:hunter2@database.example.com/approvebot",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600))
	}
	text = strings.ReplaceAll(text, "/etc/ssl/example/ca.pem", "/etc/ssl/certs/ca-certificates.crt")
	file := filepath.Join(dir, "approvebot.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	cmd := exec.CommandContext(t.Context(), approvebot(t), "check", "--config", file, "--show")
	cmd.Env = []string{"CREDENTIALS_DIRECTORY=" + dir, "HOME=" + dir}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", text, out)
	require.Contains(t, string(out), "no mistakes, 0 warnings")
	require.Contains(t, string(out), `listen: :8080`)
}

func TestChartOnPostgreSQL(t *testing.T) {
	objects, err := render(t, values(t, "postgres"))
	require.NoError(t, err)
	d := must[*apps.Deployment](t, objects, "Deployment")
	require.EqualValues(t, 3, *d.Spec.Replicas)
	require.Equal(t, "images.example.com/pki/approvebot@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", d.Spec.Template.Spec.Containers[0].Image)
	require.Equal(t, []string{"run", "--log-level=debug"}, d.Spec.Template.Spec.Containers[0].Args)
	b := must[*policy.PodDisruptionBudget](t, objects, "PodDisruptionBudget")
	require.EqualValues(t, 1, b.Spec.MaxUnavailable.IntVal)
	require.Equal(t, d.Spec.Selector, b.Spec.Selector)
	n := must[*networking.NetworkPolicy](t, objects, "NetworkPolicy")
	var ports []string
	for _, e := range n.Spec.Egress {
		for _, p := range e.Ports {
			ports = append(ports, fmt.Sprint(p.Port.IntVal))
		}
	}
	require.Equal(t, []string{"53", "53", "443", "5432", "8443"}, ports)
	require.NotEmpty(t, n.Spec.Ingress[0].From)
	i := must[*networking.Ingress](t, objects, "Ingress")
	path := i.Spec.Rules[0].HTTP.Paths[0]
	require.Equal(t, "/slack/", path.Path, "neither metrics nor health go outside")
	require.Equal(t, must[*core.Service](t, objects, "Service").Name, path.Backend.Service.Name)
	m := must[*monitoring.ServiceMonitor](t, objects, "ServiceMonitor")
	require.Equal(t, must[*core.Service](t, objects, "Service").Spec.Ports[0].Name, m.Spec.Endpoints[0].Port)
	require.Equal(t, "prometheus", m.Labels["release"])

	// Rules and dashboard are those of deploy/, with nothing of theirs taken for the chart's.
	var rules monitoring.PrometheusRuleSpec
	require.NoError(t, yaml.UnmarshalStrict([]byte(mustRead(t, "../prometheus-rules.yaml")), &rules))
	require.NotEmpty(t, rules.Groups)
	require.Equal(t, rules, must[*monitoring.PrometheusRule](t, objects, "PrometheusRule").Spec)
	require.JSONEq(t, mustRead(t, "../grafana-dashboard.json"), must[*core.ConfigMap](t, objects, "Dashboard").Data["approvebot.json"])

	// Another configuration makes other pods; the same does not.
	sum := d.Spec.Template.Annotations["checksum/config"]
	changed := values(t, "postgres")
	changed["config"].(map[string]any)["poll"] = map[string]any{"schedule": "@every 2m"}
	objects, err = render(t, changed)
	require.NoError(t, err)
	require.NotEqual(t, sum, must[*apps.Deployment](t, objects, "Deployment").Spec.Template.Annotations["checksum/config"])
}

func TestChartRefusesWhatCannotWork(t *testing.T) {
	for name, row := range map[string]struct{ values, says string }{
		"two owners of one file": {"replicaCount: 2", "replicaCount"},
		"a database unknown":     {"database: {kind: mysql}", "kind"},
		"a key misspelt":         {"replicas: 2", "replicas"},
		"a secret in values":     {"secrets: {slackBotToken: xoxb-1}", "secrets"},
		"no routes":              {"config: {routes: []}", "routes"},
		"a digest that is none":  {"image: {digest: latest}", "digest"},
		"no time to finish":      {"terminationGracePeriodSeconds: 5", "terminationGracePeriodSeconds"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := chart.ReadValues([]byte(row.values))
			require.NoError(t, err)
			_, err = render(t, v)
			require.ErrorContains(t, err, row.says)
		})
	}
}
