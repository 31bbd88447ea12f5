package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// packetFiles are the files that may open packet sockets.
var packetFiles = map[string]string{
	"internal/lab/packet.go":    "the laboratory's wire passes frames on as they came; the only one that writes",
	"internal/packet/socket.go": "captures listen: TestCapturesListen",
}

// packetNames are what is needed to open a packet socket, or to say where a frame is to go (packet(7)).
var packetNames = []string{"AF_PACKET", "PF_PACKET", "SockaddrLinklayer", "RawSockaddrLinklayer", "SizeofSockaddrLinklayer", "LsfSocket", "IPPROTO_RAW", "IP_HDRINCL", "IPV6_HDRINCL"}

// packetPackages are the beginnings of the paths of libraries that do it, or that build headers.
var packetPackages = []string{"github.com/mdlayher/packet", "github.com/mdlayher/raw", "github.com/mdlayher/arp", "github.com/google/gopacket", "github.com/gopacket/gopacket", "golang.org/x/net/bpf", "gvisor.dev"}

// TestPacketSockets: nsh has no code that forges a packet. Only two files name what a packet socket, or an IP header of
// one's own, would need.
func TestPacketSockets(t *testing.T) {
	root, there := "../..", map[string]map[string]bool{}
	for name := range packetFiles {
		there[name] = map[string]bool{}
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		name, _ := filepath.Rel(root, path)
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		for _, imp := range file.Imports {
			for _, p := range packetPackages {
				if strings.HasPrefix(strings.Trim(imp.Path.Value, `"`), p) {
					t.Errorf("%s imports %s: nsh builds no packets", name, imp.Path.Value)
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			for _, p := range packetNames {
				switch {
				case id.Name != p:
				case there[name] != nil:
					there[name][p] = true
				default:
					t.Errorf("%s:%d: %s: only the laboratory's wire and captures have to do with packet sockets: %v", name, fset.Position(id.Pos()).Line, p, packetFiles)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, names := range there {
		if !names["AF_PACKET"] || !names["SockaddrLinklayer"] {
			t.Errorf("%s has no packet socket any more: this test looks for nothing", name)
		}
	}
}

// TestCapturesListen: what captures packets never sends one. The file with the packet socket makes no system call that
// writes, nor does any other in its package; the address that a packet would need to be sent is only ever read there, and
// the descriptor leaves it only to be polled.
func TestCapturesListen(t *testing.T) {
	mayCall := map[string]bool{"unix.Recvmsg": true, "unix.SetsockoptInt": true, "unix.Close": true, "unix.NewIfreq": true,
		"unix.IoctlIfreq": true, "unix.ParseSocketControlMessage": true, "unix.GetsockoptTpacketStats": true}
	files, err := filepath.Glob("../../internal/packet/*.go")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		called, made := systemCalls(t, path)
		for _, name := range called {
			if !mayCall[name] {
				t.Errorf("%s calls %s: what captures packets only listens", path, name)
			}
		}
		if made {
			t.Errorf("%s makes a link-layer address: only who sends a packet needs one", path)
		}
	}
	if called, made := systemCalls(t, "testdata/sends.go"); len(called) != 3 || !made {
		t.Errorf("of a file that sends: calls %q, an address %v", called, made)
	}
}

// systemCalls lists what a file calls of the packages that make system calls, and says whether it makes a link-layer
// address.
func systemCalls(t *testing.T, path string) (called []string, made bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.CallExpr:
			sel, ok := x.Fun.(*ast.SelectorExpr)
			if !ok {
				break
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && (pkg.Name == "unix" || pkg.Name == "syscall" || pkg.Name == "raw") {
				called = append(called, pkg.Name+"."+sel.Sel.Name)
			}
		case *ast.CompositeLit:
			if sel, ok := x.Type.(*ast.SelectorExpr); ok && strings.Contains(sel.Sel.Name, "SockaddrLinklayer") {
				made = true
			}
		}
		return true
	})
	return called, made
}
