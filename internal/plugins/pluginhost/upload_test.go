package pluginhost_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"counterpart/internal/plugins/pluginhost"
)

// goodManifest is one that every profile from 5.11 on takes.
const goodManifest = "name: Sample_Plugin\ndescription: a sample\nversion: 1.0.0\ntype: aa\napi: \"1.0\"\nentry_point: main.py\n"

const goodMain = "#!/usr/bin/env pluginwrapper3\nclass Plugin:\n    pass\n"

// entry is one entry of a zip under test.
type entry struct {
	name, body string
	header     func(*zip.FileHeader)
}

// good is a package that nothing is wrong with, plus more entries.
func good(more ...entry) []entry {
	return append([]entry{{name: "MANIFEST", body: goodManifest}, {name: "main.py", body: goodMain}}, more...)
}

func manifestOnly(text string) []entry {
	return []entry{{name: "MANIFEST", body: text}, {name: "main.py", body: goodMain}}
}

func zipBytes(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Store}
		if e.header != nil {
			e.header(h)
		}
		create := w.CreateHeader
		if h.UncompressedSize64 > 0 { // a header that is to be taken as it is
			create = w.CreateRaw
		}
		f, err := create(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeZip(t testing.TB, entries []entry) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "plugin.zip")
	if err := os.WriteFile(p, zipBytes(t, entries), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func profile(t testing.TB, sps string) pluginhost.Profile {
	t.Helper()
	p, err := pluginhost.ProfileFor(sps)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func checkZip(t testing.TB, entries []entry) (*pluginhost.Package, pluginhost.Verdict) {
	t.Helper()
	return pluginhost.Check(writeZip(t, entries), profile(t, "9.0"))
}

// wantCodes compares the codes of all errors, in order.
func wantCodes(t testing.TB, v pluginhost.Verdict, codes ...string) {
	t.Helper()
	var have []string
	for _, p := range v.Errors() {
		have = append(have, p.Code)
	}
	if fmt.Sprint(have) != fmt.Sprint(codes) {
		t.Errorf("errors %v, want %v: %v", have, codes, v.Problems)
	}
}

// wantText wants a problem that says exactly text.
func wantText(t testing.TB, v pluginhost.Verdict, text string) {
	t.Helper()
	for _, p := range v.Problems {
		if p.Text == text {
			return
		}
	}
	t.Errorf("nothing says %q: %v", text, v.Problems)
}

var uploadChecks = []check{
	{"1 root MANIFEST missing", func(t *testing.T) {
		_, v := checkZip(t, []entry{{name: "main.py", body: goodMain}})
		wantCodes(t, v, "manifest-missing")
		wantText(t, v, "MANIFEST file not found in the Zip")
	}},
	{"2 one-folder zip is refused with a hint", func(t *testing.T) {
		_, v := checkZip(t, []entry{{name: "plugin-main/"}, {name: "plugin-main/MANIFEST", body: goodManifest}, {name: "plugin-main/main.py", body: goodMain}})
		wantCodes(t, v, "manifest-missing")
		if hint := v.Problems[0].Hint; !strings.Contains(hint, "plugin-main/") {
			t.Errorf("hint %q", hint)
		}
	}},
	{"3 just below 20 MiB accepted, 20 MiB refused", func(t *testing.T) {
		base := len(zipBytes(t, good(entry{name: "pad"})))
		for _, c := range []struct {
			size int
			ok   bool
		}{{19_900 << 10, true}, {20<<20 - 1, true}, {20 << 20, false}} {
			p := writeZip(t, good(entry{name: "pad", body: strings.Repeat("x", c.size-base)}))
			if info, _ := os.Stat(p); info.Size() != int64(c.size) {
				t.Fatalf("made %d bytes, wanted %d", info.Size(), c.size)
			}
			if _, v := pluginhost.Check(p, pluginhost.Profile{}); v.OK() != c.ok || v.Has("too-large") == c.ok {
				t.Errorf("%d bytes: %v", c.size, v.Problems)
			}
		}
	}},
	{"4 default.cfg of 10240 bytes accepted, 10241 refused, non-UTF-8 refused", func(t *testing.T) {
		_, v := checkZip(t, good(entry{name: "default.cfg", body: strings.Repeat("#", 10240)}))
		wantCodes(t, v)
		_, v = checkZip(t, good(entry{name: "default.cfg", body: strings.Repeat("#", 10241)}))
		wantCodes(t, v, "default-cfg-size")
		_, v = checkZip(t, good(entry{name: "default.cfg", body: "[x]\nname = M\xfcller\n"}))
		wantCodes(t, v, "default-cfg-encoding")
	}},
	{"5 each MANIFEST rule with its message", checkManifestRules},
	{"6 the guides' own example is not YAML", func(t *testing.T) {
		_, v := checkZip(t, manifestOnly("name: name: SPS_Sample\nversion: 1.0\n"))
		wantCodes(t, v, "manifest-format")
		wantText(t, v, "MANIFEST file format wrong, should be yaml")
	}},
	{"7 API versions", checkAPIVersions},
	{"8 product version bounds", checkBounds},
	{"9 published MANIFESTs", checkPublished},
	{"10 no entry_point is legacy", func(t *testing.T) {
		pkg, v := checkZip(t, manifestOnly(strings.Replace(goodManifest, "entry_point: main.py\n", "", 1)))
		wantCodes(t, v, "legacy")
		if pkg.Manifest.Name != "Sample_Plugin" {
			t.Errorf("%+v", pkg.Manifest)
		}
		_, v = checkZip(t, manifestOnly(strings.Replace(goodManifest, "entry_point: main.py", "entry_point:", 1)))
		wantCodes(t, v, "legacy")
	}},
	{"11 entry file missing", func(t *testing.T) {
		_, v := checkZip(t, []entry{{name: "MANIFEST", body: goodManifest}, {name: "lib/main.py", body: goodMain}})
		wantCodes(t, v, "entry-missing")
	}},
}

func checkManifestRules(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(goodManifest, old, new, 1) }
	const typeMessage = " not in ('aa', 'configuration_sync', 'credentialstore', 'signingca')"
	const nameMessage = "MANIFEST name should start with letter and continue with letter, digit or underscore"
	const entryMessage = "MANIFEST entry point should only contain letters, digits, dot, dash or underscore"
	cases := []struct{ name, text, code, message string }{
		{"name missing", replace("name: Sample_Plugin\n", ""), "manifest-required", "MANIFEST 'name' is missing"},
		{"name empty", replace("name: Sample_Plugin", "name:"), "manifest-empty", "MANIFEST 'name' is empty"},
		{"name null", replace("name: Sample_Plugin", "name: ~"), "manifest-empty", "MANIFEST 'name' is empty"},
		{"name of one letter", replace("Sample_Plugin", "S"), "manifest-name", nameMessage},
		{"name with a hyphen", replace("Sample_Plugin", "Sample-Plugin"), "manifest-name", nameMessage},
		{"name starts with a digit", replace("Sample_Plugin", "1a"), "manifest-name", nameMessage},
		{"name is a boolean", replace("Sample_Plugin", "yes"), "manifest-type", "MANIFEST 'name' is read as the boolean True, not as text"},
		{"name is a number", replace("Sample_Plugin", "1_000"), "manifest-type", "MANIFEST 'name' is read as the integer 1000, not as text"},
		{"version missing", replace("version: 1.0.0\n", ""), "manifest-required", "MANIFEST 'version' is missing"},
		{"version is text", replace("1.0.0", "v1.0.0"), "manifest-version", "MANIFEST version should start with a digit"},
		{"version is infinite", replace("1.0.0", ".inf"), "manifest-version", "MANIFEST version should start with a digit"},
		{"type missing", replace("type: aa\n", ""), "manifest-required", "MANIFEST 'type' is missing"},
		{"type unknown", replace("type: aa", "type: AA"), "manifest-type-unknown", "AA" + typeMessage},
		{"type not run here", replace("type: aa", "type: signingca"), "type-unsupported", "type 'signingca' is not supported by this host"},
		{"api missing", replace("api: \"1.0\"\n", ""), "manifest-required", "MANIFEST 'api' is missing"},
		{"api unreadable", replace("\"1.0\"", "1.x"), "manifest-api", "The value of the attribute 'api' can not be parsed as valid semantic version"},
		{"entry point in a folder", replace("main.py", "lib/main.py"), "manifest-entry-point", entryMessage},
		{"entry point is a number", replace("main.py", "1.5"), "manifest-type", "MANIFEST 'entry_point' is read as the number 1.5, not as text"},
		{"e-mail", goodManifest + "author_email: me at home\n", "manifest-email", "The given author email address is not valid"},
		{"empty file", "", "manifest-format", "MANIFEST is not a list of keys and values"},
		{"a list", "- name\n", "manifest-format", "MANIFEST is not a list of keys and values"},
		{"two documents", goodManifest + "---\nname: Other\n", "manifest-format", "MANIFEST file format wrong, should be yaml"},
		{"not UTF-8", goodManifest + "author_name: J\xf6rg\n", "manifest-encoding", "MANIFEST is not UTF-8"},
		{"unknown tag", replace("Sample_Plugin", "!x Sample"), "manifest-format", "MANIFEST file format wrong, should be yaml"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, v := checkZip(t, manifestOnly(c.text))
			wantCodes(t, v, c.code)
			wantText(t, v, c.message)
		})
	}
	for name, text := range map[string]string{
		"description may miss":        replace("description: a sample\n", ""),
		"two letters":                 replace("Sample_Plugin", "ab"),
		"quoted words are text":       replace("Sample_Plugin", `"yes"`),
		"other keys are ignored":      goodManifest + "author: somebody\nnested: {a: [1, 2]}\n",
		"empty e-mail":                goodManifest + "author_email: ''\n",
		"aliases":                     replace("name: Sample_Plugin", "x: &n Sample_Plugin\nname: *n"),
		"byte order mark":             "\ufeff" + goodManifest,
		"carriage returns":            strings.ReplaceAll(goodManifest, "\n", "\r\n"),
		"tagged text":                 replace("1.0.0", "!!str 1.10"),
		"duplicate keys: last wins":   "name: '1'\n" + goodManifest,
		"unquoted API that lost zero": replace(`"1.0"`, "1.10"),
	} {
		t.Run(name, func(t *testing.T) {
			_, v := checkZip(t, manifestOnly(text))
			wantCodes(t, v)
		})
	}
	t.Run("every reason at once", func(t *testing.T) {
		_, v := checkZip(t, []entry{{name: "MANIFEST", body: "name: a-b\nversion: x\ntype: zz\napi: 2.0\nentry_point: main.py\n"}, {name: "default.cfg", body: strings.Repeat("x", 20000)}})
		wantCodes(t, v, "manifest-type-unknown", "manifest-name", "manifest-version", "api-larger", "entry-missing", "default-cfg-size")
	})
	t.Run("lines and hints", func(t *testing.T) {
		pkg, v := checkZip(t, manifestOnly(replace("1.0.0", "1.10")))
		wantCodes(t, v)
		if w := v.Warnings(); len(w) != 1 || w[0].Line != 3 || w[0].Code != "manifest-number" || pkg.Manifest.Version != "1.1" {
			t.Errorf("%v, version %s", w, pkg.Manifest.Version)
		}
	})
}

