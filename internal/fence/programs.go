package fence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// keepPrograms makes the folders of the machine's programs and libraries appear below base, to read only, and the few
// files of /etc and /dev that programs ask for. /etc is a file system of its own, whose hosts file the child may write.
func keepPrograms(base string) error {
	for _, dir := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"} {
		if err := keepFolder(base, dir); err != nil {
			return fmt.Errorf("keeping %s: %w", dir, err)
		}
	}
	etc := filepath.Join(base, "etc")
	if err := unix.Mount("tmpfs", etc, "tmpfs", plain, "mode=755,size=1m,nr_inodes=1k"); err != nil {
		return fmt.Errorf("mounting /etc: %w", err)
	}
	for _, dir := range []string{"/etc/alternatives", "/etc/iproute2"} {
		if err := keepFolder(base, dir); err != nil {
			return fmt.Errorf("keeping %s: %w", dir, err)
		}
	}
	for _, file := range []string{"/etc/ld.so.cache", "/etc/protocols", "/etc/services", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"} {
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if err := bind(file, filepath.Join(base, file)); err != nil {
			return fmt.Errorf("keeping %s: %w", file, err)
		}
	}
	return nil
}

// keepFolder makes a folder of the machine appear, if it is there; where it is a symbolic link, as /bin to usr/bin, so
// is what appears.
func keepFolder(base, dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	at := filepath.Join(base, dir)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		to, err := os.Readlink(dir)
		if err != nil {
			return err
		}
		return os.Symlink(to, at)
	}
	if err := os.Mkdir(at, 0o755); err != nil {
		return err
	}
	// With all that is mounted below it: the kernel would not let this user see what lies under those mounts.
	if err := unix.Mount(dir, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.MountSetattr(unix.AT_FDCWD, at, unix.AT_RECURSIVE, &unix.MountAttr{
		Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV})
}
