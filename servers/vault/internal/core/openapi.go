package core

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"counterpart/servers/vault/internal/api"
)

// goTypes are the types of parameters as path-help prints them.
var goTypes = map[api.Field]string{api.Text: "string", api.Bool: "bool", api.Integer: "int", api.Array: "slice", api.Object: "map"}

// jsonTypes are those of the OpenAPI document.
var jsonTypes = map[api.Field]string{api.Text: "string", api.Bool: "boolean", api.Integer: "integer", api.Array: "array", api.Object: "object"}

// synopsis says what a path is for, from its operations.
func synopsis(p *api.Path) string {
	var verbs []string
	for _, v := range []struct{ op, verb string }{{"L", "Lists"}, {"R", "Reads"}, {"W", "Writes"}, {"P", "Patches"}, {"D", "Deletes"}} {
		if strings.Contains(p.Ops, v.op) {
			verbs = append(verbs, v.verb)
		}
	}
	text := strings.Join(verbs, ", ")
	if n := len(verbs); n > 1 {
		text = strings.Join(verbs[:n-1], ", ") + " and " + strings.ToLower(verbs[n-1])
	}
	return text + " " + strings.TrimSuffix(p.Template, "/") + "."
}

// inWords is the text about a parameter: its name in words.
func inWords(name string) string {
	words := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:] + "."
}

// route is the pattern of a path as a real server prints it.
func route(p *api.Path) string {
	parts := strings.Split(strings.TrimSuffix(p.Template, "/"), "/")
	for i, part := range parts {
		name, isParameter := strings.CutPrefix(part, "{")
		if name = strings.TrimSuffix(name, "}"); !isParameter {
			continue
		}
		expression := `\w(([\w-.]+)?\w)?`
		if name == "path" || name == "prefix" || name == "url_lease_id" {
			expression = ".+"
		}
		parts[i] = "(?P<" + name + ">" + expression + ")"
	}
	tail := ""
	if strings.HasSuffix(p.Template, "/") {
		tail = "/?"
	}
	return "^" + strings.Join(parts, "/") + tail + "$"
}

