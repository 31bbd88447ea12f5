package lua

import (
	"os/exec"
	"strings"
	"testing"
)

// assignments are judged by C Lua, where it is installed; what it says stands behind -->.
const assignments = `
local x, y = 1, 2  x, y = y, x  print(x, y)  --> 2	1
local function fib(n) local a, b = 0, 1 for i = 1, n do a, b = b, a + b end return a end print(fib(20))  --> 6765
x, y = x + 1, x + y  print(x, y)  --> 3	3
local p, q, r = 1, 2, 3  p, q, r = q, r, p  print(p, q, r)  --> 2	3	1
local f, a = 1, {}  local d = "e"  f, a.d = f, d  print(f, a.d)  --> 1	e
local i, t = 1, {}  i, t[i] = i + 1, 20  print(i, t[1], t[2])  --> 2	20	nil
i, t = 1, {}  t[i], i = 20, i + 1  print(i, t[1], t[2])  --> 2	20	nil
t = {1, 2}  t[1], t[2] = t[2], t[1]  print(t[1], t[2])  --> 2	1
local u, old = {}, {}  t = old  t, t.x = u, 5  print(old.x, u.x, t == u)  --> 5	nil	true
local function three() return 1, 2, 3 end
p, q, r = three()  print(p, q, r)  --> 1	2	3
p, q, r = 0, three()  print(p, q, r)  --> 0	1	2
p, q = three(), 10  print(p, q)  --> 1	10
p, q, r = 7  print(p, q, r)  --> 7	nil	nil
p, q = 1, 2, three()  print(p, q)  --> 1	2
g, h = 1, 2  g, h = h, g  print(g, h)  --> 2	1
local function up() x, y = y, x return x, y end x, y = 1, 2 print(up())  --> 2	1
print((function(...) local m, n = ... m, n = n, m return m, n end)(1, 2))  --> 2	1
p, q = p and q, p or q  print(p, q)  --> 2	1
local o = {f = function(self) self.a, self.b, p = 1, 2, self return self end}  print(o:f().a, o.b, p == o)  --> 1	2	true
repeat local k, l = 1, 2 k, l = l, k until k == 2  while true do p, q = 1, 2 if p == 1 then p, q = q, p break end end print(p, q)  --> 2	1
`

func TestAssignments(t *testing.T) {
	var wanted []string
	for line := range strings.Lines(assignments) {
		if _, after, ok := strings.Cut(line, "--> "); ok {
			wanted = append(wanted, strings.TrimSpace(after))
		}
	}
	w, out := newWorld(t)
	if _, err := run(w, assignments); err != nil {
		t.Fatal(err)
	}
	judge := func(who, got string) {
		for i, line := range strings.Split(strings.TrimSpace(got), "\n") {
			if i >= len(wanted) || strings.TrimSpace(line) != wanted[i] {
				t.Errorf("%s printed %q in line %d, wanted %q", who, line, i+1, wanted[min(i, len(wanted)-1)])
			}
		}
	}
	judge("nsh", out.String())
	if path, err := exec.LookPath("lua5.1"); err == nil {
		cmd := exec.Command(path, "-")
		cmd.Stdin = strings.NewReader(assignments)
		said, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		judge("lua5.1", string(said))
	}
}

// TestManyAssignments: neither a deep expression nor many variables end the compiler.
func TestManyAssignments(t *testing.T) {
	w, _ := newWorld(t)
	if _, err := run(w, "local a, b = 1, 2 a, b = b"+strings.Repeat(" + 1", 1000)+", a assert(a == 1002 and b == 1)"); err != nil {
		t.Error(err)
	}
	names := strings.TrimSuffix(strings.Repeat("a, ", 100), ", ")
	if _, err := run(w, names+" = "+strings.ReplaceAll(names, "a", "1")+" assert(a == 1)"); err != nil {
		t.Error(err)
	}
}
