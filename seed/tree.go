package seed

import (
	"context"
	"slices"

	"counterpart/internal/serving/strictyaml"
)

// node is one value of the file.
type node = strictyaml.Node

// entry is one key of a mapping.
type entry = strictyaml.Entry

// The kinds, by the words in which this package thinks of them.
const (
	null    = strictyaml.Null
	text    = strictyaml.Text
	integer = strictyaml.Integer
	float   = strictyaml.Float
	boolean = strictyaml.Boolean
	list    = strictyaml.List
	mapping = strictyaml.Mapping
)

// MaxSize is the size of the largest seed in octets. An export is no larger.
const MaxSize = strictyaml.MaxSeed

// read parses src into a tree; nil when there is nothing to go on with. Every
// problem has been reported then.
func read(ctx context.Context, src []byte, report *reporter) *node {
	return strictyaml.Parse(ctx, src, config(), func(_ *node, p strictyaml.Problem) {
		report.add(Problem{Line: p.Line, Column: p.Column, Path: p.Path, Message: p.Message, Hint: p.Hint})
	})
}

// config is how seeds are read.
func config() strictyaml.Config {
	return strictyaml.Config{What: "seed", Limits: strictyaml.SeedLimits(), Empty: "`counterpart seed example` prints one to start from",
		TooLarge: "; `generate` makes large companies from a few lines", Instead: ", or `generate`"}
}

// place is embedded, as a field At, in the structs of the schema: the decoder
// notes there where the struct was written, for the checks that come later.
type place struct{ n *node }

// of is the node of a key, or the whole block when the key is not there.
func (p place) of(key string) *node {
	if n := p.n.Get(key); n != nil {
		return n
	}
	return p.n
}

// has reports whether a key was written.
func (p place) has(key string) bool { return p.n.Get(key) != nil }

// short cuts a text that is quoted in a message.
func short(s string) string { return strictyaml.Short(s) }

// didYouMean is the hint for a word that is not among the known ones.
func didYouMean(word string, known []string) string { return strictyaml.DidYouMean(word, known) }

// sorted is a sorted copy.
func sorted(words []string) []string { return slices.Sorted(slices.Values(words)) }

// join is the path of a key below a path.
func join(path, key string) string { return strictyaml.Join(path, key) }
