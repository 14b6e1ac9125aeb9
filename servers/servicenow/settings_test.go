package servicenow_test

import (
	"fmt"
	"net/http"
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

// TestGoldenExchanges holds whole answers against the file that shows them, with all
// headers but those that vary.
func TestGoldenExchanges(t *testing.T) {
	dialecttest.Exchanges{
		Setup: dialecttest.Setup{Kinds: kinds, Seed: company},
		Client: func(f *dialecttest.Fleet) *dialecttest.Client {
			c := f.Client("sn1/http")
			c.Login = func(r *http.Request, _ string, _ []byte) {
				r.Host = "sn1.service-now.com"
				r.SetBasicAuth("svc-sps", "pw")
				r.Header.Set("Accept", "application/json")
			}
			return c
		},
		Show: func(a dialecttest.Answer) string {
			return a.HeadBut("Date", "Set-Cookie", "Connection") + " " + strings.TrimSuffix(string(a.Body), "\n")
		},
	}.HoldFile(t, "testdata/exchanges")
}
