package fence

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// inner is behind the fence and runs a probe, which prints what it could do.
func inner(probe string, args []string) int {
	o := Options{Limits: Limits{Memory: 1 << 30, CPU: time.Minute}}
	if rest, ok := strings.CutPrefix(probe, "programs:"); ok {
		probe, o.Root = rest, Programs
	}
	in, err := Enter(o)
	if err != nil {
		return 4
	}
	go func() {
		in.Watch()
		os.Exit(5)
	}()
	run, ok := probes()[probe]
	if !ok {
		fmt.Println("no such probe:", probe)
		return 6
	}
	fmt.Println(run(in, args))
	return 0
}

// probes give "refused: why" or what they got.
func probes() map[string]func(in *Inside, args []string) string {
	return map[string]func(in *Inside, args []string) string{
		"setns": func(*Inside, []string) string {
			runtime.LockOSThread()
			return did("in the outer network", unix.Setns(fdScript, unix.CLONE_NEWNET))
		},
		"outer-proc": func(_ *Inside, args []string) string {
			_, err := os.ReadFile("/proc/" + args[0] + "/status")
			_, err2 := os.Open("/proc/" + args[0] + "/ns/net")
			return did("seen", errors.Join(err, err2))
		},
		"processes": func(*Inside, []string) string {
			entries, err := os.ReadDir("/proc")
			var pids []string
			for _, e := range entries {
				if regexp.MustCompile(`^\d+$`).MatchString(e.Name()) {
					pids = append(pids, e.Name())
				}
			}
			return fmt.Sprint(pids, err)
		},
		"signal": func(_ *Inside, args []string) string {
			pid, _ := strconv.Atoi(args[0])
			if unix.Getppid() != 0 {
				return "there is a parent"
			}
			return did("signalled", unix.Kill(pid, 0))
		},
		"read": func(_ *Inside, args []string) string {
			data, err := os.ReadFile(args[0])
			return did(string(data), err)
		},
		"write": func(_ *Inside, args []string) string {
			return did("written", os.WriteFile(args[0], []byte(args[1]), 0o644))
		},
		"connect": func(_ *Inside, args []string) string { return did(dial(args[0], args[1])) },
		"loopback": func(*Inside, []string) string {
			l, err := net.Listen("tcp", "127.0.0.1:80")
			if err != nil {
				return did("", err)
			}
			defer l.Close()
			l6, err := net.Listen("tcp", "[::1]:80")
			if err == nil {
				l6.Close()
			}
			text, err := dial("tcp", "127.0.0.1:80")
			return did(text, err)
		},
		"counters": func(*Inside, []string) string {
			data, err := os.ReadFile("/proc/net/snmp")
			tcp := regexp.MustCompile(`(?m)^Tcp: \d.*$`).FindString(string(data))
			return did(strings.Join(strings.Fields(tcp)[5:9], " "), err)
		},
		"root": func(*Inside, []string) string {
			var all []string
			filepath.WalkDir("/", func(path string, d os.DirEntry, err error) error {
				if path == "/proc" {
					all = append(all, path)
					return filepath.SkipDir
				}
				if err == nil && !d.IsDir() && !strings.Contains(path, ".so") {
					all = append(all, path)
				}
				return nil
			})
			sort.Strings(all)
			return strings.Join(all, " ")
		},
		"descriptors": func(*Inside, []string) string {
			entries, _ := os.ReadDir("/proc/self/fd")
			var all []string
			for _, e := range entries {
				to, err := os.Readlink("/proc/self/fd/" + e.Name())
				if err == nil && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "/proc") && to != "/dev/null" {
					all = append(all, to)
				}
			}
			return fmt.Sprint(all)
		},
		"nested": func(_ *Inside, args []string) string {
			c, err := Start(Config{Args: append([]string{innerArg}, args...), Env: []string{raceEnv}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
			if err == nil {
				err = c.Ready()
			}
			if err != nil {
				return "not nested: " + err.Error()
			}
			c.Wait()
			return ""
		},
		"run": func(_ *Inside, args []string) string {
			out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
			return did(string(out), err)
		},
		"device": func(*Inside, []string) string {
			return did("made", unix.Mknod("/tmp/disk", unix.S_IFBLK|0o600, int(unix.Mkdev(254, 0))))
		},
		"ask": func(in *Inside, args []string) string {
			flag, _ := strconv.Atoi(args[1])
			f, err := in.Files.Open(args[0], flag)
			if err != nil {
				return did("", err)
			}
			defer f.Close()
			if flag != os.O_RDONLY {
				return did("written", func() error { _, err := f.WriteString("x"); return err }())
			}
			data, err := io.ReadAll(f)
			return did(string(data), err)
		},
		"limits": func(*Inside, []string) string {
			var data, files unix.Rlimit
			unix.Getrlimit(unix.RLIMIT_DATA, &data)
			unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
			return fmt.Sprint(data.Max>>20, files.Cur == files.Max)
		},
		"memory": func(*Inside, []string) string { return fmt.Sprint(len(make([]byte, 2<<30))) },
		"wait":   func(*Inside, []string) string { fmt.Println("waiting"); select {} },
		"kill":   func(*Inside, []string) string { unix.Kill(unix.Getpid(), unix.SIGKILL); return "alive" },
	}
}

func dial(network, addr string) (string, error) {
	c, err := net.DialTimeout(network, addr, time.Second)
	if err != nil {
		return "", err
	}
	c.Close()
	return "connected", nil
}

func did(what string, err error) string {
	if err != nil {
		return "refused: " + err.Error()
	}
	return what
}
