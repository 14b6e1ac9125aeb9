package seed

import (
	"flag"
	"os"
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
	if made := "\n" + Reference(); made != old {
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