// helpText is path-help of a path.
func helpText(request string, p *api.Path) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Request:        %s\nMatching Route: %s\n\n%s\n\n", request, route(p), synopsis(p))
	types := map[string]string{}
	var names []string
	for name, kind := range p.Fields {
		types[name], names = goTypes[kind], append(names, name)
	}
	for _, name := range p.Captured {
		if types[name] == "" {
			types[name], names = "string", append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > 0 {
		b.WriteString("## PARAMETERS\n")
		for _, name := range names {
			fmt.Fprintf(&b, "\n    %s (%s)\n\n        %s\n", name, types[name], inWords(name))
		}
	}
	fmt.Fprintf(&b, "\n## DESCRIPTION\n\n%s", synopsis(p))
	return b.String()
}

// helped answers ?help=1: of the root of a mount all its paths, of a path its pattern
// and its parameters.
func (r *Request) helped(p *Path) Handler {
	e := r.engineOf(r.Mount)
	text, about := "", []*api.Path{}
	paths := r.Described.Engine(e.DescribedAt)
	switch {
	case r.Rest == "":
		var b strings.Builder
		fmt.Fprintf(&b, "## DESCRIPTION\n\nThe engine %s.\n\n## PATHS\n\nPaths of this engine; ask any of them for its own help.\n\n", r.Mount.Type)
		for i := range paths {
			fmt.Fprintf(&b, "    %s\n        %s\n\n", route(&paths[i]), synopsis(&paths[i]))
		}
		text = strings.TrimSuffix(b.String(), "\n")
	default:
		for i := range paths {
			if p != nil && paths[i].Same(p.Shape()) && (p.fallback() || !strings.HasSuffix(paths[i].Template, "/")) {
				about = append(about, &paths[i])
				break
			}
		}
		if len(about) == 0 && p != nil {
			about = append(about, &api.Path{Template: strings.NewReplacer(":", "", "@", "", "=", "", "*", "", "+", "").Replace(p.Pattern)})
		} else if len(about) == 0 {
			about = append(about, r.knownPath())
		}
		text = helpText(r.Rest, about[0])
	}
	document := r.document(about, "/")
	return func(*Request) (*Answer, error) {
		return &Answer{Plain: struct {
			Help    string `json:"help"`
			OpenAPI any    `json:"openapi"`
			SeeAlso any    `json:"see_also"`
		}{text, document, nil}}, nil
	}
}

// fallback reports the path that answers where no pattern fits.
func (p *Path) fallback() bool { return p.Arbitrary }

// document is an OpenAPI document of paths below a prefix.
func (r *Request) document(paths []*api.Path, prefix string) map[string]any {
	out := map[string]any{}
	for _, p := range paths {
		out[prefix+p.Template] = described(p)
	}
	return r.openAPI(out)
}

func (r *Request) openAPI(paths map[string]any) map[string]any {
	return map[string]any{"openapi": "3.0.2", "info": map[string]any{"title": r.Pick("HashiCorp Vault API", "OpenBao API"),
		"description": "Paths below /v1/, with their operations and parameters.", "version": r.Flavour.Version,
		"license": map[string]any{"name": "Mozilla Public License 2.0", "url": "https://www.mozilla.org/en-US/MPL/2.0"}},
		"paths": paths, "components": map[string]any{"schemas": map[string]any{}}}
}

// described is a path of the OpenAPI document.
func described(p *api.Path) map[string]any {
	item := map[string]any{"description": synopsis(p)}
	var parameters []any
	for _, name := range p.Captured {
		if strings.Contains(p.Template, "{"+name+"}") {
			parameters = append(parameters, map[string]any{"name": name, "description": inWords(name), "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		}
	}
	if parameters != nil {
		item["parameters"] = parameters
	}
	if p.Sudo {
		item["x-vault-sudo"] = true
	}
	if p.Public {
		item["x-vault-unauthenticated"] = true
	}
	done := map[string]any{"200": map[string]any{"description": "OK"}}
	for _, op := range p.Ops {
		switch op {
		case 'R':
			item["get"] = map[string]any{"responses": done}
		case 'L':
			item["get"] = map[string]any{"responses": done, "parameters": []any{map[string]any{"name": "list", "in": "query", "required": true,
				"description": "Must be true.", "schema": map[string]any{"type": "string", "enum": []string{"true"}}}}}
		case 'W', 'P':
			properties := map[string]any{}
			for name, kind := range p.Fields {
				properties[name] = map[string]any{"type": jsonTypes[kind], "description": inWords(name)}
			}
			write := map[string]any{"responses": done}
			if len(properties) > 0 {
				write["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{
					"schema": map[string]any{"type": "object", "properties": properties}}}}
			}
			item[map[rune]string{'W': "post", 'P': "patch"}[op]] = write
		case 'D':
			item["delete"] = map[string]any{"responses": map[string]any{"204": map[string]any{"description": "empty body"}}}
		}
	}
	return item
}

// OpenAPISpec describes the mounts that the caller can reach.
func OpenAPISpec(r *Request) (*Answer, error) {
	generic, err := r.Bool("generic_mount_paths", false)
	if err != nil {
		return nil, err
	}
	t, err := r.MountTable()
	if err != nil {
		return nil, err
	}
	if err := r.Caller(); err != nil {
		return nil, err
	}
	paths := map[string]any{}
	items := map[*api.Path]map[string]any{} // the same for all mounts of an engine
	for _, m := range t.List {
		e := r.engineOf(m)
		if e == nil {
			continue
		}
		near := r.Token != nil
		if near {
			acl, err := r.ACL(r.Token)
			if err != nil {
				return nil, err
			}
			near = acl.Near(m.Path)
		}
		prefix := "/" + m.Path
		if generic && m.Type != "system" && m.Type != "identity" && m.Type != "cubbyhole" {
			prefix = "/{" + strings.ReplaceAll(m.Type, "-", "_") + "_mount_path}/"
			if m.IsAuth() {
				prefix = "/auth" + prefix
			}
		}
		described := r.Described.Engine(e.DescribedAt)
		for i := range described {
			if p := &described[i]; near || p.Public {
				if items[p] == nil {
					items[p] = describedAt(p, generic, prefix)
				}
				paths[prefix+p.Template] = items[p]
			}
		}
	}
	if len(paths) == 0 {
		return nil, Refuse(http.StatusForbidden, "permission denied")
	}
	return &Answer{Plain: r.openAPI(paths)}, nil
}

// describedAt is a path below a mount, whose own path is a parameter if generic.
func describedAt(p *api.Path, generic bool, prefix string) map[string]any {
	item := described(p)
	if from := strings.IndexByte(prefix, '{'); generic && from >= 0 {
		name := prefix[from+1 : strings.IndexByte(prefix, '}')]
		list, _ := item["parameters"].([]any)
		item["parameters"] = append(list, map[string]any{"name": name, "description": "Path that the engine is mounted at.", "in": "path", "required": true,
			"schema": map[string]any{"type": "string"}})
	}
	return item
}
