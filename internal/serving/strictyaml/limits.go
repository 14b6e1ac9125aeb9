// Package strictyaml is how every YAML from outside is read: seeds, scenarios,
// MANIFESTs, files of fault rules. One document, plain UTF-8, within limits, at
// a cost that grows with its length and no faster, and with the place of every
// mistake. What the YAML library thinks stays in here.
package strictyaml

import "fmt"

// Limits bound what a text may ask for. Zero values are those of Config.
type Limits struct {
	Size   int // octets
	Depth  int // collections within collections, of each of the two styles
	Values int // scalars, lists and blocks as written
	Copies int // values that aliases and merge keys bring in
}

// The limits of small files: scenarios, rules of faults, MANIFESTs.
const (
	smallSize = 1 << 20
	depth     = 64
	values    = 100_000
	copies    = 100_000
)

// MaxSeed is the size of the largest seed in octets; an export is one. Who takes
// seeds over a network must not stop before it.
const MaxSeed = 64 << 20

// MaxProblems is how many mistakes of one text are reported; the others are
// counted.
const MaxProblems = 100

// SeedLimits are those of seeds: some hundred thousand people by hand, or a
// large state that an export has packed into one value.
func SeedLimits() Limits {
	return Limits{Size: MaxSeed, Depth: depth, Values: 2_000_000, Copies: 1_000_000}
}

// SmallLimits are those of everything that people write by hand and read whole.
func SmallLimits() Limits {
	return Limits{Size: smallSize, Depth: depth, Values: values, Copies: copies}
}

// Config says what is read.
type Config struct {
	What     string // "seed", "scenario": how mistakes call the text
	Empty    string // what to do about an empty one
	TooLarge string // what to do about one that is too large: "; …"
	Instead  string // what to do instead of many aliases: ", or …"
	Limits   Limits
	// Lenient leaves to the caller what YAML allows and a strict reader does not:
	// tags, directives, the same key twice, and nothing at all (a Null).
	Lenient bool
}

// Problem is one mistake and its place. Lines and columns count from one; a
// column is a character, not an octet.
type Problem struct {
	Line, Column int
	Path         string // of the value: users[2].devices[0].digits
	Message      string
	Hint         string // the way out
}

// Error is the problem in one line.
func (p *Problem) Error() string {
	s := fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Message)
	if p.Hint != "" {
		s += ", " + p.Hint
	}
	return s
}
