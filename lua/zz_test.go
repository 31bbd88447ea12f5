package lua
import ("testing";"os";"fmt")
func TestZZ(t *testing.T) {
	f := os.Getenv("ZZ"); if f == "" { t.Skip() }
	b, _ := os.ReadFile(f)
	w, out := newWorld(t)
	v, err := run(w, string(b))
	fmt.Println(out.String()); fmt.Println(v, err)
}
