package seed

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Reference is the documentation of a kind of file in Markdown: a table of keys
// for the file and one for each block in it.
func (b BlockDocs) Reference() string {
	var out strings.Builder
	out.WriteString("## Reference\n")
	b.section(&out, reflect.TypeOf(b.Top), "", b.About)
	return out.String()
}

// Reference is the documentation of seeds in Markdown.
func Reference() string {
	return BlockDocs{Top: file{}, About: "The keys at the top of the file."}.Reference()
}

// documented tells blocks from structs that are one value.
func (l layout) documented() bool {
	if l.at >= 0 {
		return true
	}
	for _, f := range l.fields {
		if f.doc == "" {
			return false
		}
	}
	return len(l.fields) > 0
}

// section is the table of one block, and then those of the blocks in it. What
// is the same block in several places stands where it comes first.
func (b BlockDocs) section(out *strings.Builder, t reflect.Type, path, doc string) {
	title := "The file"
	if path != "" {
		title = "`" + path + "`"
	}
	fmt.Fprintf(out, "\n### %s\n\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", title, doc)
	fields := layoutOf(t).fields
	for _, f := range fields {
		standard, key := "", "`"+f.key+"`"
		switch {
		case f.required:
			standard = "required"
		case f.standard != "":
			standard = "`" + f.standard + "`"
		}
		if f.key == "*" {
			key = "any other"
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", key, b.kindOf(f.typ, f), standard, cell(f.doc))
	}
	if path == "" && b.Again != "" {
		fmt.Fprintf(out, "| `%s` | list of blocks |  | %s |\n", b.Again, cell(b.AgainDoc))
	}
	said := map[string]bool{}
	for _, f := range fields {
		if inner, at := b.inside(f, join(path, f.key)); inner != nil && !said[f.keys] {
			b.section(out, inner, at, f.doc)
			said[f.keys] = f.keys != ""
		}
	}
}

// cell is text as a cell of a table.
func cell(s string) string { return strings.NewReplacer("|", "\\|", "<", "&lt;").Replace(s) }

// kindOf says what a value looks like.
func (b BlockDocs) kindOf(t reflect.Type, f field) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case durationType:
		return "duration" + between(f)
	case timeType:
		return "time"
	case addrType:
		return "IP address"
	case prefixType:
		return "network"
	case reflect.TypeFor[otpSecret]():
		return "secret"
	case reflect.TypeFor[window]():
		return "name or block"
	case reflect.TypeFor[octets6](), reflect.TypeFor[octets16]():
		return "octets"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + plural(b.kindOf(t.Elem(), f))
	case reflect.Map:
		if b.Keyed[f.keys] != nil {
			return "block"
		}
		return "free keys"
	case reflect.Struct:
		return "block"
	case reflect.Interface:
		return "value"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return words(f)
	}
	return "number" + between(f)
}

func words(f field) string {
	switch {
	case len(f.enum) > 0, len(f.words) > 0:
		return "`" + strings.Join(append(f.enum, f.words...), "`, `") + "`"
	case f.ref != "":
		return f.ref
	case f.format != "" && f.format != "any":
		return regexp.MustCompile(`^an? `).ReplaceAllString(formats[f.format].what, "")
	}
	return "text"
}

func between(f field) string {
	switch {
	case f.min != "" && f.max != "":
		return " " + f.min + " to " + f.max
	case f.min != "":
		return " from " + f.min
	case f.max != "":
		return " to " + f.max
	}
	return ""
}

func plural(s string) string {
	if first, rest, ok := strings.Cut(s, " "); ok && (first == "number" || first == "duration") {
		return first + "s " + rest
	}
	switch {
	case strings.HasPrefix(s, "`"), strings.HasSuffix(s, "s"):
		return s
	case s == "text":
		return "texts"
	case strings.HasSuffix(s, "address"):
		return s + "es"
	}
	return s + "s"
}
