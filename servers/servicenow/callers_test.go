package servicenow_test

import (
	"fmt"
	"strings"
	"testing"

	"counterpart/servers/servicenow"
)

// TestEveryRouteRefusesWhoMayNot: without credentials and with wrong ones.
func TestEveryRouteRefusesWhoMayNot(t *testing.T) {
	a := start(t)
	fill := strings.NewReplacer(":table", "incident", ":sys_id", strings.Repeat("a", 32))
	for _, op := range servicenow.Scope().Plays {
		method, path, route := strings.Cut(op, " ")
		if !route || path == "/oauth_token.do" {
			continue
		}
		body := ""
		if method == "POST" || method == "PUT" || method == "PATCH" {
			body = "{}"
		}
		for _, who := range []string{"", "nobody:nothing", "Authorization: Bearer nothing"} {
			if r := a.as(who).send(method, fill.Replace(path), body); r.status != 401 {
				t.Errorf("%s as %q: %d %s", op, who, r.status, r.body)
			}
		}
	}
}

// TestEveryOperationIsLimited: a limit of a table holds for all that is done with its rows.
func TestEveryOperationIsLimited(t *testing.T) {
	a := start(t, "    rate_limits: [{scope: all, per_hour: 1}]")
	row := a.send("POST", "/api/now/table/incident", `{"short_description":"x"}`)
	at := "/api/now/table/incident/" + fmt.Sprint(row.json["result"].(map[string]any)["sys_id"])
	for _, line := range []string{"GET /api/now/table/incident", "POST /api/now/table/incident", "GET " + at, "PUT " + at, "PATCH " + at, "DELETE " + at} {
		method, path, _ := strings.Cut(line, " ")
		body := ""
		if method[0] == 'P' {
			body = "{}"
		}
		if r := a.send(method, path, body); r.status != 429 {
			t.Errorf("%s: %d %s", line, r.status, r.body)
		}
	}
}
