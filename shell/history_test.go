package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHistoryPath(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"/s/nsh/history":              {"XDG_STATE_HOME": "/s", "HOME": "/h"},
		"/h/.local/state/nsh/history": {"XDG_STATE_HOME": "relative", "HOME": "/h"},
		"/i/.local/state/nsh/history": {"HOME": "/i"},
		"":                            {"HOME": "h"},
	} {
		if got := historyPath(func(k string) string { return env[k] }); got != want {
			t.Errorf("%v: got %q, wanted %q", env, got, want)
		}
	}
}

func open(t *testing.T, path string) *history {
	t.Helper()
	h, err := openHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHistoryKeepsEntriesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "nsh", "history")
	h := open(t, path)
	for _, e := range []string{"a = 1", "for i=1,2 do\n  print(i)\nend", "a = 1", "a = 1", " secret", "", "x = '\x1b\u2028'"} {
		if err := h.add(e); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a = 1", "for i=1,2 do\n  print(i)\nend", "a = 1", "x = '\x1b\u2028'"}
	if got := open(t, path).entries; !slices.Equal(got, want) {
		t.Errorf("got %q, wanted %q", got, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("folder's mode %v, %v", dir.Mode(), err)
	}
}

func TestHistoryClosesAnOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, []byte("\"a\"\nnot json\n\"b\"\n\"half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).entries; !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestHistoryRefuses(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	link, fifo, file := filepath.Join(dir, "link"), filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, fifo, dir, filepath.Join(file, "history"), ""} {
		h, err := openHistory(path)
		if err == nil || !strings.HasPrefix(err.Error(), "history is not kept: ") {
			t.Errorf("%s: %v", path, err)
		}
		if err := h.add("x"); err != nil || len(h.entries) != 1 {
			t.Errorf("%s: not usable in memory: %v", path, err)
		}
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("the link was followed")
	}
}

func TestHistoryOfTwoSessions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	var wg sync.WaitGroup
	for s := range 4 {
		h := open(t, path)
		wg.Go(func() {
			for i := range 50 {
				if err := h.add(fmt.Sprintf("session %d, entry %d", s, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(open(t, path).entries); got != 200 {
		t.Errorf("%d of 200 entries", got)
	}
}

func TestHistoryIsTrimmedUnderAnotherSession(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	var b strings.Builder
	for i := range 2*historyLimit + 1 {
		b.Write(encodeEntry(fmt.Sprint("entry ", i)))
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := open(t, path)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).entries; len(got) != historyLimit || got[0] != fmt.Sprint("entry ", historyLimit+1) {
		t.Errorf("%d entries from %q", len(got), got[0])
	}
	if err := other.add("after the trim"); err != nil {
		t.Fatal(err)
	}
	got := open(t, path).entries
	if got[len(got)-1] != "after the trim" {
		t.Errorf("the other session wrote to the old file; last is %q", got[len(got)-1])
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".history-*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestHistoryGivesUpOnAHeldLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	f, err := openPrivate(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lockSoon(f); err != nil {
		t.Fatal(err)
	}
	if _, err := openHistory(path); err == nil {
		t.Error("two sessions hold the lock")
	}
}
