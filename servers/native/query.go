package native

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

// What may stand in a query is what openapi.yaml says, read from there: names,
// choices, bounds and forms of every parameter. So the document is true.

// parameter is one query parameter of one operation.
type parameter struct {
	kind    string // of its value: string, integer
	moment  bool
	choices []string
	min     *int
	max     *int
	pattern *regexp.Regexp
}

// tree walks a document that was read into any.
type tree map[string]any

func (t tree) at(path ...string) tree {
	for _, name := range path {
		next, _ := t[name].(map[string]any)
		t = next
	}
	return t
}

// resolved follows a $ref.
func (t tree) resolved(document tree) tree {
	ref, ok := t["$ref"].(string)
	if !ok {
		return t
	}
	return document.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

// queries are the parameters of each operation, by the route's name.
func queries(document tree) map[string]map[string]*parameter {
	out := map[string]map[string]*parameter{}
	for path := range document.at("paths") {
		item := document.at("paths", path)
		for _, method := range []string{"get", "post", "patch", "put", "delete"} {
			operation := item.at(method)
			if operation == nil {
				continue
			}
			found := map[string]*parameter{}
			for _, list := range []any{item["parameters"], operation["parameters"]} {
				all, _ := list.([]any)
				for _, one := range all {
					p, _ := one.(map[string]any)
					if p := tree(p).resolved(document); p["in"] == "query" {
						found[p["name"].(string)] = parameterOf(p.at("schema").resolved(document))
					}
				}
			}
			out[strings.ToUpper(method)+" "+echoPath(path)] = found
		}
	}
	return out
}

// echoPath writes a path of the document as a route has it.
func echoPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

func parameterOf(schema tree) *parameter {
	p := &parameter{kind: "string", moment: schema["format"] == "date-time"}
	if kind, ok := schema["type"].(string); ok {
		p.kind = kind
	}
	choices, _ := schema["enum"].([]any)
	for _, c := range choices {
		text, _ := c.(string)
		p.choices = append(p.choices, text)
	}
	if text, ok := schema["pattern"].(string); ok {
		p.pattern = regexp.MustCompile(text)
	}
	p.min, p.max = bound(schema["minimum"]), bound(schema["maximum"])
	return p
}

// bound reads a number of the document.
func bound(v any) *int {
	n := 0
	switch v := v.(type) {
	case int:
		n = v
	case int64:
		n = int(v)
	case uint64:
		n = int(v)
	case float64:
		n = int(v)
	default:
		return nil
	}
	return &n
}

// checkQuery refuses what the operation's description does not allow.
func (s *Server) checkQuery(c *caller) error {
	known := s.queries[c.Request().Method+" "+c.Path()]
	query, err := httpapi.ParseForm(c.Request().URL.RawQuery, httpapi.FormRules{Semicolon: true})
	if err != nil {
		return cause.Because(cause.BadInput, "the query is malformed")
	}
	for name, given := range query.Values() {
		p, ok := known[name]
		switch {
		case !ok:
			return cause.Because(cause.BadInput, "there is no parameter %q here", name)
		case len(given) > 1:
			return cause.Because(cause.BadInput, "%s is given %d times", name, len(given))
		case !p.fits(given[0]):
			return cause.Because(cause.BadInput, "%s cannot be %q; see /openapi.yaml", name, given[0])
		}
	}
	return nil
}

// fits holds a value against its description. Nothing may have control characters.
func (p *parameter) fits(v string) bool {
	if !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return false
	}
	if p.choices != nil && !slices.Contains(p.choices, v) || p.pattern != nil && !p.pattern.MatchString(v) {
		return false
	}
	if p.moment {
		_, err := time.Parse(time.RFC3339, v)
		return err == nil
	}
	if p.kind == "integer" {
		n, err := strconv.Atoi(v)
		return err == nil && strings.Trim(v, "-0123456789") == "" && (p.min == nil || n >= *p.min) && (p.max == nil || n <= *p.max)
	}
	return true
}
