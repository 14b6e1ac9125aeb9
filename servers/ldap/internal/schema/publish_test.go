package schema_test

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// The embedded tables are made from the published ones: two files with one
// attribute or class a line, columns separated by tabs, and a heading that names
// the columns.
//
//	go test ./servers/ldap/internal/schema -run TestEmbeddedTables -attributes a.tsv -classes c.tsv -update
var (
	attributesFrom = flag.String("attributes", "", "the published table of attributes")
	classesFrom    = flag.String("classes", "", "the published table of classes")
	update         = flag.Bool("update", false, "write the embedded tables anew")
)

// The columns that are kept, in the order of the embedded tables. Package
// schema reads them by position.
var (
	attributeColumns = []string{"lDAPDisplayName", "cn", "attributeID", "attributeSyntax", "oMSyntax", "single", "systemOnly", "gc",
		"rangeLower", "rangeUpper", "searchFlags", "linkID", "systemFlags", "schemaIDGUID", "attributeSecurityGUID"}
	classColumns = []string{"lDAPDisplayName", "cn", "governsID", "category", "subClassOf", "auxiliaryClass", "rDNAttID", "must", "may",
		"possSuperiors", "defaultHidingValue", "defaultObjectCategory", "systemOnly", "schemaIDGUID"}
)

func TestEmbeddedTables(t *testing.T) {
	for _, x := range []struct {
		name, from string
		columns    []string
	}{{"attributes.txt", *attributesFrom, attributeColumns}, {"classes.txt", *classesFrom, classColumns}} {
		have, err := os.ReadFile(x.name)
		if err != nil {
			t.Fatal(err)
		}
		rows := strings.Split(strings.TrimSuffix(string(have), "\n"), "\n")
		if !slices.IsSortedFunc(rows, func(a, b string) int { return cmp.Compare(key(a), key(b)) }) {
			t.Errorf("%s is not sorted", x.name)
		}
		for _, row := range rows {
			if strings.Count(row, "|") != len(x.columns)-1 {
				t.Errorf("%s: %s", x.name, row)
			}
		}
		if x.from == "" {
			continue
		}
		f, err := os.Open(x.from)
		if err != nil {
			t.Fatal(err)
		}
		text, err := table(f, x.columns)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", x.from, err)
		}
		if *update {
			if err := os.WriteFile(x.name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if text != string(have) {
			t.Errorf("%s is another table than %s", x.name, x.from)
		}
	}
}

// table reads one table and renders the columns that are kept: one line a row,
// sorted by name without regard to case, fields separated by bars.
func table(r io.Reader, columns []string) (string, error) {
	var at []int
	var rows []string
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if at == nil {
			for _, c := range columns {
				i := slices.Index(fields, c)
				if i < 0 {
					return "", fmt.Errorf("there is no column %s", c)
				}
				at = append(at, i)
			}
			continue
		}
		kept := make([]string, len(at))
		for i, x := range at {
			if x < len(fields) {
				kept[i] = compact(columns[i], fields[x])
			}
		}
		if kept[0] == kept[1] {
			kept[1] = ""
		}
		row := strings.Join(kept, "|")
		if strings.Count(row, "|") != len(columns)-1 {
			return "", fmt.Errorf("a bar in the row of %s", kept[0])
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b string) int { return cmp.Compare(key(a), key(b)) })
	return strings.Join(rows, "\n") + "\n", lines.Err()
}

// key is what rows are sorted by and found by.
func key(row string) string {
	name, _, _ := strings.Cut(row, "|")
	return strings.ToLower(name)
}

// compact shortens a value: most identifiers begin alike, most numbers are 0.
func compact(column, v string) string {
	switch column {
	case "attributeID", "governsID":
		if rest, ok := strings.CutPrefix(v, "1.2.840.113556.1."); ok {
			return "~" + rest
		}
	case "attributeSyntax":
		return strings.TrimPrefix(v, "2.5.5.")
	case "schemaIDGUID", "attributeSecurityGUID":
		return strings.TrimRight(v, "=")
	case "single", "systemOnly", "gc", "searchFlags":
		if v == "0" {
			return ""
		}
	}
	return v
}

func TestTable(t *testing.T) {
	text, err := table(strings.NewReader("# a remark\ncn\tother\tattributeID\tlDAPDisplayName\nB-b\tx\t1.2.840.113556.1.4.7\tbB\na\ty\t2.5.4.1\ta\n"),
		[]string{"lDAPDisplayName", "cn", "attributeID"})
	if want := "a||2.5.4.1\nbB|B-b|~4.7\n"; err != nil || text != want {
		t.Errorf("%q, %v, want %q", text, err, want)
	}
	for _, bad := range []string{"cn\tlDAPDisplayName\n", "cn\tlDAPDisplayName\tattributeID\na|b\tc\t1\n"} {
		if _, err := table(strings.NewReader(bad), []string{"lDAPDisplayName", "cn", "attributeID"}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
