// Package manifest reads the MANIFEST of an SPS plugin as the box does, with
// the box's messages, and says what its author may have meant instead.
package manifest

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"counterpart/internal/plugins/pluginhost/verdict"
	"counterpart/internal/serving/strictyaml"
)

// FileName is what the file is called, in the root of the package.
const FileName = "MANIFEST"

// MaxSize is how much of a MANIFEST is read; real ones have a few hundred bytes.
const MaxSize = 256 << 10

// The plugin types that a box knows. This host runs the first two.
const (
	AA                = "aa"
	CredentialStore   = "credentialstore"
	ConfigurationSync = "configuration_sync"
	SigningCA         = "signingca"
)

// Manifest is a MANIFEST that could be read; fields that were refused are empty.
type Manifest struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Version     string `json:"version"`
	Type        string `json:"type"`
	API         API    `json:"api"`
	EntryPoint  string `json:"entry_point,omitempty"` // empty: a legacy plugin
	MinVersion  string `json:"scb_min_version,omitempty"`
	MaxVersion  string `json:"scb_max_version,omitempty"`
	AuthorName  string `json:"author_name,omitempty"`
	AuthorEmail string `json:"author_email,omitempty"`
}

// Host is what a MANIFEST is judged against.
type Host struct {
	SPS string // "9.0.0"
	API API
}

var (
	nameForm    = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
	entryForm   = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	emailForm   = regexp.MustCompile(`^([-+_.a-zA-Z0-9]+@[-_a-zA-Z0-9]+(\.[-_a-zA-Z0-9]+)*)?$`)
	versionForm = regexp.MustCompile(`^[0-9][^\n]*$`)
)

// fields are the loaded values by key.
type fields map[string]Value

// judge gathers what is wrong.
type judge struct {
	fields fields
	out    verdict.Verdict
}

func (j *judge) refuse(code, key, text, hint string) {
	j.out.Add(verdict.Problem{Code: code, File: FileName, Line: j.fields[key].Line, Text: cut(text), Hint: cut(hint)})
}

func (j *judge) warn(code, key, text, hint string) {
	j.out.Add(verdict.Problem{Severity: verdict.Warning, Code: code, File: FileName, Line: j.fields[key].Line, Text: cut(text), Hint: cut(hint)})
}

