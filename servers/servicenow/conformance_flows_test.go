package servicenow_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
)

// jwt is an HS256 token.
func jwt(secret string, claims map[string]any) string {
	body, _ := json.Marshal(claims)
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func logins(t *testing.T) {
	a := start(t)
	const path = "/api/now/table/incident?sysparm_fields=number"
	want := a.want(200, "GET", path, "").body
	app := url.Values{"client_id": {"c1"}, "client_secret": {"s1"}}
	with := func(pairs ...string) url.Values {
		out := url.Values{}
		for k, v := range app {
			out[k] = v
		}
		for i := 0; i < len(pairs); i += 2 {
			out.Set(pairs[i], pairs[i+1])
		}
		return out
	}
	now := a.Clock.Now().Unix()
	const bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	password := a.form("/oauth_token.do", with("grant_type", "password", "username", "alice", "password", "Alice-Pass-1"))
	app2 := a.form("/oauth_token.do", with("grant_type", "client_credentials"))
	sps := a.form("/oauth_token.do", with("grant_type", "client_credentials", "client_id", "sps", "client_secret", "sps-secret"))
	signed := a.form("/oauth_token.do", with("grant_type", bearer), "Authentication: Bearer "+jwt("jwt-secret-of-the-tests", map[string]any{"sub": "alice", "exp": now + 60}))
	for who, token := range map[string]reply{"alice": password, "svc-sps": app2, "sps": sps, "alice again": signed} {
		text, _ := token.json["access_token"].(string)
		if token.status != 200 || a.as("Authorization: Bearer "+text).send("GET", path, "").body != want {
			t.Errorf("%s: %d %s", who, token.status, token.body)
		}
	}
	for what, token := range map[string]string{"wrong key": jwt("x", map[string]any{"sub": "alice", "exp": now + 60}), "expired": jwt("jwt-secret-of-the-tests", map[string]any{"sub": "alice", "exp": now}),
		"endless": jwt("jwt-secret-of-the-tests", map[string]any{"sub": "alice"}), "disabled": jwt("jwt-secret-of-the-tests", map[string]any{"sub": "dave", "exp": now + 60}), "garbage": "a.b.c", "": ""} {
		if r := a.form("/oauth_token.do", with("grant_type", bearer), "Authentication: Bearer "+token); r.status != 401 {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	for _, who := range []string{"x-sn-apikey: k1", "sps:sps-secret", "alice:Alice-Pass-1", "alice@acme.test:Alice-Pass-1"} {
		if r := a.as(who).want(200, "GET", path, ""); r.body != want {
			t.Errorf("%s: %s", who, r.body)
		}
	}
	cookie := ""
	for _, c := range a.want(200, "GET", path, "").header.Values("Set-Cookie") {
		if strings.HasPrefix(c, "glide_session_store=") {
			cookie, _, _ = strings.Cut(c, ";")
		}
	}
	a.as("Cookie: "+cookie).want(200, "GET", path, "")
	a.as("Cookie: "+cookie+"x").want(401, "GET", path, "")
	a.Clock.Advance(31 * time.Minute)
	a.as("Cookie: "+cookie).want(401, "GET", path, "")
	certificate(t)
}

// certificate shows that a client certificate of the fleet's CA stands for a user.
func certificate(t *testing.T) {
	b := startTLS(t)
	for name, want := range map[string]int{"sps.acme.test": 200, "other.acme.test": 401} {
		c, err := b.PKI.Client(name)
		if err != nil {
			t.Fatal(err)
		}
		b.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.PKI.Pool(), Certificates: []tls.Certificate{*c}}}}
		b.as("").want(want, "GET", "/api/now/table/incident", "")
		b.http.CloseIdleConnections()
	}
}

// startTLS is start with TLS.
func startTLS(t *testing.T, more ...string) *api {
	t.Helper()
	return startWith(t, strings.Replace(company, "tls: false", "tls: true", 1), more...)
}

