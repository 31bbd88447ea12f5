package fence

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	toRead  = os.O_RDONLY
	toWrite = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
)

// folders makes base/, base/sub/, out/ and things that must not be reached, and gives the folder of all.
func folders(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"base/lib.lua": "lib", "base/sub/deep": "deep", "out/old": "old", "secret": "SECRET", "basement/x": "SECRET"} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"base/fine": "lib.lua", "base/up": "..", "base/leak": "../secret", "out/leak": "../secret", "out/up": "..", "base/all": filepath.Join(dir, "base/lib.lua"), "base/loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "base/fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

var fileCases = []struct {
	path string // below the folder of all, unless it is absolute
	flag int
	want string // what is read, "written", or how the refusal begins
}{
	{"base/lib.lua", toRead, "lib"}, {"base/sub/deep", toRead, "deep"}, {"base/sub/../lib.lua", toRead, "lib"}, {"base/fine", toRead, "lib"}, {"base/all", toRead, "lib"},
	{"out/old", toRead, "old"}, {"out/new", toWrite, "written"}, {"new", toWrite, "refused: a script file writes below"},
	{"secret", toRead, "refused: a script file reads"}, {"base/../secret", toRead, "refused: a script"}, {"base/leak", toRead, "refused: a script"},
	{"base/up/secret", toRead, "refused: a script"}, {"basement/x", toRead, "refused: a script"}, {"/etc/passwd", toRead, "refused: a script"}, {"/proc/self/environ", toRead, "refused: a script"},
	{"base/missing", toRead, "refused: no such file"}, {"base/fifo", toRead, "refused: a script file opens regular files only"}, {"base/sub", toRead, "refused: is a directory"},
	{"base/loop", toRead, "refused: "}, {"base/lib.lua\x00", toRead, "refused: "}, {"base/" + strings.Repeat("x", 5000), toRead, "refused: "},
	{"base/lib.lua", toWrite, "refused: a script file writes below"}, {"base/lib.lua", os.O_RDWR, "refused: a script"}, {"out/leak", toWrite, "refused: "}, {"out/up/secret", toWrite, "refused: "},
	{"out/../secret", toWrite, "refused: "}, {"out/none/x", toWrite, "refused: no such"}, {"out/old", os.O_RDWR, "written"}, {"base/lib.lua", syscall.O_DIRECTORY, "refused: "},
}

func TestFiles(t *testing.T) {
	dir := folders(t)
	f, err := OpenFiles(filepath.Join(dir, "base"), filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range fileCases {
		path := c.path
		if !filepath.IsAbs(path) {
			path = dir + "/" + path
		}
		file, err := f.Open(path, c.flag)
		got := did("written", err)
		if err == nil {
			if c.flag == toRead {
				data, _ := io.ReadAll(file)
				got = string(data)
			}
			file.Close()
		}
		if !strings.HasPrefix(got, c.want) || strings.Contains(got, "SECRET") {
			t.Errorf("%.80q with %#x: %s", c.path, c.flag, got)
		}
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "secret")); string(data) != "SECRET" {
		t.Errorf("the secret is %q", data)
	}
	if file, err := f.Open("made", toWrite); err != nil { // relative: in the folder of outputs
		t.Error(err)
	} else if file.Close(); !exists(filepath.Join(dir, "out/made")) {
		t.Error("made is not in out")
	}
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// TestFilesSwapped changes a folder to a link while it is being read.
func TestFilesSwapped(t *testing.T) {
	dir := folders(t)
	f, err := OpenFiles(filepath.Join(dir, "base"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := filepath.Join(dir, "base/turn")
	done := make(chan struct{})
	stop := time.Now().Add(300 * time.Millisecond)
	go func() {
		defer close(done)
		for time.Now().Before(stop) {
			os.Symlink("..", at)
			os.Remove(at)
			os.Mkdir(at, 0o700)
			os.Remove(at)
		}
	}()
	for time.Now().Before(stop) {
		if file, err := f.Open(at+"/secret", toRead); err == nil {
			t.Error("it got out: ", file.Name())
			file.Close()
			break
		}
	}
	<-done
}

// TestFilesHandedOver reads and writes from behind the fence, in folders that only the parent may enter.
func TestFilesHandedOver(t *testing.T) {
	for who, uid := range users() {
		if who == "user" && uid != os.Geteuid() {
			continue // these folders are root's
		}
		dir := folders(t)
		os.Chmod(filepath.Join(dir, "base"), 0o700)
		s := start{user: uid, folder: filepath.Join(dir, "base"), out: filepath.Join(dir, "out")}
		for _, c := range fileCases {
			if strings.ContainsRune(c.path, 0) {
				continue
			}
			path := c.path
			if !filepath.IsAbs(path) {
				path = dir + "/" + path
			}
			if got, code := s.try(t, "ask", path, strconv.Itoa(c.flag)); code != 0 || !strings.HasPrefix(got, c.want) || strings.Contains(got, "SECRET") {
				t.Errorf("%s: %.80s with %#x: exit code %d: %s", who, c.path, c.flag, code, got)
			}
		}
	}
}
