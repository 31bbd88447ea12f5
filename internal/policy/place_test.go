package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// openers are what makes a socket, or reads the state of a network, wherever the caller happens to be: the rooms that
// work for laboratories, too, ask an engines.Place instead.
var openers = map[string][]string{
	"syscall":               {"Socket", "SYS_SOCKET"},
	"golang.org/x/sys/unix": {"Socket", "SYS_SOCKET"},
	"net":                   {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialUnix", "DialIP", "Listen", "ListenPacket", "ListenTCP", "ListenUDP", "ListenUnix", "ListenIP", "ListenMulticastUDP", "Dialer", "ListenConfig", "Interfaces", "InterfaceAddrs", "InterfaceByName", "InterfaceByIndex", "Resolver", "DefaultResolver", "LookupHost", "LookupIP", "LookupAddr", "LookupPort", "ResolveTCPAddr", "ResolveUDPAddr"},
	"net/http":              {"Get", "Post", "DefaultClient", "Client", "Transport", "ListenAndServe"},
	"github.com/miekg/dns":  {"Client", "Exchange", "ListenAndServe", "Dial", "DialTimeout"},
}

// mayOpen are the files that may, each with its reason.
var mayOpen = map[string]string{
	"engines/place.go":            "Here is a Place",
	"engines/address.go":          "the system's resolver, where the place is the machine",
	"engines/bench/gonet/main.go": "a program of its own, that nsh is measured beside",
	"plugins/lab/place.go":        "Go's resolver, over sockets of the host's",
}

// TestPlaces holds engines and plugins to opening every socket, and every file below /proc/net, through a Place. The
// engines' suite is left out: its clients, and what it judges by, stand outside of what it tests.
func TestPlaces(t *testing.T) {
	used := map[string]bool{}
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		if !strings.HasPrefix(room, "engines") && !strings.HasPrefix(room, "plugins") && room != "lua" || room == "engines/enginetest" {
			continue
		}
		for _, name := range p.GoFiles {
			file := room + "/" + name
			for _, found := range opened(t, filepath.Join(p.Dir, name)) {
				if mayOpen[file] == "" {
					t.Errorf("%s:%s: everything that opens a socket or a file of a network does so through engines.Place", file, found)
				}
				used[file] = true
			}
		}
	}
	for file := range mayOpen {
		if !used[file] {
			t.Errorf("%s needs no exception any more", file)
		}
	}
}

// opened lists what a file uses of the openers, and the files of /proc that it opens by name.
func opened(t *testing.T, path string) (found []string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	imported := map[string]string{}
	for _, spec := range file.Imports {
		full, _ := strconv.Unquote(spec.Path.Value)
		name := full[strings.LastIndexByte(full, '/')+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imported[name] = full
	}
	at := func(n ast.Node, what string) {
		found = append(found, strconv.Itoa(fset.Position(n.Pos()).Line)+": "+what)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.SelectorExpr:
			pkg, ok := x.X.(*ast.Ident)
			if !ok {
				break
			}
			for _, name := range openers[imported[pkg.Name]] {
				if x.Sel.Name == name {
					at(x, pkg.Name+"."+name)
				}
			}
		case *ast.CallExpr:
			sel, ok := x.Fun.(*ast.SelectorExpr)
			if !ok || len(x.Args) == 0 {
				break
			}
			pkg, ok := sel.X.(*ast.Ident)
			text, isText := x.Args[0].(*ast.BasicLit)
			if ok && isText && imported[pkg.Name] == "os" && (strings.HasPrefix(text.Value, `"/proc/net`) || strings.HasPrefix(text.Value, `"/proc/sys/net`)) {
				at(x, "os."+sel.Sel.Name+"("+text.Value+")")
			}
		}
		return true
	})
	return found
}

// TestPlacesFinds makes sure that the test above sees what it is there for.
func TestPlacesFinds(t *testing.T) {
	if got := opened(t, "testdata/opens.go"); len(got) != 4 {
		t.Errorf("found %q", got)
	}
}