func displays(t *testing.T) {
	a := start(t)
	path := a.path("change_request", "CHG0000038") + "?sysparm_fields=assigned_to,state,start_date,close_notes,closed_by,sys_id,active"
	id := a.id("CHG0000038")
	alice := a.want(200, "GET", "/api/now/table/sys_user?user_name=alice", "").rows()[0]["sys_id"].(string)
	link := a.base + "/api/now/table/sys_user/" + alice
	for query, want := range map[string]string{
		"": `{"assigned_to":{"link":"LINK","value":"ALICE"},"state":"-1","start_date":"2026-01-01 11:00:00","close_notes":"","closed_by":"","sys_id":"ID","active":"true"}`,
		"&sysparm_display_value=False&sysparm_exclude_reference_link=True": `{"assigned_to":"ALICE","state":"-1","start_date":"2026-01-01 11:00:00","close_notes":"","closed_by":"","sys_id":"ID","active":"true"}`,
		"&sysparm_display_value=true":                                      `{"assigned_to":{"display_value":"Alice Adams","link":"LINK"},"state":"Implement","start_date":"2026-01-01 12:00:00","close_notes":"","closed_by":"","sys_id":"ID","active":"true"}`,
		"&sysparm_display_value=true&sysparm_exclude_reference_link=true":  `{"assigned_to":"Alice Adams","state":"Implement","start_date":"2026-01-01 12:00:00","close_notes":"","closed_by":"","sys_id":"ID","active":"true"}`,
		"&sysparm_display_value=ALL":                                       `{"assigned_to":{"display_value":"Alice Adams","value":"ALICE","link":"LINK"},"state":{"display_value":"Implement","value":"-1"},"start_date":{"display_value":"2026-01-01 12:00:00","value":"2026-01-01 11:00:00"},"close_notes":{"display_value":"","value":""},"closed_by":{"display_value":"","value":""},"sys_id":{"display_value":"ID","value":"ID"},"active":{"display_value":"true","value":"true"}}`,
		"&sysparm_display_value=all&sysparm_exclude_reference_link=true":   `{"assigned_to":{"display_value":"Alice Adams","value":"ALICE"},"state":{"display_value":"Implement","value":"-1"},"start_date":{"display_value":"2026-01-01 12:00:00","value":"2026-01-01 11:00:00"},"close_notes":{"display_value":"","value":""},"closed_by":{"display_value":"","value":""},"sys_id":{"display_value":"ID","value":"ID"},"active":{"display_value":"true","value":"true"}}`,
	} {
		want = `{"result":` + strings.NewReplacer("LINK", link, "ALICE", alice, "ID", id).Replace(want) + `}`
		if r := a.as("bob:Bob-Pass-1").want(200, "GET", path+query, ""); r.body != want { // bob is in Vienna
			t.Errorf("%q:\n%s\nwant\n%s", query, r.body, want)
		}
	}
}

