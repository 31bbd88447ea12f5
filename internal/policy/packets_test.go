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

// packetFile is the one file that opens and writes packet sockets: the laboratory's wire, which passes frames on as they
// came.
const packetFile = "internal/lab/packet.go"

// packetNames are what is needed to open a packet socket, or to say where a frame is to go (packet(7)).
var packetNames = []string{"AF_PACKET", "PF_PACKET", "SockaddrLinklayer", "RawSockaddrLinklayer", "SizeofSockaddrLinklayer", "LsfSocket", "IPPROTO_RAW", "IP_HDRINCL", "IPV6_HDRINCL"}

// packetPackages are the beginnings of the paths of libraries that do it, or that build headers.
var packetPackages = []string{"github.com/mdlayher/packet", "github.com/mdlayher/raw", "github.com/mdlayher/arp", "github.com/google/gopacket", "github.com/gopacket/gopacket", "golang.org/x/net/bpf", "gvisor.dev"}

// TestPacketSockets: nsh has no code that forges a packet. Only one file names what a packet socket, or an IP header of
// one's own, would need.
func TestPacketSockets(t *testing.T) {
	root, there := "../..", map[string]bool{}
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
				case name == filepath.FromSlash(packetFile):
					there[p] = true
				default:
					t.Errorf("%s:%d: %s: only the laboratory's wire, %s, has to do with packet sockets", name, fset.Position(id.Pos()).Line, p, packetFile)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !there["AF_PACKET"] || !there["SockaddrLinklayer"] {
		t.Errorf("%s has no packet socket any more: this test looks for nothing", packetFile)
	}
}