// cut bounds a message: a value in it may be as long as the file.
func cut(s string) string {
	const most = 800
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Parse reads and judges a MANIFEST. The Manifest is what could be understood,
// whatever the verdict.
func Parse(data []byte, h Host) (Manifest, verdict.Verdict) {
	j := &judge{}
	if p, ok := j.load(data); !ok {
		j.out.Add(p)
		return Manifest{}, j.out
	}
	m := Manifest{}
	j.required()
	j.names(&m)
	j.versions(&m, h)
	j.bounds(&m, h)
	j.author(&m)
	if d := j.fields["description"]; d.Kind != Null {
		m.Description = d.Text
	}
	return m, j.out
}

func notYAML(hint string) verdict.Problem {
	return verdict.Problem{Code: "manifest-format", File: FileName, Text: "MANIFEST file format wrong, should be yaml", Hint: hint}
}

// load fills the fields; the problem is why nothing could be.
func (j *judge) load(data []byte) (verdict.Problem, bool) {
	if len(data) > MaxSize {
		return notYAML(fmt.Sprintf("it has more than %d bytes", MaxSize)), false
	}
	if !utf8.Valid(data) {
		return verdict.Problem{Code: "manifest-encoding", File: FileName, Text: "MANIFEST is not UTF-8", Hint: "save it as UTF-8"}, false
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	if i := strings.IndexFunc(text, unprintable); i >= 0 {
		return notYAML(fmt.Sprintf("the control character at byte %d is not allowed", i)), false
	}
	if why := strayTab(text); why != "" {
		return notYAML(why), false
	}
	root, why := document(text)
	if why != "" {
		return notYAML(why), false
	}
	if root.Kind != strictyaml.Mapping {
		return verdict.Problem{Code: "manifest-format", File: FileName, Text: "MANIFEST is not a list of keys and values",
			Hint: "write one `key: value` per line, with a blank after the colon"}, false
	}
	return j.fill(root.Entries)
}

func (j *judge) fill(entries []strictyaml.Entry) (verdict.Problem, bool) {
	j.fields = fields{}
	var twice []string
	for _, e := range entries {
		v, ok := load(e.Value)
		if !ok {
			return notYAML("an alias or tag in it cannot be resolved"), false
		}
		v.Line = e.Line
		if _, seen := j.fields[e.Name]; seen {
			twice = append(twice, e.Name)
		}
		j.fields[e.Name] = v // the last one wins
	}
	for _, key := range twice[:min(len(twice), strictyaml.MaxProblems)] {
		j.warn("manifest-duplicate", key, fmt.Sprintf("MANIFEST has '%s' twice", strictyaml.Short(key)), "the last one counts")
	}
	return verdict.Problem{}, true
}

// document reads the one document of a file, or says why there is none.
func document(text string) (root *strictyaml.Node, why string) {
	limits := strictyaml.SmallLimits()
	limits.Size = MaxSize
	root = strictyaml.Parse(context.Background(), []byte(text), strictyaml.Config{What: FileName, Limits: limits, Lenient: true},
		func(_ *strictyaml.Node, p strictyaml.Problem) {
			if why == "" {
				why = p.Error()
			}
		})
	return root, why
}

func unprintable(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0x7f || r >= 0x80 && r < 0xa0 && r != 0x85 || r == 0xfffe || r == 0xffff
}

// required checks the fields that an upload needs. description and entry_point
// are demanded only when a plugin is built, so old packages still load.
func (j *judge) required() {
	for _, key := range []string{"name", "api", "version", "type"} {
		v, ok := j.fields[key]
		switch {
		case !ok:
			j.refuse("manifest-required", key, fmt.Sprintf("MANIFEST '%s' is missing", key), "add a line `"+key+": …`")
		case v.Kind == Null:
			j.refuse("manifest-empty", key, fmt.Sprintf("MANIFEST '%s' is empty", key), "give it a value")
		}
	}
	for _, key := range []string{"description"} {
		v, ok := j.fields[key]
		switch {
		case !ok:
			j.warn("manifest-required", key, fmt.Sprintf("MANIFEST '%s' is missing", key), "an upload takes it, a build does not")
		case v.Kind == Null:
			j.warn("manifest-empty", key, fmt.Sprintf("MANIFEST '%s' is empty", key), "an upload takes it, a build does not")
		}
	}
}

// present returns a field that has a value.
func (j *judge) present(key string) (Value, bool) {
	v, ok := j.fields[key]
	return v, ok && v.Kind != Null
}

// text returns a field that must be text; anything else stops the box's check
// with a type error rather than with a message.
func (j *judge) text(key string) (string, bool) {
	v, ok := j.present(key)
	if !ok {
		return "", false
	}
	if v.Kind != String {
		j.refuse("manifest-type", key, fmt.Sprintf("MANIFEST '%s' is read as the %s %s, not as text", key, v.Kind, v.Text),
			fmt.Sprintf("quote it: %s: %q", key, v.Source))
		return "", false
	}
	return v.Text, true
}

func (j *judge) names(m *Manifest) {
	if v, ok := j.present("type"); ok {
		m.Type = v.Text
		switch m.Type {
		case AA, CredentialStore:
		case ConfigurationSync, SigningCA:
			j.refuse("type-unsupported", "type", fmt.Sprintf("type '%s' is not supported by this host", m.Type), "a box knows it; this host runs aa and credentialstore")
		default:
			m.Type = ""
			j.refuse("manifest-type-unknown", "type", v.Text+" not in ('aa', 'configuration_sync', 'credentialstore', 'signingca')", "")
		}
	}
	if s, ok := j.text("name"); ok {
		if nameForm.MatchString(s) {
			m.Name = s
		} else {
			j.refuse("manifest-name", "name", "MANIFEST name should start with letter and continue with letter, digit or underscore",
				"at least two characters, and no hyphen")
		}
	}
	v := j.fields["entry_point"]
	if !v.truthy() || v.Kind == "" {
		j.refuse("legacy", "entry_point", "no entry_point: a legacy plugin for Python 2.6.5, unsupported by this host", "port it to Python 3 and name its file: entry_point: main.py")
		return
	}
	if s, ok := j.text("entry_point"); ok {
		if entryForm.MatchString(s) && s != "." && s != ".." {
			m.EntryPoint = s
		} else {
			j.refuse("manifest-entry-point", "entry_point", "MANIFEST entry point should only contain letters, digits, dot, dash or underscore",
				"it must lie in the root of the package")
		}
	}
}

func (j *judge) versions(m *Manifest, h Host) {
	if v, ok := j.present("version"); ok {
		if versionForm.MatchString(v.Text) {
			m.Version = v.Text
			j.lost("version", v)
		} else {
			j.refuse("manifest-version", "version", "MANIFEST version should start with a digit", "")
		}
	}
	v, ok := j.present("api")
	if !ok {
		return
	}
	api, ok := parseAPI(v.Text)
	switch {
	case !ok:
		j.refuse("manifest-api", "api", "The value of the attribute 'api' can not be parsed as valid semantic version",
			"The valid format should be: x.y.z where z is optional")
		return
	case api.largerThan(h.API):
		j.refuse("api-larger", "api", "MANIFEST api version may not be larger than Plugin SDK version",
			fmt.Sprintf("it asks for %s, SPS %s has %s", v.Text, h.SPS, h.API))
	case api.Major != h.API.Major:
		j.refuse("api-major", "api", "MANIFEST api major version must equal Plugin SDK major version",
			fmt.Sprintf("it asks for %s, SPS %s has %s", v.Text, h.SPS, h.API))
	}
	m.API = api.API
	j.lost("api", v)
}

// lost warns of a number that became another one when it was loaded.
func (j *judge) lost(key string, v Value) {
	if v.lossy() {
		j.warn("manifest-number", key, fmt.Sprintf("MANIFEST '%s' %s is read as the number %s", key, v.Source, v.Text),
			fmt.Sprintf("quote it: %s: %q", key, v.Source))
	}
}

// bounds compares the product's version, both bounds included.
func (j *judge) bounds(m *Manifest, h Host) {
	if v, ok := j.present("scb_min_version"); ok {
		m.MinVersion = v.Text
		j.lost("scb_min_version", v)
		if CompareDebian(h.SPS, v.Text) < 0 {
			j.refuse("sps-too-old", "scb_min_version", fmt.Sprintf("the plugin needs SPS %s or later, this is %s", v.Text, h.SPS), "")
		}
	}
	if v, ok := j.present("scb_max_version"); ok {
		m.MaxVersion = v.Text
		j.lost("scb_max_version", v)
		if CompareDebian(h.SPS, v.Text) > 0 {
			j.refuse("sps-too-new", "scb_max_version", fmt.Sprintf("the plugin allows SPS up to %s, this is %s", v.Text, h.SPS),
				"a trailing ~ means: below, and not itself")
		}
	}
}

func (j *judge) author(m *Manifest) {
	if v, ok := j.present("author_name"); ok {
		m.AuthorName = v.Text
	}
	if v := j.fields["author_email"]; v.Kind == "" || !v.truthy() {
		return
	}
	if s, ok := j.text("author_email"); ok {
		if emailForm.MatchString(s) {
			m.AuthorEmail = s
		} else {
			j.refuse("manifest-email", "author_email", "The given author email address is not valid", "")
		}
	}
}
