package vm

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// apt calls apt's commands for one suite of Debian's archive and one architecture,
// apart from what this machine's own are set to.
type apt struct {
	options []string
}

// newAPT brings the lists of a source's suite, unless it is this machine's own.
func newAPT(cache string, src Source) (*apt, error) {
	if src.Suite == "" {
		return &apt{}, nil
	}
	dir := filepath.Join(cache, "apt-"+src.Suite+"-"+src.Arch)
	for _, d := range []string{"lists/partial", "cache/archives/partial", "parts"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	list, err := sources(src.Suite)
	if err != nil {
		return nil, err
	}
	a := &apt{}
	for name, value := range map[string]string{
		"Dir::Etc::SourceList": "sources.list", "Dir::Etc::SourceParts": "parts", "Dir::State::Lists": "lists",
		"Dir::State::Status": "status", "Dir::Cache": "cache",
	} {
		a.options = append(a.options, "-o", name+"="+filepath.Join(dir, value))
	}
	a.options = append(a.options, "-o", "APT::Architecture="+src.Arch, "-o", "APT::Architectures="+src.Arch, "-o", "Acquire::Languages=none")
	err = errors.Join(os.WriteFile(filepath.Join(dir, "sources.list"), []byte(list), 0o644), os.WriteFile(filepath.Join(dir, "status"), nil, 0o644))
	if err != nil {
		return nil, err
	}
	_, err = a.run("", "apt-get", "-q", "update")
	return a, err
}

// sources are the lines of sources.list for a suite, from where this machine has its
// own packages; security updates lie in an archive of their own.
func sources(suite string) (string, error) {
	out, err := (&apt{}).run("", "apt-get", "indextargets", "--format", "$(REPO_URI)")
	if err != nil {
		return "", err
	}
	lines := map[string]bool{}
	for _, uri := range strings.Fields(out) {
		switch path.Base(uri) {
		case "debian":
			lines["deb "+uri+" "+suite+" main\n"] = true
		case "debian-security":
			if suite != "sid" {
				lines["deb "+uri+" "+suite+"-security main\n"] = true
			}
		}
	}
	if len(lines) == 0 {
		return "", errors.New("apt's sources of this machine name no archive of Debian")
	}
	return strings.Join(slices.Sorted(maps.Keys(lines)), ""), nil
}

// run calls one of apt's commands in a folder and returns what it prints.
func (a *apt) run(dir, command string, args ...string) (string, error) {
	cmd := exec.Command(command, append(append(a.options[:len(a.options):len(a.options)], "-o", "APT::Sandbox::User=root"), args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", command, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// names lists the packages whose names begin so, without that.
func (a *apt) names(prefix string) ([]string, error) {
	out, err := a.run("", "apt-cache", "pkgnames", prefix)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range strings.Fields(out) {
		names = append(names, strings.TrimPrefix(name, prefix))
	}
	return names, nil
}

// fetch downloads a package and writes those of its files for which place returns a
// path.
func (a *apt) fetch(name string, place func(name string) string) error {
	dir, err := os.MkdirTemp("", "package-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := a.run(dir, "apt-get", "-q", "download", name); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("apt-get left %d packages: %w", len(debs), err)
	}
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", debs[0])
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = unpack(tar.NewReader(pipe), place)
	return errors.Join(err, cmd.Wait())
}

// unpack writes the files of an archive for which place returns a path.
func unpack(in *tar.Reader, place func(name string) string) error {
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if path := place(h.Name); path != "" && h.Typeflag == tar.TypeReg {
			if err := save(in, path, h.FileInfo().Mode()); err != nil {
				return err
			}
		}
	}
}

func save(in io.Reader, path string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in)
	return errors.Join(err, f.Close())
}
