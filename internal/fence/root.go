package fence

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const plain = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// freshProc mounts the /proc of this namespace of processes. It is not read-only: the kernel would then refuse a fresh
// one to the laboratories inside, and what must not be written is root's outside, which nobody here is.
func freshProc(at string) error {
	if err := unix.Mount("proc", at, "proc", plain, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	return nil
}

// ownRoot makes the root a read-only file system in memory: /proc, /dev/null, a /tmp for sockets with a path, the
// names of the loopback addresses, and either the machine's programs or, of this one when it is not linked statically,
// its libraries, without which it could not start itself again.
func ownRoot(root Root) error {
	keep := []string{"/dev/null"}
	if root == NoFiles {
		keep = append(keep, libraries()...)
	}
	base := mountPoint()
	if err := unix.Mount("tmpfs", base, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m,nr_inodes=1k"); err != nil {
		return fmt.Errorf("mounting an empty root: %w", err)
	}
	for _, dir := range []string{"proc", "dev", "etc", "tmp"} {
		if err := os.Mkdir(filepath.Join(base, dir), 0o755); err != nil {
			return err
		}
	}
	if root == Programs {
		if err := keepPrograms(base); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(base, "etc/hosts"), []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644); err != nil {
		return err
	}
	if err := freshProc(filepath.Join(base, "proc")); err != nil {
		return err
	}
	for _, path := range keep {
		if err := bind(path, filepath.Join(base, path)); err != nil {
			return fmt.Errorf("keeping %s: %w", path, err)
		}
	}
	if err := unix.Mount("tmpfs", filepath.Join(base, "tmp"), "tmpfs", plain, "mode=1777,size=1m,nr_inodes=1k"); err != nil {
		return fmt.Errorf("mounting /tmp: %w", err)
	}
	if err := os.Chdir(base); err != nil {
		return err
	}
	// The old root comes to lie over the new one, and is taken away from there: see NOTES of pivot_root(2).
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the old root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "")
}

// mountPoint is any folder; nothing that is in it is needed any more. /proc comes last, because it is.
func mountPoint() string {
	for _, dir := range []string{"/tmp", "/run", "/mnt"} {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return "/proc"
}

// bind makes one file of the machine appear, by mounting it on an empty one.
func bind(path, at string) error {
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(at, nil, 0o644); err != nil {
		return err
	}
	if err := unix.Mount(path, at, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if strings.HasPrefix(path, "/dev/") {
		return nil
	}
	// What the machine's mount says of itself must be said again, or the kernel refuses.
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		return err
	}
	keep := uintptr(st.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME)
	return unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|keep, "")
}

// libraries are the files that this program's dynamic linker and libraries lie in, by the names under which the kernel
// and the linker look for them; none for a static program.
func libraries() []string {
	interp := interpreter("/proc/self/exe")
	if interp == "" {
		return nil
	}
	seen := map[string]bool{interp: true}
	paths := []string{interp}
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return paths
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		_, path, ok := strings.Cut(lines.Text(), "/")
		if path = "/" + path; ok && strings.Contains(filepath.Base(path), ".so") && !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	return paths
}

// interpreter is the dynamic linker that a program names in its PT_INTERP header. Package debug/elf would read all of the
// file's sections, too, and this happens at every start of a script.
func interpreter(program string) string {
	f, err := os.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := f.ReadAt(head, 0)
	if head = head[:n]; n < 64 || string(head[:4]) != "\x7fELF" || elf.Class(head[elf.EI_CLASS]) != elf.ELFCLASS64 {
		return ""
	}
	order := binary.NativeEndian
	at, size, count := int(order.Uint64(head[32:])), int(order.Uint16(head[54:])), int(order.Uint16(head[56:]))
	for ; count > 0 && size >= 56 && at >= 0 && at+size <= n; at, count = at+size, count-1 {
		if elf.ProgType(order.Uint32(head[at:])) != elf.PT_INTERP {
			continue
		}
		text := make([]byte, min(order.Uint64(head[at+32:]), mostPath))
		f.ReadAt(text, int64(order.Uint64(head[at+8:])))
		return strings.TrimRight(string(text), "\x00")
	}
	return ""
}
