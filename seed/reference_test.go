package seed

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestReference holds the generated part of docs/seed.md against the tags.
func TestReference(t *testing.T) {
	const path, mark = "../docs/seed.md", "TestReference -update -->\n"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, old, found := strings.Cut(string(doc), mark)
	if !found {
		t.Fatalf("the mark %q is gone", mark)
	}
	if made := "\n" + referenceText(); made != old {
		if update := flag.Lookup("update"); update.Value.String() == "true" {
			if err := os.WriteFile(path, []byte(head+mark+made), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Error("docs/seed.md is out of date: go test ./seed -run TestReference -update")
	}
}

// TestDocumentedExamplesLoad loads each example of docs/seed.md.
func TestDocumentedExamplesLoad(t *testing.T) {
	doc, err := os.ReadFile("../docs/seed.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(doc, -1)
	if len(examples) < 5 {
		t.Fatalf("only %d examples", len(examples))
	}
	for _, e := range examples {
		s, err := Load("docs/seed.md", e[1], Options{Now: time.Unix(0, 0)})
		if err != nil {
			t.Errorf("%v in\n%s", err, e[1])
			continue
		}
		if len(s.Warnings) > 0 {
			t.Errorf("%v", s.Warnings)
		}
	}
}

// referenceText is the generated part.
func referenceText() string {
	var b strings.Builder
	b.WriteString("## Reference\n")
	section(&b, reflect.TypeFor[file](), "", "The keys at the top of the file.")
	return b.String()
}

// section is the table of one block, and then those of the blocks in it.
func section(b *strings.Builder, t reflect.Type, path, doc string) {
	title := "The file"
	if path != "" {
		title = "`" + path + "`"
	}
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", title, doc)
	fields := layoutOf(t).fields
	for _, f := range fields {
		standard := ""
		switch {
		case f.required:
			standard = "required"
		case f.standard != "":
			standard = "`" + f.standard + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.key, kindOf(f.typ, f), standard, cell(f.doc))
	}
	for _, f := range fields {
		at, inner := join(path, f.key), f.typ
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			if inner.Kind() == reflect.Slice {
				at += "[]"
			}
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && layoutOf(inner).at >= 0 {
			section(b, inner, at, f.doc)
		}
	}
}

// cell is text as a cell of a table.
func cell(s string) string { return strings.NewReplacer("|", "\\|", "<", "&lt;").Replace(s) }

// kindOf says what a value looks like.
func kindOf(t reflect.Type, f field) string {
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
		return "list of " + plural(kindOf(t.Elem(), f))
	case reflect.Map:
		return "free keys"
	case reflect.Struct:
		return "block"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return words(f)
	}
	return "number" + between(f)
}

func words(f field) string {
	switch {
	case len(f.enum) > 0:
		return "`" + strings.Join(f.enum, "`, `") + "`"
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
