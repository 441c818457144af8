package calls

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/rpcxray/rpcxray/internal/testkit"
	"github.com/rpcxray/rpcxray/internal/testkit/fixture"
)

func deployed(t *testing.T, name string) string {
	t.Helper()
	root, err := fixture.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var longFlag = regexp.MustCompile(`--[a-z][a-z-]*`)

// TestDeploy tests that what deploy/ holds is well formed, and that rpcxray has the
// flags that it names.
func TestDeploy(t *testing.T) {
	help := testkit.RunCLI(t, "agent", "--help").Stdout
	known := longFlag.FindAllString(help, -1)
	for _, name := range []string{"rpcxray.service", "daemonset.yaml"} {
		flags := longFlag.FindAllString(deployed(t, name), -1)
		if len(flags) < 2 {
			t.Errorf("%s names the flags %v", name, flags)
		}
		for _, f := range flags {
			if !slices.Contains(known, f) {
				t.Errorf("%s: the agent has no flag %s", name, f)
			}
		}
	}
	var set struct {
		Kind string
		Spec struct {
			Template struct {
				Spec struct {
					HostPID    bool `yaml:"hostPID"`
					Containers []struct {
						Args            []string
						SecurityContext struct {
							Privileged   bool
							Capabilities struct{ Add, Drop []string }
						} `yaml:"securityContext"`
					}
				}
			}
		}
	}
	parts := strings.Split(deployed(t, "daemonset.yaml"), "\n---\n")
	if err := yaml.Unmarshal([]byte(parts[len(parts)-1]), &set); err != nil {
		t.Fatal(err)
	}
	pod := set.Spec.Template.Spec
	agent := pod.Containers[0]
	caps := agent.SecurityContext.Capabilities
	if set.Kind != "DaemonSet" || !pod.HostPID || agent.Args[0] != "agent" || agent.SecurityContext.Privileged ||
		!slices.Equal(caps.Drop, []string{"ALL"}) || !slices.Equal(caps.Add, []string{"BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"}) {
		t.Errorf("%+v", set)
	}
	for _, c := range caps.Add {
		if !strings.Contains(deployed(t, "rpcxray.service"), "CAP_"+c) {
			t.Errorf("the service lacks CAP_%s", c)
		}
	}
	var collector struct {
		Receivers, Processors, Exporters map[string]any
		Service                          struct {
			Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	if err := yaml.Unmarshal([]byte(deployed(t, "collector.yaml")), &collector); err != nil {
		t.Fatal(err)
	}
	for name, p := range collector.Service.Pipelines {
		for _, list := range []struct {
			names []string
			known map[string]any
		}{{p.Receivers, collector.Receivers}, {p.Processors, collector.Processors}, {p.Exporters, collector.Exporters}} {
			for _, n := range list.names {
				if _, ok := list.known[n]; !ok {
					t.Errorf("pipeline %s: there is no %s", name, n)
				}
			}
		}
	}
	if len(collector.Service.Pipelines) != 2 {
		t.Errorf("pipelines %v", collector.Service.Pipelines)
	}
}

// TestCapabilities tests that the agent does its work with the capabilities of deploy/
// only.
func TestCapabilities(t *testing.T) {
	testkit.Root(t)
	c := startChain(t, 5)
	r := startReceiver(t)
	agent := testkit.Start(t, "/usr/bin/setpriv", "--bounding-set=-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search", "--no-new-privs",
		testkit.CLI(t), "agent", "--otlp", "http://"+r.http, "--sample", "1", "-i", "1", "--max-overhead", "none", c.path)
	agent.Stderr.WaitLine("Tracing RPC calls")
	c.run(t)
	stop(t, agent)
	spans, points := r.all(t)
	if _, _, all := c.truth(); len(spans) != 2*all {
		t.Errorf("%d spans of %d calls", len(spans), all)
	}
	comparePoints(t, c, points, 1)
}
