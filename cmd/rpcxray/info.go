package main

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/kernel"
)

// infoSection is a heading of --info with the features below it, by the names
// that bpftrace's readers look for.
type infoSection struct {
	title    string
	features []infoFeature
}

type infoFeature struct {
	name string
	id   kernel.FeatureID
}

func infoSections() []infoSection {
	return []infoSection{
		{"Kernel helpers", []infoFeature{
			{"get_func_ip", kernel.FeatureFuncIP}, {"loop", kernel.FeatureLoop}, {"for_each_map_elem", kernel.FeatureForEach},
			{"lookup_percpu_elem", kernel.FeaturePercpuRead}, {"strncmp", kernel.FeatureStrncmp},
			{"probe_read_user_str", kernel.FeatureReadUserStr}, {"get_attach_cookie", kernel.FeatureAttachCookie},
		}},
		{"Kernel features", []infoFeature{
			{"btf", kernel.FeatureBTF}, {"ring buffer", kernel.FeatureRingBuffer}, {"perf buffer", kernel.FeaturePerfBuffer},
		}},
		{"Probe types", []infoFeature{
			{"kprobe", kernel.FeatureKprobe}, {"kprobe_multi", kernel.FeatureKprobeMulti}, {"fentry", kernel.FeatureFentry},
			{"tracepoint", kernel.FeatureTracepoint}, {"rawtracepoint", kernel.FeatureRawTracepoint}, {"uprobe", kernel.FeatureUprobe},
			{"uprobe_multi", kernel.FeatureUprobeMulti}, {"perf_event", kernel.FeaturePerfSoftware}, {"iter", kernel.FeatureIterator},
		}},
	}
}

// showInfo is --info: the system, this build, and what the kernel offers.
func showInfo(w io.Writer) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	out := newPage(w)
	text := unix.ByteSliceToString
	out.printf("System\n  OS: %s %s %s\n  Arch: %s\n\n", text(u.Sysname[:]), text(u.Release[:]), text(u.Version[:]), text(u.Machine[:]))
	out.printf("Build\n  version: %s (rpcxray %s)\n  LLVM: none\n  libdw (DWARF support): yes\n\n", compatVersion, version)
	facts := kernel.Detect()
	for i, s := range infoSections() {
		if i > 0 {
			out.printf("\n")
		}
		out.printf("%s\n", s.title)
		for _, f := range s.features {
			found := "no"
			if facts.Has(f.id) {
				found = "yes"
			}
			out.printf("  %s: %s\n", f.name, found)
		}
	}
	return out.Flush()
}
