package duo_test

import (
	"slices"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/journal"
	"counterpart/servers/duo"
)

// TestN5CredentialsComeFirst: what a path is, is said to those alone who have proved
// who they are; and an integration of another kind is none to an API.
func TestN5CredentialsComeFirst(t *testing.T) {
	f := start(t)
	paths := []string{"/admin/v1/users", "/admin/v1/info/summary", "/admin/v2/logs/authentication", "/accounts/v1/account/list", "/auth/v2/nosuch", "/auth/v3/auth", "/rest/v1/nosuch"}
	for _, path := range paths {
		c := newCall("GET", path)
		c.auth = "none"
		f.failed(f.send(c), 401, "40101", "Missing request credentials", "")
		wrong := *f
		wrong.key = [2]string{ikey, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
		f.failed(wrong.get(path), 401, "40103", "Invalid signature in request credentials", "")
		f.failed(f.as("DINNNNNNNNNNNNNNNNNN").get(path), 401, "40102", "Invalid integration key in request credentials", "")
	}
	for _, path := range paths[:4] { // an Auth integration
		f.failed(f.get(path), 401, "40102", "Invalid integration key in request credentials", "")
		f.failed(f.post(path), 401, "40102", "Invalid integration key in request credentials", "")
		if e := f.Last(journal.Match{Server: "duo"}); e.Why == "" || e.Feature != "" {
			t.Errorf("%+v", e)
		}
	}
	for _, path := range paths[4:] {
		f.failed(f.get(path), 404, "40401", "Resource not found", "")
	}
	f.failed(f.as("DIZZZZZZZZZZZZZZZZZZ").get("/accounts/v1/account/list"), 401, "40102", "Invalid integration key in request credentials", "")
	f.failed(f.as("DIZZZZZZZZZZZZZZZZZZ").get("/auth/v2/check"), 403, "40301", "Access forbidden", "")
	f.failed(f.as("DIZZZZZZZZZZZZZZZZZZ").get("/admin/v1/users"), 403, "40301", "Access forbidden", "")
	e := f.Last(journal.Match{Server: "duo", Outcome: "unplayed"})
	if e.Feature != "Admin API" || !slices.ContainsFunc(duo.Scope().Unplayed, func(x dialect.Feature) bool { return x.Name == e.Feature }) {
		t.Errorf("%+v", e)
	}
	c := newCall("POST", "/auth/v2/check") // another verb
	c.auth = "none"
	f.failed(f.send(c), 401, "40101", "Missing request credentials", "")
	c = newCall("POST", "/auth/v2/ping")
	c.auth = "none"
	f.failed(f.send(c), 405, "40501", "Method not allowed", "")
	c = newCall("GET", "/")
	c.auth = "none"
	f.failed(f.send(c), 404, "40401", "Resource not found", "")
}
