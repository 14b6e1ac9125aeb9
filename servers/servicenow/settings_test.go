package servicenow_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"counterpart/internal/company/clock"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/dialecttest"
	"counterpart/seed"
	"counterpart/seed/worlds"
)

func TestMistakesInTheBlockAreReported(t *testing.T) {
	for block, want := range map[string]string{
		"instnce: x":                                              "unknown key `instnce`",
		"invalid_query: maybe":                                    "known are `drop` and `none`",
		"path_prefix: sn1/":                                       "write it like /sn1",
		"time_zone: Mars/Olympus":                                 "is no time zone",
		"api_keys: [{key: k9, user: nobody}]":                     `"nobody" is no user`,
		"tables: [{name: u_x, fields: {a: complex}}]":             "is no type",
		"tables: [{name: incident}]":                              `there is a table "incident"`,
		"records: {u_nosuch: [{a: b}]}":                           `there is no table "u_nosuch"`,
		"records: {incident: [{nosuch: b}]}":                      `no field "nosuch"`,
		"records: {incident: [{state: Sideways}]}":                `"Sideways" is no value of state`,
		"records: {change_request: [{start_date: soon}]}":         `"soon" is no value of start_date`,
		"records: {incident: [{assigned_to: nobody}]}":            `"nobody" is no value of assigned_to`,
		"fields: {nosuch: {a: text}}":                             `there is no table "nosuch"`,
		"business_rules: [{table: incident, if: nosuch=1}]":       "is no condition on incident",
		"business_rules: [{table: incident, when: now}]":          "`when` cannot be `now`",
		"rate_limits: [{scope: role, per_hour: 1}]":               "scope role needs a role",
		"rate_limits: [{per_hour: 0}]":                            "`per_hour`",
		"access: [{table: nosuch, operation: read, role: admin}]": `there is no table "nosuch"`,
		"roles: [{role: itil}]":                                   "give either a user or a group",
		"oauth: [{client_id: a, client_secret: b, user: nobody}]": `"nobody" is no user`,
	} {
		c := clock.Frozen(dialecttest.Start)
		text := "version: 1\norganization: {name: Acme, domain: acme.test}\nusers: [{name: alice, password: Alice-Pass-1}]\nservers:\n  - {kind: servicenow, " + block + "}\n"
		s, err := seed.Load("bad.yaml", []byte(text), seed.Options{Now: c.Now(), FS: worlds.FS})
		if err == nil {
			_, err = boot.New(s, boot.Options{Kinds: kinds, Auto: true, Clock: c})
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "bad.yaml:5:") {
			t.Errorf("%s: %v, want %q and its place", block, err, want)
		}
	}
}

// TestTheCastOfTheDemo holds the demo's tickets against what documents say of them.
func TestTheCastOfTheDemo(t *testing.T) {
	text, err := worlds.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "\nservers:")
	_, block, found := strings.Cut(string(text), "  - kind: servicenow\n")
	if !found {
		t.Fatal("demo.yaml has no block of this kind")
	}
	block, _, _ = strings.Cut(block, "\n  - ")
	a := startWith(t, head+"\nservers:\n  - kind: servicenow\n    name: sn1\n    tls: false\n"+strings.ReplaceAll(block, "instance: acme", ""))
	a.who = "alice:Alice-Pass-1"
	var got []string
	for _, row := range a.want(200, "GET", "/api/now/table/task?sysparm_fields=number,state,approval,active,assigned_to.user_name,cmdb_ci.name", "").rows() {
		got = append(got, fmt.Sprint(row["number"], " ", row["state"], " ", row["approval"], " ", row["active"], " ", row["assigned_to.user_name"], " ", row["cmdb_ci.name"]))
	}
	if want := "CHG0000038 -1 approved true alice db01\nCHG0000039 -3 requested true alice db01\nCHG0000040 -1 approved true bob web01\nINC0000046 2 not requested true alice win01"; strings.Join(got, "\n") != want {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	const open = "^start_date<=javascript:gs.nowDateTime()^end_date>=javascript:gs.nowDateTime()^ORDERBYnumber"
	if got := a.find("change_request", "approval=approved"+open); got != "CHG0000038" {
		t.Errorf("approved and open: %s", got)
	}
	for who, status := range map[string]int{"bob:Bob-Pass-1": 200, "sps:sps-secret": 200, "mallory:Mallory-Pass-1": 200, "carol:Carol-Pass-1": 401, "dave:Dave-Pass-1": 401, "eve:Eve-Pass-1": 401, "peggy:Peggy-Pass-1": 401} {
		a.as(who).want(status, "GET", "/api/now/table/task", "")
	}
}

var update = flag.Bool("update", false, "rewrite testdata/golden.txt")

// TestGoldenExchange holds whole answers, octet for octet, against the file that
// shows them; headers that vary are left out.
func TestGoldenExchange(t *testing.T) {
	for name, running := range map[string]bool{"frozen": false, "running": true} {
		t.Run(name, func(t *testing.T) { goldenExchange(t, running) })
	}
}

// goldenExchange is the test on a clock that stands or runs.
func goldenExchange(t *testing.T, running bool) {
	a := start(t)
	if running {
		a.Clock.Resume()
	}
	id := a.id("INC0000046")
	var out strings.Builder
	for _, request := range []string{
		"GET /api/now/table/incident/" + id + "?sysparm_fields=number,state,short_description,assigned_to,closed_by HTTP/1.1\r\n",
		"GET /api/now/table/incident?sysparm_query=number=INC0000046&sysparm_fields=number,state&sysparm_display_value=all&sysparm_limit=1 HTTP/1.1\r\n",
		"GET /api/now/table/incident/00000000000000000000000000000000 HTTP/1.1\r\n",
		"GET /api/now/nosuch HTTP/1.1\r\n",
		"DELETE /api/now/table/incident/" + id + " HTTP/1.1\r\n",
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(a.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "%sHost: sn1.service-now.com\r\nAuthorization: Basic c3ZjLXNwczpwdw==\r\nAccept: application/json\r\nConnection: close\r\n\r\n", request)
		raw, err := io.ReadAll(bufio.NewReader(c))
		c.Close()
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(request + steady(string(raw)) + "\n\n")
	}
	path := filepath.Join("testdata", "golden.txt")
	if *update {
		os.WriteFile(path, []byte(strings.ReplaceAll(out.String(), "\r\n", "\n")), 0o644)
	}
	want, err := os.ReadFile(path)
	if got := strings.ReplaceAll(out.String(), "\r\n", "\n"); err != nil || got != string(want) {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

var varying = regexp.MustCompile(`(?m)^(Date|Set-Cookie): .*\r?\n`)

func steady(raw string) string { return varying.ReplaceAllString(raw, "") }
