package policy

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/nsh-lab/nsh/"

// root is where the module is.
const root = "../.."

// pkg is what go list says of a package.
type pkg struct {
	ImportPath, Doc, Dir               string
	Imports, TestImports, XTestImports []string
	GoFiles                            []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-pgo=off", "-json=ImportPath,Doc,Dir,Imports,TestImports,XTestImports,GoFiles", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 10 {
		t.Fatalf("go list found %d packages only", len(list))
	}
	return list
}

// A room is a row of the table: the packages whose path begins with name may import those whose path begins with one of
// may, and the standard library. The first row that fits counts.
type room struct {
	name string
	may  []string
	why  string
}

var rooms = []room{
	{"internal/lab", []string{"golang.org/x/sys", "github.com/vishvananda/netlink", "internal/"}, "links and routes by a library; every other room asks the laboratory's process"},
	{"internal/load", []string{"golang.org/x/sys", "internal/", "github.com/HdrHistogram/hdrhistogram-go"}, "latencies in histograms by a library; who shows a load asks its Result"},
	{"internal/", []string{"golang.org/x/sys", "internal/"}, "the ground floor stands on nothing of nsh"},
	{"engines/enginetest", []string{"golang.org/x/sys", "internal/", "engines", "engines/child"}, "the suite drives every model through the contract alone"},
	{"engines/child", []string{"golang.org/x/sys", "internal/", "engines"}, "child processes know connections, not models"},
	{"engines/process", []string{"golang.org/x/sys", "internal/", "engines", "engines/child"}, "models of processes share how a child is made"},
	{"engines/prefork", []string{"golang.org/x/sys", "internal/", "engines", "engines/child"}, "models of processes share how a child is made"},
	{"engines/crowd", []string{"golang.org/x/sys", "internal/", "engines", "engines/child"}, "what of a crowd does not fit here is held by children, made as a server's are"},
	{"engines/handlers", []string{"golang.org/x/sys", "internal/", "engines"}, "native handlers know connections, not models"},
	{"engines/bench/watched", []string{"shell", "plugins/std"}, "nsh as cmd/nsh makes it, with a profile beside"},
	{"engines/*", []string{"golang.org/x/sys", "internal/", "engines"}, "a model never sees its siblings: what they share is in engines"},
	{"engines", []string{"golang.org/x/sys", "internal/"}, "the contract knows no model"},
	{"lua/show", nil, "laying out values needs nothing of nsh"},
	{"lua", []string{"golang.org/x/sys", "github.com/yuin/gopher-lua", "lua/show"}, "the only importer of gopher-lua, and nothing else of nsh"},
	{"plugins/std", []string{"plugins", "engines"}, "the list of what ships sees all that ships"},
	{"plugins/plugintest", []string{"plugins", "lua", "engines", "internal/"}, "the kit sees the contract"},
	{"plugins/server", []string{"golang.org/x/sys", "plugins", "lua", "engines", "engines/handlers", "engines/child", "engines/enginetest", "internal/"}, "server.test runs the suite; otherwise as any plugin"},
	{"plugins/*", []string{"golang.org/x/sys", "github.com/miekg/dns", "plugins", "lua", "engines", "engines/handlers", "engines/child", "engines/crowd", "internal/"}, "a plugin never sees its siblings: what they share is in plugins"},
	{"plugins", []string{"golang.org/x/sys", "lua", "engines", "internal/load"}, "the contract knows no plugin; a Load is made by several"},
	{"shell", []string{"golang.org/x/sys", "github.com/chzyer/readline", "plugins", "lua", "engines", "internal/fence"}, "the person's side sees declarations, never a concrete plugin"},
	{"cmd/nsh", []string{"shell", "plugins/std"}, "the list of what ships, handed to shell.Main"},
}

func TestImports(t *testing.T) {
	used := map[string]bool{}
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		r := roomOf(path)
		if r == nil {
			t.Errorf("%s is in no room of the house; add it to the table, with a reason", path)
			continue
		}
		used[r.name] = true
		for _, imp := range p.Imports {
			if !r.allows(path, imp) {
				t.Errorf("%s imports %s: %s", path, imp, r.why)
			}
		}
	}
	for _, r := range rooms {
		if !used[r.name] {
			t.Errorf("the room %s of the table is empty", r.name)
		}
	}
}

func roomOf(path string) *room {
	for i := range rooms {
		r := &rooms[i]
		switch {
		case strings.HasSuffix(r.name, "/*"):
			if strings.HasPrefix(path, strings.TrimSuffix(r.name, "*")) {
				return r
			}
		case strings.HasSuffix(r.name, "/"):
			if strings.HasPrefix(path, r.name) {
				return r
			}
		case path == r.name || r.name != "engines" && r.name != "plugins" && strings.HasPrefix(path, r.name+"/"):
			return r
		}
	}
	return nil
}

func (r *room) allows(path, imp string) bool {
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	own := strings.TrimPrefix(imp, module)
	if strings.HasPrefix(own, path+"/") || strings.HasPrefix(path, own+"/") && own != "engines" && own != "plugins" {
		return true // a folder's own inner rooms
	}
	for _, may := range r.may {
		switch {
		case own == may, strings.HasPrefix(imp, "github.com/yuin") && strings.HasPrefix(imp, may):
			return true
		case strings.HasSuffix(may, "/") && strings.HasPrefix(own, may):
			return true
		case may == "golang.org/x/sys" && strings.HasPrefix(imp, may):
			return true
		case r.name == "plugins/std" && strings.HasPrefix(own, may+"/"):
			return true
		case may == "lua" && strings.HasPrefix(own, "lua/"):
			return true
		}
	}
	return false
}

func TestPackageDocs(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment: say what is in the folder", strings.TrimPrefix(p.ImportPath, module))
		}
	}
}

// starters are the files that may say go: each turns a panic into an error, or runs only code of its own that cannot
// panic. Everything else starts goroutines through lua.Go or engines.Go.
var starters = map[string]string{
	"lua/live.go":                 "lua.Go itself",
	"lua/fiber.go":                "fibers run under protect, which catches",
	"lua/coroutine.go":            "coroutines run under protect, which catches",
	"engines/safely.go":           "engines.Go itself",
	"engines/bench/gonet/main.go": "a program of its own, that nsh is measured beside",
}

// TestSource walks the syntax: no init functions, no bare go statements.
func TestSource(t *testing.T) {
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
		ast.Inspect(file, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.GoStmt:
				if starters[name] == "" {
					t.Errorf("%s:%d: a bare go statement; use lua.Go or engines.Go, which turn a panic into an error", name, fset.Position(x.Pos()).Line)
				}
			case *ast.FuncDecl:
				if x.Recv == nil && x.Name.Name == "init" {
					t.Errorf("%s: has an init function; nothing happens by being imported", name)
				}
			case *ast.CallExpr:
				if sel, ok := x.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Go" && len(x.Args) == 1 {
					t.Errorf("%s:%d: WaitGroup.Go does not survive a panic; use lua.Go or engines.Go", name, fset.Position(x.Pos()).Line)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
