package fence

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
)

// Why says in words why the namespaces are not to be had, as far as the machine tells.
func Why(err error) string {
	switch {
	case sysctl("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" && os.Geteuid() != 0:
		return "AppArmor forbids user namespaces to programs without a profile (kernel.apparmor_restrict_unprivileged_userns is 1)"
	case sysctl("/proc/sys/user/max_user_namespaces") == "0":
		return "user.max_user_namespaces is 0"
	case sysctl("/proc/sys/kernel/unprivileged_userns_clone") == "0" && os.Geteuid() != 0:
		return "kernel.unprivileged_userns_clone is 0"
	case filtered():
		return "a system call filter, as containers have one, forbids user namespaces (" + err.Error() + ")"
	case errors.Is(err, syscall.ENOSPC):
		return "there are as many user namespaces, or as many inside one another, as the machine allows"
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return "user namespaces are forbidden (" + err.Error() + ")"
}

func sysctl(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// filtered says whether seccomp has a filter for this process.
func filtered() bool {
	data, err := os.ReadFile("/proc/self/status")
	return err == nil && bytes.Contains(data, []byte("\nSeccomp:\t2"))
}
