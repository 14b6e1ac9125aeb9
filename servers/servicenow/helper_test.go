package servicenow_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/native"
	"counterpart/servers/servicenow"
)

var kinds = []dialect.Kind{{Name: "servicenow", New: servicenow.New, Settings: servicenow.Settings{}, Secrets: servicenow.Secrets()}, {Name: "native", New: native.New, Settings: native.Settings{}}}

// company is the seed of these tests; settings of the instance sn1 follow it.
const company = `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME, lockout: {threshold: 5}}
users:
  - {name: alice, display_name: Alice Adams, email: alice@acme.test, password: Alice-Pass-1, groups: [dba]}
  - {name: bob, display_name: Bob Baker, password: Bob-Pass-1, settings: {servicenow.time_zone: Europe/Vienna}}
  - {name: dave, password: Dave-Pass-1, status: disabled}
  - {name: trent, display_name: Trent Turner, password: Trent-Pass-1}
  - {name: victor, password: Victor-Pass-1, groups: [auditors]}
groups: [{name: dba}, {name: auditors}]
assets: [{name: db01, address: 10.0.0.5, hostnames: [db01.acme.test], platform: linux}, {name: sw01, address: 10.0.0.8, platform: cisco-ios}]
accounts: [{name: root, asset: db01, password: r}]
tickets:
  - {id: CHG0000038, system: servicenow, title: Replace the disk, state: implement, approval: approved, requester: alice, assignee: alice,
     approvers: [{user: trent, decision: approved}], min_approvals: 1, asset: db01, account: root, from: -1h, until: +8h}
  - {id: CHG0000039, system: servicenow, state: authorize, approval: requested, requester: alice, assignee: alice, approvers: [trent], min_approvals: 1, asset: db01}
  - {id: CHG0000040, system: servicenow, state: implement, approval: approved, requester: bob, assignee: bob, approvers: [{user: trent, decision: approved}], from: -2d, until: -1d}
  - {id: INC0000046, system: servicenow, kind: incident, title: "slow \"ünd\" <b>", state: in_progress, requester: bob, assignee: alice}
  - {id: OPS-1, system: jira, requester: bob}
clients: [{name: sps, secret: sps-secret, role: admin}]
servers:
  - {kind: native}
  - kind: servicenow
    name: sn1
    tls: false
    roles: [{user: trent, role: admin}, {group: auditors, role: none}]
    users: [{user: svc-sps, password: pw, roles: [itil]}, {user: root.admin, password: pw, roles: [admin]}, {user: nobody.rest, password: pw}]
    oauth: [{client_id: c1, client_secret: s1, user: svc-sps, jwt_secret: jwt-secret-of-the-tests}]
    api_keys: [{key: k1, user: svc-sps}]
    certificates: [{name: sps.acme.test, user: svc-sps}]
`

// api is a client of a running instance.
type api struct {
	*dialecttest.Fleet
	t    testing.TB
	base string
	who  string // "user:password", or a header "Name: value"
	http *http.Client
}

// start runs the company; more is laid below the instance's settings.
func start(t testing.TB, more ...string) *api {
	t.Helper()
	return startWith(t, company, more...)
}

// startWith is start with another company.
func startWith(t testing.TB, company string, more ...string) *api {
	t.Helper()
	f := dialecttest.Run(t, kinds, company+strings.Join(more, "\n"))
	port, scheme := "sn1/http", "http"
	a := &api{Fleet: f, t: t, who: "svc-sps:pw", http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200, DisableCompression: true}}}
	for _, e := range f.Company.Fleet.Endpoints() {
		if e.ID() == "sn1/https" {
			port, scheme = "sn1/https", "https"
			a.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: f.PKI.Pool()}
		}
	}
	a.base = scheme + "://" + f.Addr(port)
	t.Cleanup(a.http.CloseIdleConnections)
	return a
}

// as is the same client as somebody else.
func (a *api) as(who string) *api {
	b := *a
	b.who = who
	return &b
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

// send makes a request; headers are "Name: value".
func (a *api) send(method, path, body string, headers ...string) reply {
	a.t.Helper()
	target := path
	if !strings.HasPrefix(path, "http") {
		target = a.base + path
	}
	req, err := http.NewRequest(method, strings.ReplaceAll(target, " ", "%20"), strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if name, value, ok := strings.Cut(a.who, ": "); ok {
		req.Header.Set(name, value)
	} else if user, password, ok := strings.Cut(a.who, ":"); ok {
		req.SetBasicAuth(user, password)
	}
	for _, h := range headers {
		if name, value, _ := strings.Cut(h, ": "); value == "-" {
			req.Header.Del(name)
		} else {
			req.Header.Set(name, value)
		}
	}
	resp, err := a.http.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, body: string(text)}
	json.Unmarshal(text, &r.json)
	return r
}

// want is send that demands a status.
func (a *api) want(status int, method, path, body string, headers ...string) reply {
	a.t.Helper()
	r := a.send(method, path, body, headers...)
	if r.status != status {
		a.t.Errorf("%s %s as %s: %d, want %d\n%s", method, path, a.who, r.status, status, r.body)
	}
	return r
}

// refused demands a status and the exact body of a refusal.
func (a *api) refused(status int, message, detail, method, path, body string, headers ...string) reply {
	a.t.Helper()
	r := a.want(status, method, path, body, headers...)
	quoted := "null"
	if detail != "" {
		text, _ := json.Marshal(detail)
		quoted = string(text)
	}
	text, _ := json.Marshal(message)
	if want := `{"error":{"message":` + string(text) + `,"detail":` + quoted + `},"status":"failure"}`; strings.TrimSpace(r.body) != want {
		a.t.Errorf("%s %s: %s, want %s", method, path, r.body, want)
	}
	if got := r.header.Get("Content-Type"); got != "application/json;charset=UTF-8" {
		a.t.Errorf("%s %s: Content-Type %q", method, path, got)
	}
	return r
}

// rows are the rows of a list.
func (r reply) rows() (out []map[string]any) {
	list, _ := r.json["result"].([]any)
	for _, x := range list {
		out = append(out, x.(map[string]any))
	}
	return out
}

// row is a single result.
func (r reply) row() map[string]any { m, _ := r.json["result"].(map[string]any); return m }

// numbers joins the numbers of a list.
func (r reply) numbers() string {
	var out []string
	for _, row := range r.rows() {
		out = append(out, row["number"].(string))
	}
	return strings.Join(out, " ")
}

// find runs a query and joins the numbers that it finds.
func (a *api) find(table, query string) string {
	a.t.Helper()
	return a.want(200, "GET", "/api/now/table/"+table+"?sysparm_query="+url.QueryEscape(query), "").numbers()
}

// id is the sys_id of a ticket.
func (a *api) id(number string) string {
	a.t.Helper()
	rows := a.want(200, "GET", "/api/now/table/task?sysparm_query=number="+number, "").rows()
	if len(rows) != 1 {
		a.t.Fatalf("%d rows have the number %s", len(rows), number)
	}
	return rows[0]["sys_id"].(string)
}

// path is that of one ticket.
func (a *api) path(table, number string) string {
	return "/api/now/table/" + table + "/" + a.id(number)
}

func (a *api) form(path string, values url.Values, headers ...string) reply {
	a.t.Helper()
	return a.as("").send("POST", path, values.Encode(), append([]string{"Content-Type: application/x-www-form-urlencoded"}, headers...)...)
}
