package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/rpcxray/rpcxray/internal/testkit"
)

// TestLayers traces containers of one image, whose programs are one file through several
// mounts: each call is counted once, also in a container that has a copy of its own.
func TestLayers(t *testing.T) {
	testkit.Root(t)
	const n = 20
	paths := containers(t, rpcxBuild{}.path(t), "one", "two", "own")
	if err := os.Chmod(paths[2], 0o700); err != nil {
		t.Fatal(err)
	}
	all := filepath.Join(filepath.Dir(filepath.Dir(paths[0])), "*/"+filepath.Base(paths[0]))
	for name, script := range map[string]string{
		"functions": "uprobe:" + strconv.Quote(all) + `:"main.(*Arith).Mul" { @[pid] = count(); }`,
		"calls":     "rpc:" + strconv.Quote(all) + `:server { @[pid] = count(); }`,
	} {
		t.Run(name, func(t *testing.T) {
			var servers, clients []*testkit.Proc
			want := map[string]int64{}
			for i, path := range paths {
				s, c := pair(t, path, nil, []string{"-n", strconv.Itoa(n * (i + 1)), "-kinds", "method"})
				servers, clients = append(servers, s), append(clients, c)
				want[strconv.Itoa(s.PID())] = int64(n * (i + 1))
			}
			tracer := traceRun(t, script, "-f", "json")
			for i, c := range clients {
				callThrough(t, c)
				leave(t, servers[i])
			}
			maps, got := finishMaps(t, tracer), map[string]int64{}
			lossless(t, tracer)
			for key := range maps["@"] {
				got[key] = maps.count("@", key)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// containers mounts a file as containers have that of their image, and returns where it is
// in each.
func containers(t *testing.T, file string, names ...string) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	mount := func(source, target, kind, data string) {
		if err := unix.Mount(source, target, kind, 0, data); errors.Is(err, unix.ENODEV) {
			t.Skipf("this kernel has no %s", kind)
		} else if err != nil {
			t.Fatalf("mounting %s: %v", kind, err)
		}
		t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
	}
	mkdir := func(path ...string) string {
		made := filepath.Join(append([]string{dir}, path...)...)
		if err := os.MkdirAll(made, 0o755); err != nil {
			t.Fatal(err)
		}
		return made
	}
	mount("tmpfs", dir, "tmpfs", "")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	image := mkdir("image")
	if err := os.WriteFile(filepath.Join(image, filepath.Base(file)), text, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		root := mkdir("roots", name)
		mount("overlay", root, "overlay", "lowerdir="+image+",upperdir="+mkdir("upper", name)+",workdir="+mkdir("work", name))
		paths = append(paths, filepath.Join(root, filepath.Base(file)))
	}
	return paths
}