func checkAPIVersions(t *testing.T) {
	for _, c := range []struct{ api, sps, code string }{
		{"1.0", "9.0", ""}, {"1.9", "9.0", ""}, {"1.7.0", "9.0", ""}, {"1.9.5", "9.0", ""},
		{`"1.10"`, "9.0", "api-larger"}, {"1.10", "9.0", ""}, {"2.0", "9.0", "api-larger"}, {"0.9", "9.0", "api-major"},
		{"1", "9.0", "manifest-api"}, {"1.x", "9.0", "manifest-api"}, {"''", "9.0", "manifest-api"}, {"'01.2'", "9.0", "manifest-api"},
		{"1.0", "6.2", ""}, {"1.3", "6.2", ""}, {"1.4", "6.2", "api-larger"}, {"2.0", "6.2", "api-larger"},
		{"1.3", "6.1", "api-larger"}, {"1.6", "6.1", "api-larger"}, {"1.2", "6.1", ""},
	} {
		t.Run(c.api+" on "+c.sps, func(t *testing.T) {
			text := strings.Replace(goodManifest, `"1.0"`, c.api, 1)
			_, v := pluginhost.Check(writeZip(t, manifestOnly(text)), profile(t, c.sps))
			if c.code == "" {
				wantCodes(t, v)
			} else {
				wantCodes(t, v, c.code)
			}
			if warned := v.Has("manifest-number"); warned != (c.api == "1.10") {
				t.Errorf("warned %v", warned)
			}
		})
	}
	_, v := checkZip(t, manifestOnly(strings.Replace(goodManifest, `"1.0"`, "2.0", 1)))
	wantText(t, v, "MANIFEST api version may not be larger than Plugin SDK version")
	_, v = checkZip(t, manifestOnly(strings.Replace(goodManifest, `"1.0"`, "0.9", 1)))
	wantText(t, v, "MANIFEST api major version must equal Plugin SDK major version")
}

