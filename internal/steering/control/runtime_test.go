package control_test

import (
	"net/http"
	"strings"
	"testing"

	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// TestS10MetricsShowTheProcess: goroutines, memory, descriptors and connections.
func TestS10MetricsShowTheProcess(t *testing.T) {
	a := client(t)
	text := a.want(200, "GET", "/metrics", "").body
	for _, want := range []string{"\ngo_goroutines ", "\ngo_memstats_heap_live_bytes ", "\nprocess_resident_memory_bytes ", "\nprocess_open_fds ",
		"\ncounterpart_connections{server=\"control\",port=\"http\"} 1\n", "\ncounterpart_evicted_total{server=\"native\",port=\"http\"} 0\n",
		"\ncounterpart_turned_away_total{", "\ncounterpart_journal_readers 0\n", "\ncounterpart_journal_masked_total "} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestProfilesAreOpenedOnRequestOnly(t *testing.T) {
	a := client(t)
	a.want(404, "GET", "/debug/pprof/heap", "")
	f := dialecttest.RunWith(t, dialecttest.Setup{Kinds: servers.Table(), Seed: "version: 1\n", Options: func(o *boot.Options) { o.Profiles = true }})
	for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/goroutine?debug=1": 200, "/debug/pprof/nothing": 404} {
		for token, status := range map[string]int{"control-token": want, "other": 401} {
			req, _ := http.NewRequest("GET", "http://"+f.Addr("control/http")+path, nil)
			req.Header.Set("Authorization", "Bearer "+token)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != status {
				t.Errorf("%s as %s: %d, want %d", path, token, resp.StatusCode, status)
			}
		}
	}
}
