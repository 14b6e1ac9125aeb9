package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCtlSaysWhatIsMissing: what a fleet of several processes could not tell is said, and
// so is whose each entry is.
func TestCtlSaysWhatIsMissing(t *testing.T) {
	const silent = `"silent":["replica b of host2 has not answered within 2s"]`
	answers := map[string]string{
		"/journal/find": `{"entries":[{"seq":1,"server":"native","op":"GET /x","replica":"a"}],"last":1,"dropped":0,"missed":false,` + silent + `}`,
		"/clock":        `{"now":"2026-01-01T00:00:00Z","frozen":true,` + silent + `}`,
		"/faults":       `{"rules":[],` + silent + `}`,
		"/audit":        `{"clean":false,"known":false,"leases":[],"tokens":[],"sightings":[],"looked":0,"dropped":0,` + silent + `}`,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers[r.URL.Path] == "" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.Write([]byte(answers[r.URL.Path]))
	}))
	defer s.Close()
	for _, tt := range []struct {
		args, out string
		code      int
		err       string
	}{
		{"journal find", "REPLICA", exitOK, ""},
		{"clock", "frozen", exitOK, ""},
		{"faults", "none", exitOK, ""},
		{"audit", "0 operations looked at", exitFailed, "not all replicas were heard"},
	} {
		var out, errs strings.Builder
		code := run(t.Context(), append([]string{"ctl", "--control-url", s.URL}, strings.Fields(tt.args)...), strings.NewReader(""), &out, &errs)
		if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.err) ||
			!strings.Contains(errs.String(), "warning: replica b of host2 has not answered") {
			t.Errorf("%s: code %d\n%s\n%s", tt.args, code, out.String(), errs.String())
		}
	}
}
