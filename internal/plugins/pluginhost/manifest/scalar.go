package manifest

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"counterpart/internal/serving/strictyaml"
)

// Kind is what a value became when it was loaded.
type Kind string

// The kinds. A box reads MANIFEST with a YAML 1.1 loader, so that some plain
// words are not the text they look like.
const (
	Null   Kind = "null"
	Bool   Kind = "boolean"
	Int    Kind = "integer"
	Float  Kind = "number"
	Time   Kind = "date"
	String Kind = "text"
	Other  Kind = "list or mapping"
)

// Value is one loaded value.
type Value struct {
	Kind   Kind
	Text   string // as the box's Python prints it: 1.10 is "1.1", yes is "True"
	Source string // as it is written
	Line   int
}

// truthy follows Python: null, false, zero and nothing are not.
func (v Value) truthy() bool {
	switch v.Kind {
	case Null:
		return false
	case Bool:
		return v.Text == "True"
	case Int, Float:
		f, err := strconv.ParseFloat(v.Text, 64)
		return err != nil || f != 0
	}
	return v.Text != ""
}

// lossy reports whether a number lost a digit between the file and its text.
func (v Value) lossy() bool {
	return (v.Kind == Float || v.Kind == Int) && v.Text != strings.TrimPrefix(v.Source, "+")
}

// The implicit types of YAML 1.1; of the 1.2 set they differ in nearly all.
var (
	nullWords = map[string]bool{"": true, "~": true, "null": true, "Null": true, "NULL": true}
	boolWords = map[string]string{
		"yes": "True", "Yes": "True", "YES": "True", "no": "False", "No": "False", "NO": "False",
		"true": "True", "True": "True", "TRUE": "True", "false": "False", "False": "False", "FALSE": "False",
		"on": "True", "On": "True", "ON": "True", "off": "False", "Off": "False", "OFF": "False",
	}
	intForm   = regexp.MustCompile(`^[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(:[0-5]?[0-9])+)$`)
	floatForm = regexp.MustCompile(`^([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	timeForm  = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?)$`)
)

// longestNumber bounds the digits that are counted with: arithmetic on more costs
// more than their length, and Python refuses to print more (sys.set_int_max_str_digits).
const longestNumber = 4300

// plain resolves an unquoted word as YAML 1.1 does.
func plain(s string) Value {
	v := Value{Kind: String, Text: s, Source: s}
	switch {
	case nullWords[s]:
		v.Kind, v.Text = Null, "None"
	case boolWords[s] != "":
		v.Kind, v.Text = Bool, boolWords[s]
	case len(s) > longestNumber: // what a box makes of it is nobody's version
	case intForm.MatchString(s):
		if text, ok := intText(s); ok {
			v.Kind, v.Text = Int, text
		}
	case floatForm.MatchString(s):
		v.Kind, v.Text = Float, floatText(s)
	case timeForm.MatchString(s):
		v.Kind = Time
	}
	return v
}

// sexagesimal folds 1:30 into 90; YAML 1.1 reads times of day as numbers.
func sexagesimal(s string) float64 {
	total := 0.0
	for _, part := range strings.Split(s, ":") {
		f, _ := strconv.ParseFloat(part, 64)
		total = total*60 + f
	}
	return total
}

// sign splits a leading sign off.
func sign(s string) (negative bool, rest string) {
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		return true, rest
	}
	return false, strings.TrimPrefix(s, "+")
}

// intText is the decimal text of an integer; false if it has no digit at all
// ("0b_"), which no loader survives either.
func intText(s string) (string, bool) {
	negative, digits := sign(strings.ReplaceAll(s, "_", ""))
	n := new(big.Int)
	ok := true
	switch {
	case strings.Contains(digits, ":"):
		for _, part := range strings.Split(digits, ":") {
			d, good := new(big.Int).SetString(part, 10)
			if !good {
				return "", false
			}
			n.Mul(n, big.NewInt(60)).Add(n, d)
		}
	case strings.HasPrefix(digits, "0b"):
		_, ok = n.SetString(digits[2:], 2)
	case strings.HasPrefix(digits, "0x"):
		_, ok = n.SetString(digits[2:], 16)
	case len(digits) > 1 && digits[0] == '0':
		_, ok = n.SetString(digits, 8)
	default:
		_, ok = n.SetString(digits, 10)
	}
	if negative {
		n.Neg(n)
	}
	return n.String(), ok
}

// floatText is a number as Python prints it.
func floatText(s string) string {
	negative, digits := sign(strings.ToLower(strings.ReplaceAll(s, "_", "")))
	var f float64
	switch {
	case digits == ".inf":
		f = math.Inf(1)
	case digits == ".nan":
		return "nan"
	case strings.Contains(digits, ":"):
		f = sexagesimal(digits)
	default:
		f, _ = strconv.ParseFloat(digits, 64)
	}
	if negative {
		f = -f
	}
	return pythonFloat(f)
}

func pythonFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	// Python switches to exponents below 1e-4 and from 1e16 on.
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// load loads one node; false means that a box's loader stops here.
func load(n *strictyaml.Node) (Value, bool) {
	if n.Tag != "" {
		return tagged(n)
	}
	switch {
	case n.Kind == strictyaml.Mapping || n.Kind == strictyaml.List:
		text := shown(n, 0)
		return Value{Kind: Other, Text: text, Source: text}, true
	case n.Style == strictyaml.Plain:
		// A box's loader stops at these; the parser here is kinder.
		return plain(n.Text), n.Text == "" || !strings.Contains(",[]{}", n.Text[:1])
	}
	return Value{Kind: String, Text: n.Text, Source: n.Text}, true
}

// shown is a list or a mapping in one line, for messages.
func shown(n *strictyaml.Node, depth int) string {
	const most, deepest = 10, 3
	var parts []string
	switch {
	case depth > deepest:
		return "…"
	case n.Kind == strictyaml.List:
		for _, c := range n.Items[:min(len(n.Items), most)] {
			parts = append(parts, shown(c, depth+1))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n.Kind == strictyaml.Mapping:
		for _, e := range n.Entries[:min(len(n.Entries), most)] {
			parts = append(parts, strictyaml.Short(e.Name)+": "+shown(e.Value, depth+1))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return strictyaml.Short(n.Text)
}

// tagged honours the standard tags that a safe loader knows.
func tagged(n *strictyaml.Node) (Value, bool) {
	bare := *n
	bare.Tag = ""
	v, ok := load(&bare)
	switch n.Tag {
	case "!!str":
		return Value{Kind: String, Text: v.Source, Source: v.Source}, ok && v.Kind != Other
	case "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!map", "!!seq":
		return v, ok
	}
	return Value{}, false // an unknown tag stops the safe loader
}
