// Package vm runs programs on other kernels: it fetches a distribution's kernel,
// packs an initial RAM file system around the programs and boots both in QEMU,
// without hardware support for virtual machines.
package vm

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Source says where a kernel comes from.
type Source struct {
	Release string   // regular expression over whole releases, as uname -r tells them
	Parts   []string // what stands before the release in the names of its packages
	Suite   string   // of Debian's archive; "" for what this machine's apt-get knows
	Arch    string   // GOARCH
}

// Image is a kernel on disk, and what it needs to run programs.
type Image struct {
	Release string
	Arch    string
	Path    string // the file that QEMU boots
	Modules []string
	Busybox string
}

// wanted are the modules that are kept of a package and loaded at the start; none
// may need another. dummy is there for probes on the functions of a module.
var wanted = []string{"dummy", "sch_tbf"}

// prefix begins the name of a kernel in the cache.
const prefix = "linux-image-"

// modules is the folder with the modules of a kernel.
func modules(kernel string) string { return kernel + ".modules" }

// Fetch returns the newest kernel of Debian's packages that there is of a source. A
// kernel in the cache folder is taken without asking for a newer one; remove it
// there to have it fetched again; a suite has a folder of its own there. It needs
// apt-get with current lists, and dpkg-deb.
func Fetch(cache string, src Source) (Image, error) {
	cache = filepath.Join(cache, src.Suite)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Image{}, err
	}
	re, err := regexp.Compile("^(?:" + src.Release + ")$")
	if err != nil {
		return Image{}, err
	}
	release := newest(re, cached(cache, prefix))
	if release != "" {
		if img, err := image(cache, src, release); err != nil || len(img.Modules) == len(wanted) {
			return img, err
		}
	}
	a, err := newAPT(cache, src)
	if err != nil {
		return Image{}, err
	}
	names, err := a.names(src.Parts[0])
	if err != nil {
		return Image{}, err
	}
	if release = newest(re, names); release == "" {
		return Image{}, fmt.Errorf("no package matches %s%s (apt-get update brings the lists)", src.Parts[0], src.Release)
	}
	if err := download(a, src, release, filepath.Join(cache, prefix+release)); err != nil {
		return Image{}, fmt.Errorf("fetching kernel %s: %w", release, err)
	}
	return image(cache, src, release)
}

func image(cache string, src Source, release string) (Image, error) {
	img := Image{Release: release, Arch: src.Arch, Path: filepath.Join(cache, prefix+release)}
	entries, err := os.ReadDir(modules(img.Path))
	if err != nil {
		return img, err
	}
	for _, e := range entries {
		img.Modules = append(img.Modules, filepath.Join(modules(img.Path), e.Name()))
	}
	img.Busybox, err = busybox(cache, src)
	return img, err
}

// busybox returns a busybox for the source's architecture: the one that is installed,
// or that of the source.
func busybox(cache string, src Source) (string, error) {
	if src.Arch == runtime.GOARCH {
		return exec.LookPath("busybox")
	}
	path := filepath.Join(cache, "busybox-"+src.Arch)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	a, err := newAPT(cache, src)
	if err != nil {
		return "", err
	}
	return path, a.fetch("busybox-static", func(name string) string {
		if strings.HasSuffix(name, "bin/busybox") {
			return path
		}
		return ""
	})
}

// cached lists the names in the cache that begin so, without that.
func cached(cache, prefix string) []string {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return nil // what is not there is fetched
	}
	var names []string
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), prefix)
		if _, err := os.Stat(modules(filepath.Join(cache, e.Name()))); ok && err == nil {
			names = append(names, name)
		}
	}
	return names
}

// newest returns the matching name with the highest version, or "".
func newest(re *regexp.Regexp, names []string) string {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !re.MatchString(name) })
	if len(names) == 0 {
		return ""
	}
	return slices.MaxFunc(names, compareVersions)
}

var digits = regexp.MustCompile(`\d+`)

// compareVersions compares the numbers in two names, from left to right.
func compareVersions(a, b string) int {
	return slices.CompareFunc(digits.FindAllString(a, -1), digits.FindAllString(b, -1), func(x, y string) int {
		m, _ := strconv.Atoi(x) // digits only; a number too large is the largest
		n, _ := strconv.Atoi(y)
		return cmp.Compare(m, n)
	})
}

// download fetches a kernel and keeps it as the file at path, and its modules beside
// it.
func download(a *apt, src Source, release, path string) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	kernel := filepath.Join(dir, "vmlinuz")
	if err := os.Mkdir(modules(kernel), 0o755); err != nil {
		return err
	}
	for _, part := range src.Parts {
		if err := a.fetch(part+release, func(name string) string { return kept(kernel, name) }); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(modules(path)); err != nil {
		return err
	}
	return errors.Join(os.Rename(modules(kernel), modules(path)), os.Rename(kernel, path))
}

// kept says where a file of a package is kept, if it is.
func kept(kernel, name string) string {
	name = filepath.Base(name)
	module, _, isModule := strings.Cut(name, ".ko")
	switch {
	case strings.HasPrefix(name, "vmlinuz"):
		return kernel
	case isModule && slices.Contains(wanted, module):
		return filepath.Join(modules(kernel), name)
	}
	return ""
}
