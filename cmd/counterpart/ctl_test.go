package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestControlStories runs the stories of testdata/ctl: what a person does with a
// running fleet.
func TestControlStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/ctl",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"waitfor": waitFor, "send": send},
		Setup: func(e *testscript.Env) error {
			e.Setenv("COUNTERPART_PORTS_FILE", e.WorkDir+"/ports.json")
			e.Setenv("COUNTERPART_PORTS", "auto")
			return nil
		},
	})
}

// send [!] WHO METHOD PATH [BODY]: asks the native server as a person of the
// cast; prints status and body to stdout. With ! there must be no answer. A body of @FILE
// is what the file has.
func send(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.Join(args[3:], " ")
	if file, ok := strings.CutPrefix(text, "@"); ok {
		text = ts.ReadFile(file)
	}
	body := strings.NewReader(text)
	req, err := http.NewRequest(args[1], "http://"+port(ts, "ports.json", "native/http")+args[2], body)
	ts.Check(err)
	if len(args) > 3 {
		req.Header.Set("Content-Type", "application/json")
	}
	req.SetBasicAuth(args[0], strings.ToUpper(args[0][:1])+args[0][1:]+"-Pass-1")
	resp, err := http.DefaultClient.Do(req)
	if neg {
		if err == nil {
			ts.Fatalf("there is an answer: %s", resp.Status)
		}
		return
	}
	ts.Check(err)
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, answer)
}