func checkBounds(t *testing.T) {
	api := pluginhost.API{Major: 1, Minor: 9}
	for _, c := range []struct{ sps, bound, code string }{
		{"5.10.9", "scb_max_version: 5.11.0~", ""},
		{"5.11.0", "scb_max_version: 5.11.0~", "sps-too-new"},
		{"5.11.0", "scb_max_version: 5.11.0", ""},
		{"5.11.1", "scb_max_version: 5.11.0", "sps-too-new"},
		{"7.5.0", "scb_max_version: 8.0.0~", ""},
		{"8.0.0", "scb_max_version: 8.0.0~", "sps-too-new"},
		{"8.0.5", "scb_min_version: 8.1.0", "sps-too-old"},
		{"8.1.0", "scb_min_version: 8.1.0", ""},
		{"10.0.0", "scb_min_version: 9.0.0", ""},
		{"8.1.0", "scb_min_version: 8.10", ""}, // the number 8.1
		{"9.0", "scb_max_version: 9.0.0", ""},  // a release without its third number
	} {
		t.Run(c.sps+" "+c.bound, func(t *testing.T) {
			_, v := pluginhost.Check(writeZip(t, manifestOnly(goodManifest+c.bound+"\n")), pluginhost.Profile{SPS: c.sps, API: api})
			if c.code == "" {
				wantCodes(t, v)
			} else {
				wantCodes(t, v, c.code)
			}
		})
	}
}

