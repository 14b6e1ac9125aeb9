package servers_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"counterpart/internal/steering/dialecttest"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// TestS11AValueThatAClientBroughtIsMissedElsewhere: it is hidden where it was kept and
// where it turns up, and the audit says where that was.
func TestS11AValueThatAClientBroughtIsMissedElsewhere(t *testing.T) {
	text, err := worlds.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	f := dialecttest.Run(t, servers.Table(), string(text))
	do := func(method, url, body string, set func(*http.Request)) string {
		t.Helper()
		req, _ := http.NewRequest(method, "http://"+url, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		set(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode >= 300 {
			t.Fatalf("%s: %d %s", url, resp.StatusCode, b)
		}
		return string(b)
	}
	root := func(r *http.Request) { r.Header.Set("X-Vault-Token", "root") }
	control := func(r *http.Request) { r.Header.Set("Authorization", "Bearer control-token") }
	do("POST", f.Addr("vault/http")+"/v1/kv/data/mine", `{"data":{"favourite":"chocolate-cake-42"}}`, root)
	do("GET", f.Addr("vault/http")+"/v1/kv/data/mine", "", root)
	do("POST", f.Addr("native/http")+"/vault/v1/accounts/root@db01/checkout", `{"reason":"chocolate-cake-42"}`,
		func(r *http.Request) { r.SetBasicAuth("alice", "Alice-Pass-1") })
	if all := do("GET", f.Addr("control/http")+"/journal", "", control); strings.Contains(all, "chocolate") || !strings.Contains(all, "favourite") {
		t.Errorf("the journal shows %s", all)
	}
	var audit struct {
		Sightings []struct{ Server, Where, Whose, Text string }
	}
	if err := json.Unmarshal([]byte(do("GET", f.Addr("control/http")+"/audit", "", control)), &audit); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, s := range audit.Sightings {
		if s.Whose != "value vault" {
			continue
		}
		if seen++; s.Server != "native" || !strings.HasPrefix(s.Text, "a value that a client keeps in vault was ") {
			t.Errorf("%+v", s)
		}
	}
	if seen != 2 { // in native's request and answer, not where it belongs
		t.Errorf("%d sightings: %+v", seen, audit.Sightings)
	}
}
