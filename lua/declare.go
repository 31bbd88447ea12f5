package lua

import glua "github.com/yuin/gopher-lua"

// A Module is a table of functions that scripts see under its name: dns, sock, server. The module named "" is the
// globals. A function named "" makes the module itself callable, as check("…") is.
type Module struct {
	Name  string
	Doc   string
	Funcs []Func
	Types []Type

	Consts []Const // values beside the functions; a module that has some refuses names that it does not have
}

// A Func is a function that scripts can call, declared once: the argument check and its message, defaults, help, Tab,
// docs/reference.md and the editor's stub all come from this row and from the signature of Call.
//
// Call is a Go function. Its leading parameters may be a context.Context and an *Env, in this order and each optional;
// a method's receiver comes before or after them (so that a method expression fits). A function with a context may
// block: it runs without the baton, and must return soon after the context is done. One without keeps the baton and
// must not block. Neither touches Lua values other than through the types below.
//
// Parameters, from Lua to Go:
//
//	string, []byte                 a string (a number is not silently taken for one)
//	bool                           a boolean
//	float64, intN, uintN           a number; an integer type refuses fractions, NaN and what does not fit
//	time.Duration                  seconds
//	*T of a declared Type          that object; an interface: any object that implements it
//	Callback                       a function
//	[]T, map[string]T              a table
//	a struct with lua tags         an options table; unknown keys are refused, with the near miss
//	Value                          anything
//	...T (the last one)            the rest of the arguments
//
// A parameter is optional when Params has it in brackets: an absent or nil one is the zero value (a nil pointer, a nil
// Callback, a Value with IsNil). An options struct as the last parameter is always optional.
//
// Results, from Go to Lua: the same types, structs with lua tags as tables, and lists as real tables. If the last
// result is an error, a non-nil one becomes nil, err — unless it is a Misuse, which is raised at the script's line.
// A function whose only result is an error returns true when it is nil.
type Func struct {
	Name    string
	Params  string // the names as help and errors show them: "name, [options]"
	Returns string // what comes back, in the words of API.md: "Answer | nil, err"; derived from Call when empty
	Doc     string // the first sentence is the summary
	Example string // runs as a test; what follows --> on a line is compared with what it prints
	Call    any

	// Direct, when set, is the same function for hot paths: it reads its arguments from the Call itself, without
	// reflection. Call stays the declaration that checks and documents.
	Direct func(c *Call) int

	// Words lists, for Tab, the strings that an argument or an option takes, where a tag cannot name them, because they are
	// many or depend on the world: the models that its set has. It must not need the baton.
	Words map[string]func(w *World) []string

	raw glua.LGFunction // this package's own, which work on the baton itself
}

// Results are results whose number is known only when they are there: each is one.
type Results []any

// A Type is a Go type whose values scripts hold.
//
// Of is a nil pointer, (*Server)(nil), for objects with identity: scripts get a userdata with the fields and methods
// below. Or it is a struct value, Answer{}, for plain records: scripts get a real table (a field tagged `lua:",list"`
// is its array part) with this printed form; it has no methods. Or it is a map with string keys, Counters{}: a record
// whose names only the world knows. Its Fields say what some of them mean, and have no Get; its methods are given the
// table as a Value.
//
// How an object prints: a method String() string, or Show() any whose result is printed in its place (a struct, a list),
// else its name with its fields. A record's Show is called on a value that is read back from the table, so that what
// the script has changed shows, too; programs (--json) get the table itself.
// Show may return a Shown, or of an object a Drawing.
type Type struct {
	Name    string
	Doc     string
	Of      any
	Fields  []Field
	Methods []Func

	// Strict makes reading a field that the record does not have an error, with the near miss. Fields of a struct that
	// are left out because they are nil or empty are nil, as ever.
	Strict bool
}

// Shown is a printed form with a line below it, for what it leaves out.
type Shown struct {
	Value any // nil when the line is all there is to see
	Note  string
}

// A Field of an object: Get is a func(*T) V, called when a script touches the field. It keeps the baton.
type Field struct {
	Name string
	Doc  string
	Get  any
}

// An options struct is a plain Go struct whose exported fields have tags:
//
//	Timeout time.Duration `lua:"timeout" default:"5s" help:"seconds for the whole exchange"`
//	Type    string        `lua:"type" default:"A" enum:"A,AAAA,TXT" help:"record type"`
//	N       int           `lua:"n" default:"1" min:"1" max:"100000" help:"how many"`
//	To      string        `lua:"to,required" help:"address to connect to"`
//
// A field tagged `lua:",rest"` of type map[string]Value takes the keys that no other field has. Embedded structs are
// groups of options that recur. A field with the tag `place:"1"` may also be given as the table's first item, and is
// there in results as well. A pointer field is nil when the option is absent. In results, a field tagged
// `lua:"name,omitempty"` is left out when zero, and one tagged `lua:",list"` becomes the table's array part.