func checkPublished(t *testing.T) {
	plugins := []struct{ name, kind, api, bounds string }{
		{"azure", "aa", "1.2", ""}, {"cyberark", "credentialstore", "1.6", ""}, {"duo", "aa", "1.2", ""},
		{"fqdnauth", "aa", "1.2", ""}, {"hashicorp", "credentialstore", "1.6", ""}, {"inwebo", "aa", "1.1", ""},
		{"okta", "aa", "1.1", ""}, {"onelogin", "aa", "1.4", "author: somebody\n"}, {"pingid", "aa", "1.3", ""},
		{"radius", "aa", "1.6", ""}, {"safeguard", "credentialstore", "1.6", ""},
		{"sample", "aa", "1.1", "scb_min_version: 8.1.0\n"}, {"servicenow", "aa", "1.3", ""}, {"skeleton", "aa", "1.1", ""},
		{"sra", "aa", "1.7.0", "scb_max_version: 8.0.0~\n"}, {"starling", "aa", "1.4", ""},
		{"tpam", "credentialstore", "1.1", ""}, {"yubikey", "aa", "1.1", ""}, {"thycotic", "credentialstore", "1.3", ""},
	}
	refused := map[string]string{
		"9.0": "[sra:sps-too-new thycotic:entry-missing]",
		"7.5": "[sample:sps-too-old thycotic:entry-missing]",
		"6.1": "[cyberark:api-larger hashicorp:api-larger onelogin:api-larger pingid:api-larger radius:api-larger safeguard:api-larger sample:sps-too-old servicenow:api-larger sra:api-larger starling:api-larger thycotic:api-larger thycotic:entry-missing]",
	}
	for sps, want := range refused {
		var have []string
		for _, p := range plugins {
			entries := manifestOnly(fmt.Sprintf("name: SPS_%s\ndescription: x\nversion: 1.0.0\ntype: %s\napi: %s\nentry_point: main.py\n%s", p.name, p.kind, p.api, p.bounds))
			if p.name == "thycotic" { // published without code
				entries = entries[:1]
			}
			_, v := pluginhost.Check(writeZip(t, entries), profile(t, sps))
			for _, e := range v.Errors() {
				have = append(have, p.name+":"+e.Code)
			}
		}
		if fmt.Sprint(have) != want {
			t.Errorf("on %s %v, want %s", sps, have, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	_, v := checkZip(t, []entry{{name: "MANIFEST", body: goodManifest}, {name: "main.py", body: "class Plugin: pass\n"},
		{name: "safeguard/sessions/plugin_impl/box_config.py"}})
	wantCodes(t, v)
	if !v.Has("entry-shebang") || !v.Has("sdk-bundled") {
		t.Errorf("%v", v.Problems)
	}
	if got := v.Problems[0].String(); got != "main.py:1: warning: the first line is not #!/usr/bin/env pluginwrapper3 (the guides demand it for Python 3 plugins)" {
		t.Error(got)
	}
}

func TestProfiles(t *testing.T) {
	for sps, want := range map[string]string{"": "1.9", "9.0": "1.9", "9": "1.9", "9.0.3": "1.9", "8.0.5": "1.8", "7.5": "1.7", "6.12": "1.7", "6.9": "1.6", "5.10.9": "1.0"} {
		if p := profile(t, sps); p.API.String() != want {
			t.Errorf("%q has %s, want %s", sps, p.API, want)
		}
	}
	for _, sps := range []string{"4.3", "10.0", "nine", "1.2.3.4", "9.-1"} {
		if p, err := pluginhost.ProfileFor(sps); err == nil {
			t.Errorf("%q is %+v", sps, p)
		}
	}
}
