package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A yard is a machine's network for one test alone: a user namespace, in which the kernel counts network namespaces
// exactly (user.max_net_namespaces), and a network whose ports and links nobody else changes. Everything else is the
// machine's, and root in it is root as far as nsh can tell. It needs root; elsewhere a test has to do with /proc.
const inYard = "NSH_TEST_YARD"

// yard runs the calling test again in a yard, and says that it is to return: its result is the one there.
func yard(t *testing.T) (done bool) {
	t.Helper()
	if os.Geteuid() != 0 || os.Getenv(inYard) != "" {
		return false
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=0")
	cmd.Env = append(os.Environ(), inYard+"=1", "NSH_TEST_BINARY="+binary(t))
	all := []syscall.SysProcIDMap{{Size: 65536}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET, UidMappings: all, GidMappings: all,
		GidMappingsEnableSetgroups: true, Pdeathsig: syscall.SIGKILL,
	}
	runtime.LockOSThread() // whose end would be the parent's death
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		t.Logf("in a yard:\n%s", out)
	case errors.As(err, &exit):
		t.Errorf("in a yard: %v\n%s", err, out)
	default:
		t.Skip("no user namespaces: ", err)
	}
	return true
}

// most says whether there are no more than n network namespaces beside the yard's own that nsh made when it was started
// as a user. It makes one to find out, which is gone a moment later.
func most(uid, n int) bool {
	if uid == os.Geteuid() {
		n++ // the yard's own
	}
	limitNamespaces(n + 1)
	defer limitNamespaces(1 << 20)
	return another(uid) == nil
}

func limitNamespaces(n int) {
	if err := os.WriteFile("/proc/sys/user/max_net_namespaces", fmt.Append(nil, n), 0); err != nil {
		panic(err)
	}
}

// another makes a network namespace as a user, if that is allowed, on a thread that ends with it.
func another(uid int) error {
	done := make(chan error)
	var on func()
	on = func() {
		runtime.LockOSThread() // and never unlocked, so that the thread ends, too
		if unix.Gettid() == os.Getpid() {
			next := make(chan struct{}) // the first thread never ends: another one, while this goroutine has it
			go func() {
				on()
				close(next)
			}()
			<-next
			runtime.UnlockOSThread()
			return
		}
		if err := unix.Prctl(unix.PR_SET_SECUREBITS, secbitNoSetuidFixup, 0, 0, 0); err != nil {
			panic(err)
		}
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			panic(errno)
		}
		done <- unix.Unshare(unix.CLONE_NEWNET)
	}
	go on()
	return <-done
}

// secbitNoSetuidFixup lets a thread keep its capabilities when its user changes (capabilities(7)).
const secbitNoSetuidFixup = 1 << 2

// TestYard makes sure that a namespace is counted, by whatever it is held.
func TestYard(t *testing.T) {
	if yard(t) {
		return
	}
	if os.Getenv(inYard) == "" {
		t.Skip("a yard needs root")
	}
	for _, uid := range []int{0, 65534} {
		comesTo(t, uid, 0)
		cmd := exec.Command("unshare", "-rn", "sh", "-c", "echo up; exec sleep 60")
		if uid != 0 {
			cmd.SysProcAttr = ordinary()
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Skip("unshare(1) is not there: ", err)
		}
		if _, err := out.Read(make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		held, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		for range 20 {
			if most(uid, 0) {
				t.Fatal("a namespace that is held by a descriptor is not counted")
			}
			time.Sleep(5 * time.Millisecond)
		}
		held.Close()
		comesTo(t, uid, 0)
	}
}

// comesTo waits until there are no more namespaces than n.
func comesTo(t *testing.T, uid, n int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !most(uid, n) {
		if time.Now().After(deadline) {
			t.Fatalf("more than %d namespaces of user %d", n, uid)
		}
		time.Sleep(time.Millisecond)
	}
}