func rules(t *testing.T) {
	a := start(t, `
    business_rules:
      - {name: Closed, table: change_request, when: update, if: state=3, abort: Change is closed}
      - {table: incident, when: insert, if: "short_descriptionSTARTSWITHforbidden"}
      - {name: Keep, table: task, when: delete, if: "number=INC0000046"}
    access:
      - {table: problem, operation: read, role: admin}
      - {table: change_request, operation: write, role: admin, if: "number=CHG0000040"}
      - {table: sc_task, operation: create, role: nobody}`)
	root := a.as("root.admin:pw")
	abort := func(table, name, method, path, body string) {
		t.Helper()
		r := root.want(403, method, path, body)
		e, _ := r.json["error"].(map[string]any)
		detail, _ := e["detail"].(string)
		prefix, suffix := "Operation against file '"+table+"' was aborted by Business Rule '"+name+"^", "'. Business Rule Stack:"+name
		id := strings.TrimSuffix(strings.TrimPrefix(detail, prefix), suffix)
		if e["message"] != "Operation Failed" || len(id) != 32 {
			t.Errorf("%s", r.body)
		}
	}
	chg := a.path("change_request", "CHG0000038")
	root.want(200, "PATCH", chg, `{"state":"0"}`)
	abort("change_request", "Closed", "PATCH", chg, `{"state":"3"}`)
	abort("change_request", "Change Model: Check State Transition", "PATCH", chg, `{"state":"-5"}`)
	abort("incident", "incident rule 2", "POST", "/api/now/table/incident", `{"short_description":"Forbidden thing"}`)
	abort("incident", "Keep", "DELETE", a.path("incident", "INC0000046"), "")
	a.refused(403, "User Not Authorized", "Failed API level ACL Validation", "GET", "/api/now/table/problem", "")
	problem := root.want(201, "POST", "/api/now/table/problem", `{"short_description":"hidden"}`).row()["sys_id"].(string)
	if r := a.want(200, "GET", "/api/now/table/task?short_description=hidden", ""); len(r.rows()) != 0 || r.header.Get("X-Total-Count") != "1" {
		t.Errorf("through the parent table: %s", r.body)
	}
	a.refused(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval", "GET", "/api/now/table/task/"+problem, "")
	root.want(200, "GET", "/api/now/table/task/"+problem, "")
	root.want(200, "GET", "/api/now/table/problem", "")
	a.refused(403, "Operation Failed", "ACL Exception Update Failed due to security constraints", "PATCH", a.path("change_request", "CHG0000040"), `{"close_notes":"x"}`)
	root.want(200, "PATCH", a.path("change_request", "CHG0000040"), `{"close_notes":"x"}`)
	root.refused(403, "Operation Failed", "ACL Exception Insert Failed due to security constraints", "POST", "/api/now/table/sc_task", `{}`)
	a.refused(403, "Operation Failed", "ACL Exception Delete Failed due to security constraints", "DELETE", chg, "")
	for _, table := range []string{"sys_user", "sys_user_group", "sys_user_grmember", "sys_journal_field", "sysapproval_approver"} {
		root.refused(403, "Operation Failed", "ACL Exception Insert Failed due to security constraints", "POST", "/api/now/table/"+table, `{"name":"x"}`)
	}
	inc := a.path("incident", "INC0000046")
	a.refused(403, "Operation Failed", "Data Policy Exception: The following fields are mandatory: Resolution code, Resolution notes", "PATCH", inc, `{"state":"6"}`)
	a.refused(403, "Operation Failed", "Data Policy Exception: The following fields are mandatory: Additional comments", "PATCH", inc, `{"state":"3","hold_reason":"1"}`)
	a.want(200, "PATCH", inc, `{"state":"7","close_code":"Solution provided","close_notes":"done"}`)
	a.refused(403, "Operation Failed", "ACL Exception Update Failed due to security constraints", "PATCH", inc, `{"close_notes":"more"}`)
	root.want(200, "PATCH", inc, `{"close_notes":"more"}`)
}

func limits(t *testing.T) {
	a := start(t, `
    rate_limits:
      - {scope: role, role: itil, table: incident, per_hour: 3}
      - {scope: role, role: itil, table: incident, per_hour: 7}
      - {scope: all, per_hour: 100}
      - {scope: user, user: sps, table: incident, per_hour: 5}`)
	const path = "/api/now/table/incident"
	for range 3 {
		if r := a.want(200, "GET", path, ""); r.header.Get("X-RateLimit-Limit") != "3" || r.header.Get("X-RateLimit-Reset") != "1767272400" || len(r.header.Get("X-RateLimit-Rule")) != 32 {
			t.Errorf("%v", r.header)
		}
	}
	a.Clock.Advance(10 * time.Minute)
	r := a.refused(429, "Rate limit exceeded", "Rate limit of 3 requests per hour for Table API exceeded", "GET", path, "")
	for name, want := range map[string]string{"Retry-After": "3000", "X-RateLimit-Limit": "3", "X-RateLimit-Reset": "1767272400"} {
		if r.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, r.header.Get(name), want)
		}
	}
	if len(r.header.Get("X-RateLimit-Rule")) != 32 {
		t.Errorf("%v", r.header)
	}
	a.as("alice:Alice-Pass-1").want(200, "GET", path, "") // counts of her own
	sps := a.as("sps:sps-secret")
	for range 5 {
		sps.want(200, "GET", path, "")
	}
	sps.want(429, "GET", path, "")
	if r := sps.want(200, "GET", "/api/now/table/change_request", ""); r.header.Get("X-RateLimit-Limit") != "100" {
		t.Errorf("%v", r.header)
	}
	a.Clock.Advance(50 * time.Minute)
	a.want(200, "GET", path, "")
	a.Clock.Advance(time.Hour)
	for range 3 {
		a.want(200, "GET", path, "")
	}
	a.want(429, "GET", path, "")
}

