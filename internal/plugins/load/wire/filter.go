package wire

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"counterpart/internal/plugins/load/step"
)

// filter is a search filter, or a part of one, whose values may have holes. They are filled
// where the value stands on the wire, so that nothing in a value is taken for a filter.
type filter struct {
	tag   byte
	parts []filter // of a constructed element
	value []piece  // of a primitive one
}

// piece is a text, or a hole.
type piece struct {
	literal string
	hole    *step.Text
}

// mark stands for the hole of a number while the filter is read. No plan has a private-use
// character there.
const mark = "\ue000"

// compileFilter reads a filter (RFC 4515) whose values may have holes.
func compileFilter(text string, constants map[string]string) (filter, error) {
	var marked strings.Builder
	var holes []step.Text
	for rest := text; rest != ""; {
		before, after, hole := strings.Cut(rest, "{{")
		if marked.WriteString(before); !hole {
			break
		}
		name, behind, closed := strings.Cut(after, "}}")
		if !closed {
			return filter{}, fmt.Errorf("a hole begins with {{ and does not end with a name and }}")
		}
		t, err := step.Compile("{{"+name+"}}", constants)
		if err != nil {
			return filter{}, err
		}
		marked.WriteString(mark + strconv.Itoa(len(holes)) + mark)
		holes, rest = append(holes, t), behind
	}
	p, err := ldap.CompileFilter(marked.String())
	if err != nil {
		return filter{}, fmt.Errorf("`%s` is no filter of LDAP: %s", text, strings.TrimPrefix(err.Error(), "LDAP Result Code 201 \"Filter Compile Error\": "))
	}
	return filled(p.Bytes(), holes, 0)
}

// filled makes a filter of its octets, with the holes in the place of their marks.
func filled(b []byte, holes []step.Text, depth int) (filter, error) {
	tag, body, _, ok := element(b)
	if !ok || depth > deepestFilter {
		return filter{}, fmt.Errorf("a filter is at most %d deep", deepestFilter)
	}
	f := filter{tag: tag}
	if tag&berConstructed == 0 {
		for i, text := range strings.Split(string(body), mark) {
			p := piece{literal: text}
			if i%2 == 1 {
				n, err := strconv.Atoi(text)
				if err != nil || n >= len(holes) {
					return filter{}, fmt.Errorf("a filter cannot have the character U+E000")
				}
				p = piece{hole: &holes[n]}
			}
			f.value = append(f.value, p)
		}
		if tag == filterPresent && f.hasHole() {
			return filter{}, errNotValue
		}
		return f, nil
	}
	for len(body) > 0 {
		part, err := filled(body, holes, depth+1)
		if err != nil {
			return filter{}, err
		}
		f.parts = append(f.parts, part)
		if _, _, body, ok = element(body); !ok {
			break
		}
	}
	for i := range f.parts {
		named := false
		switch tag {
		case filterEqual, filterSubstrings, filterGreater, filterLess, filterApprox:
			named = i == 0 // the attribute
		case filterExtensible:
			named = f.parts[i].tag != filterExtensibleValue
		}
		if named && f.parts[i].hasHole() {
			return filter{}, errNotValue
		}
	}
	return f, nil
}

// Choices of Filter, and of MatchingRuleAssertion (RFC 4511 section 4.5.1.7).
const (
	filterEqual           = 0xa3
	filterSubstrings      = 0xa4
	filterGreater         = 0xa5
	filterLess            = 0xa6
	filterApprox          = 0xa8
	filterPresent         = 0x87
	filterExtensible      = 0xa9
	filterExtensibleValue = 0x83
)

// errNotValue: what names are written with is not what values are escaped with.
var errNotValue = errors.New("a hole of a filter stands for a value, not for the name of an attribute or of a matching rule")

// hasHole reports a hole in a primitive element.
func (f *filter) hasHole() bool {
	return slices.ContainsFunc(f.value, func(p piece) bool { return p.hole != nil })
}

// append writes the filter for a walk.
func (f *filter) append(b []byte, w *step.Walk) (_ []byte, err error) {
	b, at := begin(b, f.tag)
	for i := range f.parts {
		if b, err = f.parts[i].append(b, w); err != nil {
			return b, err
		}
	}
	for i := range f.value {
		p := &f.value[i]
		if p.hole == nil {
			b = append(b, p.literal...)
		} else if b, err = p.hole.Append(b, w, nil); err != nil {
			return b, err
		}
	}
	return end(b, at), nil
}
