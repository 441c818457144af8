package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// CgroupMount returns where the cgroup v2 hierarchy is mounted.
func CgroupMount() (string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("finding cgroup v2: %w", err)
	}
	return cgroupMount(string(text))
}

// cgroupMount reads lines such as "30 23 0:26 / /sys/fs/cgroup rw - cgroup2
// cgroup2 rw" (proc_pid_mountinfo(5)).
func cgroupMount(mountinfo string) (string, error) {
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if len(fields) >= 5 && strings.HasPrefix(after, "cgroup2 ") {
			return unescapeMount.Replace(fields[4]), nil
		}
	}
	return "", errors.New("finding cgroup v2: not mounted")
}

var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// CgroupID returns the id by which programs know the cgroup at path, a
// directory of the cgroup v2 hierarchy.
func CgroupID(path string) (uint64, error) {
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
	if err != nil {
		return 0, fmt.Errorf("cgroup %s: %w", path, err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, fmt.Errorf("cgroup %s: %w", path, err)
	}
	if fs.Type != unix.CGROUP2_SUPER_MAGIC || handle.Size() != 8 {
		return 0, fmt.Errorf("cgroup %s: not in a cgroup v2 hierarchy", path)
	}
	return binary.NativeEndian.Uint64(handle.Bytes()), nil
}

// kernfsHandle is the type of a handle that consists of a kernfs id
// (FILEID_KERNFS in include/linux/exportfs.h).
const kernfsHandle = 0xfe

// CgroupPath returns the path of the cgroup with id below the mount, beginning
// with "/". It needs CAP_DAC_READ_SEARCH.
func CgroupPath(id uint64) (string, error) {
	mount, err := CgroupMount()
	if err != nil {
		return "", err
	}
	root, err := os.Open(mount)
	if err != nil {
		return "", fmt.Errorf("cgroup %d: %w", id, err)
	}
	defer root.Close()
	handle := unix.NewFileHandle(kernfsHandle, binary.NativeEndian.AppendUint64(nil, id))
	fd, err := unix.OpenByHandleAt(int(root.Fd()), handle, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("cgroup %d: %w", id, err)
	}
	defer unix.Close(fd)
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return "", fmt.Errorf("cgroup %d: %w", id, err)
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(path, mount), "/"), nil
}