// replay sends what the published plugin sends and reads what it reads.
func replay(t *testing.T) {
	a := start(t, `
    records: {change_request: [{number: CHG0000099, approval: approved, state: "-1"}, {number: CHG0000099, approval: approved, state: "-1"}]}`)
	common := "&sysparm_limit=10000&sysparm_offset=0&sysparm_display_value=False&sysparm_suppress_pagination_header=False&sysparm_exclude_reference_link=False&sysparm_view=&sysparm_fields="
	ask := func(query string) reply {
		t.Helper()
		return a.want(200, "GET", "/api/now/table/change_request?sysparm_query="+url.QueryEscape(query)+common, "", "content-type: application/json", "User-Agent: pysnow")
	}
	check := func(id string) int { return len(ask("active=true^approval=approved^number=" + id).rows()) }
	for id, want := range map[string]int{"CHG0000038": 1, "chg0000038": 1, "CHG0000039": 0, "CHG0000040": 1, "CHG9": 0, "CHG0000099": 2, "CHG9^NQnumber=CHG0000039": 1} {
		if got := check(id); got != want {
			t.Errorf("%s: %d rows, want %d", id, got, want)
		}
	}
	row := ask("number=CHG0000038").rows()[0]
	put := "/api/now/table/change_request/" + row["sys_id"].(string) + "?sysparm_query=" + url.QueryEscape("number=CHG0000038") + common
	if r := a.want(200, "PUT", put, `{"close_notes": "SPS session id: svc-abc-1"}`); r.row()["close_notes"] != "SPS session id: svc-abc-1" {
		t.Errorf("%s", r.body)
	}
	if err := a.Faults.Set([]fault.Rule{{Kind: fault.Status, Op: "table.update", Args: map[string]string{"code": "403"}}}); err != nil {
		t.Fatal(err)
	}
	a.want(403, "PUT", put, `{"close_notes": "again"}`)
	if e := a.Last(journal.Match{Server: "sn1", Op: "table.update"}); e.Object != "CHG0000038" || e.Actor != "svc-sps" || e.Broken != "before" {
		t.Errorf("the journal says %+v", e)
	}
}

