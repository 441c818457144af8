// Package vm runs programs on other kernels: it fetches a distribution's kernel,
// packs an initial RAM file system around the programs and boots both in QEMU,
// without hardware support for virtual machines.
package vm

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Image is a kernel on disk.
type Image struct {
	Release string // as uname -r tells it, with the package's name in front removed
	Path    string // the file that QEMU boots
	Modules []string
}

// wanted are the modules that are kept of a package and loaded at the start; none
// may need another. dummy is there for probes on the functions of a module.
var wanted = []string{"dummy", "sch_tbf"}

// modules is the folder with the modules of a kernel.
func modules(kernel string) string { return kernel + ".modules" }

// Fetch returns the newest kernel among Debian's packages whose whole names match
// the regular expression. A kernel in the cache folder is taken without asking for
// a newer one; remove it there to have it fetched again. It needs apt-get with
// current lists, and dpkg-deb.
func Fetch(cache, packages string) (Image, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Image{}, err
	}
	re, err := regexp.Compile("^(?:" + packages + ")$")
	if err != nil {
		return Image{}, err
	}
	if name := newest(re, cached(cache)); name != "" {
		if img := image(cache, name); len(img.Modules) == len(wanted) {
			return img, nil
		}
	}
	out, err := exec.Command("apt-cache", "pkgnames", "linux-").Output()
	if err != nil {
		return Image{}, fmt.Errorf("listing packages: %w", err)
	}
	name := newest(re, strings.Fields(string(out)))
	if name == "" {
		return Image{}, fmt.Errorf("no package matches %s (apt-get update brings the lists)", packages)
	}
	if err := download(name, filepath.Join(cache, name)); err != nil {
		return Image{}, fmt.Errorf("fetching %s: %w", name, err)
	}
	return image(cache, name), nil
}

func image(cache, name string) Image {
	img := Image{Release: strings.TrimPrefix(name, "linux-image-"), Path: filepath.Join(cache, name)}
	entries, err := os.ReadDir(modules(img.Path))
	if err != nil {
		return img
	}
	for _, e := range entries {
		img.Modules = append(img.Modules, filepath.Join(modules(img.Path), e.Name()))
	}
	return img
}

func cached(cache string) []string {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return nil // what is not there is fetched
	}
	var names []string
	for _, e := range entries {
		if _, err := os.Stat(modules(filepath.Join(cache, e.Name()))); err == nil {
			names = append(names, e.Name())
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

// download fetches a package and keeps the kernel in it as the file at path, and
// modules beside it.
func download(name, path string) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	get := exec.Command("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name)
	get.Dir = dir
	if out, err := get.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("apt-get left %d packages: %w", len(debs), err)
	}
	kernel := filepath.Join(dir, "vmlinuz")
	if err := os.Mkdir(modules(kernel), 0o755); err != nil {
		return err
	}
	if err := extract(debs[0], kernel); err != nil {
		return err
	}
	if err := os.RemoveAll(modules(path)); err != nil {
		return err
	}
	return errors.Join(os.Rename(modules(kernel), modules(path)), os.Rename(kernel, path))
}

// extract writes the kernel in a package to a file, and its modules to a folder.
func extract(deb, to string) error {
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = unpack(tar.NewReader(pipe), to)
	return errors.Join(err, cmd.Wait())
}

// unpack writes what is wanted of a package's files.
func unpack(in *tar.Reader, to string) error {
	found := false
	for {
		h, err := in.Next()
		switch {
		case errors.Is(err, io.EOF) && found:
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("no kernel in the package")
		case err != nil:
			return err
		case h.Typeflag != tar.TypeReg:
			continue
		}
		name := filepath.Base(h.Name)
		module, _, isModule := strings.Cut(name, ".ko")
		switch {
		case strings.HasPrefix(name, "vmlinuz"):
			found, err = true, save(in, to)
		case isModule && slices.Contains(wanted, module):
			err = save(in, filepath.Join(modules(to), name))
		}
		if err != nil {
			return err
		}
	}
}

func save(in io.Reader, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in)
	return errors.Join(err, f.Close())
}