// stalled asks for a list of many megabytes, reads 8 KiB of it and no more, while
// others are served and the fleet's memory stays where it is.
func stalled(t *testing.T) {
	var many strings.Builder
	many.WriteString("tickets:\n")
	for i := range 14000 {
		fmt.Fprintf(&many, "  - {id: INC%07d, system: servicenow, kind: incident, title: one of many, state: new, requester: alice}\n", i+1000)
	}
	a := startWith(t, strings.Replace(company, "tickets:\n", many.String(), 1))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 4 {
		c, err := net.Dial("tcp", strings.TrimPrefix(a.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /api/now/table/incident?sysparm_limit=20000&sysparm_display_value=all HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\n\r\n", base64.StdEncoding.EncodeToString([]byte("svc-sps:pw")))
		if n, err := io.ReadFull(c, make([]byte, 8<<10)); err != nil {
			t.Fatalf("%d octets: %v", n, err)
		}
	}
	began := time.Now()
	for range 20 {
		a.want(200, "GET", "/api/now/table/incident?sysparm_query=number=INC0009000", "")
		a.want(200, "PATCH", a.path("incident", "INC0009001"), `{"work_notes":"not delayed"}`)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("sixty others took %s", took)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 48<<20 {
		t.Errorf("the heap grew by %d MiB under four readers that stopped", grown>>20)
	}
	resp, err := a.http.Do(authorized(t, a.base+"/api/now/table/incident?sysparm_limit=20000&sysparm_display_value=all"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < 40<<20 {
		t.Errorf("%d octets, %v", n, err)
	}
}

func authorized(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("svc-sps", "pw")
	return req
}

func compressed(t *testing.T) {
	a := start(t, "    gzip: true")
	const path = "/api/now/table/task"
	plain := a.want(200, "GET", path, "")
	zipped := a.want(200, "GET", path, "", "Accept-Encoding: gzip, deflate")
	if zipped.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v", zipped.header)
	}
	z, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != plain.body {
		t.Errorf("%v %s", err, text)
	}
	if e := a.Last(journal.Match{Server: "sn1", Op: "table.list"}); !strings.HasPrefix(e.Response, `{"result":[{`) {
		t.Errorf("the journal shows %q", e.Response[:min(len(e.Response), 40)])
	}
}

// clients replays PySNC's batch and what servicenow.itsm does.
func clients(t *testing.T) {
	a := start(t).as("root.admin:pw")
	encode := func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }
	one, two := a.id("CHG0000038"), a.id("INC0000046")
	calls := []map[string]any{
		{"id": "1", "method": "PATCH", "url": "/api/now/table/change_request/" + one + "?sysparm_display_value=all", "headers": []any{map[string]string{"name": "Content-Type", "value": "application/json"}}, "body": encode(`{"close_notes":"batched"}`)},
		{"id": "2", "method": "DELETE", "url": "/api/now/table/incident/" + two, "headers": []any{}},
		{"id": "3", "method": "GET", "url": "/api/now/table/nosuch", "headers": []any{}},
		{"id": "4", "method": "GET", "url": "http://elsewhere.test/api/now/table/incident", "headers": []any{}},
		{"id": "5", "method": "POST", "url": "/api/now/v1/batch", "headers": []any{}, "body": encode(`{}`)},
	}
	body, _ := json.Marshal(map[string]any{"batch_request_id": 7, "rest_requests": calls})
	r := a.want(200, "POST", "/api/now/v1/batch", string(body))
	if r.json["batch_request_id"] != "7" || len(r.json["unserviced_requests"].([]any)) != 0 {
		t.Errorf("%s", r.body)
	}
	var statuses []string
	for _, s := range r.json["serviced_requests"].([]any) {
		m := s.(map[string]any)
		statuses = append(statuses, fmt.Sprint(m["id"], ":", m["status_code"]))
		if text, err := base64.StdEncoding.DecodeString(m["body"].(string)); m["id"] == "1" && (err != nil || !bytes.Contains(text, []byte(`"close_notes":{"display_value":"batched","value":"batched"}`))) {
			t.Errorf("%s", text)
		}
	}
	if got := strings.Join(statuses, " "); got != "1:200 2:204 3:400 4:400 5:400" {
		t.Error(got)
	}
	if e := a.Last(journal.Match{Server: "sn1", Op: "table.delete"}); e.Object != "INC0000046" || e.Actor != "root.admin" {
		t.Errorf("%+v", e)
	}
	// find_user by name, a long URL through a tiny one.
	if rows := a.want(200, "GET", "/api/now/table/sys_user?user_name=alice&sysparm_exclude_reference_link=true&sysparm_limit=1000&sysparm_offset=0", "").rows(); len(rows) != 1 || rows[0]["name"] != "Alice Adams" {
		t.Errorf("%v", rows)
	}
	if rows := a.want(200, "GET", "/api/now/table/change_request?assigned_to=Alice+Adams&state=Implement", "").rows(); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	long := a.base + "/api/now/table/change_request?sysparm_query=" + strings.Repeat("number=NONE^OR", 200) + "number=CHG0000038"
	tiny := a.want(200, "POST", "/api/now/tinyurl", `{"url":"`+long+`"}`).json["result"].(string)
	if !strings.HasPrefix(tiny, "change_request_list.do?sysparm_tiny=") {
		t.Errorf("%s", tiny)
	}
	if got := a.want(200, "GET", "/api/now/table/change_request?"+strings.TrimPrefix(tiny, "change_request_list.do?"), "").numbers(); got != "CHG0000038" {
		t.Errorf("%q", got)
	}
}

// vendorName reaches the instance by the name that instance=sn1 makes.
func vendorName(t *testing.T) {
	a := startTLS(t)
	addr := strings.TrimPrefix(a.base, "https://")
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	a.http = &http.Client{Transport: &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: a.PKI.Pool()}}}
	defer a.http.CloseIdleConnections()
	r := a.want(200, "GET", "https://sn1.service-now.com/api/now/table/change_request?sysparm_limit=1&sysparm_query=number=CHG0000038", "")
	if !strings.HasPrefix(r.header.Get("Link"), "<https://sn1.service-now.com/api/now/table/change_request?") {
		t.Errorf("%s", r.header.Get("Link"))
	}
	resp, err := a.http.Do(authorized(t, "https://other.example.org/api/now/table/incident"))
	if err == nil {
		resp.Body.Close()
		t.Error("the fleet has a certificate for a name that is not the vendor's")
	}
}
