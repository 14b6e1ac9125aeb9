package servicenow_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/dialecttest"
)

// asUser is svc-sps, or whoever a line names: all of the seed's users of the instance have
// the password pw. "none" is nobody, "bearer:x" the owner of a token.
func asUser(r *http.Request, actor string, body []byte) {
	r.Header.Set("Accept", "application/json")
	if len(body) > 0 && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token, ok := strings.CutPrefix(actor, "bearer:"); ok {
		r.Header.Set("Authorization", "Bearer "+token)
	} else if actor != "none" {
		r.SetBasicAuth(actor, "pw")
	}
}

// TestFailureBetweenWrites lets each write of an operation fail.
func TestFailureBetweenWrites(t *testing.T) {
	const (
		table  = "/api/now/table/"
		files  = "/api/now/attachment"
		upload = "+Content-Type:text/plain POST " + files + "/file?table_name=incident&table_sys_id={{inc}}&file_name=a.txt hello"
		form   = "@none +Content-Type:application/x-www-form-urlencoded POST /oauth_token.do client_id=c1&client_secret=s1&"
	)
	incident := []string{"GET " + table + "incident?sysparm_query=number=INC0000046", "-> inc result.0.sys_id"}
	with := append(incident[:2:2], upload, "-> file result.sys_id")
	token := []string{form + "grant_type=password&username=svc-sps&password=pw", "-> access access_token", "-> refresh refresh_token"}
	dialecttest.Operations{
		Setup: dialecttest.Setup{Kinds: kinds, Seed: company},
		Client: func(f *dialecttest.Fleet) *dialecttest.Client {
			c := f.Client("sn1/http")
			c.Login, c.Actor = asUser, "svc-sps"
			return c
		},
		List: []dialecttest.Operation{
			{Name: "upload", Before: incident, Do: upload, Check: wholeFiles, After: []string{"GET " + files, `=> "file_name":"a.txt"`}},
			{Name: "end of a file", Before: with, Do: "DELETE " + files + "/{{file}}", Done: "No Record found", Check: wholeFiles,
				After: []string{"GET " + files, `=> {"result":[]}`, "404 GET " + files + "/{{file}}/file", "GET " + table + "incident/{{inc}}"}},
			{Name: "end of a row with a file", Before: with, Do: "@root.admin DELETE " + table + "incident/{{inc}}", Done: "No Record found", Check: noFileAlone,
				After: []string{"@root.admin GET " + table + "sys_attachment", `=> {"result":[]}`, "404 GET " + table + "incident/{{inc}}"}},
			{Name: "row", Do: "POST " + table + `incident {"short_description":"new one"}`, After: []string{"GET " + table + "incident?sysparm_query=short_description=new%20one", `=> "short_description":"new one"`}},
			{Name: "row of the configuration", Do: "@root.admin POST " + table + `cmdb_ci_linux_server {"name":"web09"}`, After: []string{"@root.admin GET " + table + "cmdb_ci_linux_server?sysparm_query=name=web09", `=> "name":"web09"`}},
			{Name: "change", Before: incident, Do: "PATCH " + table + `incident/{{inc}} {"short_description":"changed","work_notes":"why"}`,
				After: []string{"GET " + table + "incident/{{inc}}", `=> "short_description":"changed"`}},
			{Name: "token", Do: token[0], After: append(token[:2:2], "@bearer:{{access}} GET "+table+"incident")},
			{Name: "refresh", Before: token, Do: form + "grant_type=refresh_token&refresh_token={{refresh}}",
				After: []string{form + "grant_type=refresh_token&refresh_token={{refresh}}", "-> access access_token", "@bearer:{{access}} GET " + table + "incident"}},
			{Name: "tiny URL", Do: `POST /api/now/tinyurl {"url":"https://sn1/api/now/table/incident?sysparm_query=number=INC0000046"}`},
			{Name: "approval", Done: "ACL Exception Update", Before: []string{"@root.admin GET " + table + "sysapproval_approver?sysparm_query=state=requested", "-> appr result.0.sys_id"}, Do: "@root.admin PATCH " + table + `sysapproval_approver/{{appr}} {"state":"approved"}`,
				After: []string{"@root.admin GET " + table + "sysapproval_approver/{{appr}}", `=> "state":"approved"`}},
		},
	}.Try(t)
}

// wholeFiles: whatever is listed can be had, whole.
func wholeFiles(t *testing.T, f *dialecttest.Fleet, c *dialecttest.Client) {
	t.Helper()
	list := c.Send(t, "GET /api/now/attachment")
	for i := 0; ; i++ {
		id := list.Text(fmt.Sprintf("result.%d.sys_id", i))
		if id == "" {
			return
		}
		if a := c.Send(t, "GET /api/now/attachment/"+id+"/file"); a.Status != 200 || string(a.Body) != "hello" {
			t.Errorf("a file is listed and is %s", a)
		}
	}
}

// noFileAlone: whatever is listed belongs to a row that is there.
func noFileAlone(t *testing.T, f *dialecttest.Fleet, c *dialecttest.Client) {
	t.Helper()
	wholeFiles(t, f, c)
	if list := c.As("root.admin").Send(t, "GET /api/now/table/sys_attachment"); list.Text("result.0.sys_id") != "" {
		if a := c.Send(t, "GET /api/now/table/incident/"+list.Text("result.0.table_sys_id")); a.Status != 200 {
			t.Errorf("a file of no row is listed: %s", list)
		}
	}
}

// TestUploadsThatDiedLeaveRoom: what an upload has taken that died is found again.
func TestUploadsThatDiedLeaveRoom(t *testing.T) {
	var store *statetest.Crash
	f := dialecttest.RunWith(t, dialecttest.Setup{Kinds: kinds, Seed: company, Options: func(o *boot.Options) {
		store = statetest.Crashing(state.NewMemory(o.Clock))
		o.Store = store
	}})
	c := f.Client("sn1/http")
	c.Login, c.Actor = asUser, "svc-sps"
	dialecttest.Plays(t, f, c, []string{"GET /api/now/table/incident?sysparm_query=number=INC0000046", "-> inc result.0.sys_id"})
	upload := "+Content-Type:text/plain POST /api/now/attachment/file?table_name=incident&table_sys_id={{inc}}&file_name=a.txt " + strings.Repeat("x", 8<<20)
	for range 9 {
		store.At(1)
		if a := c.Send(t, upload); a.Status < 500 || !store.Heal() {
			t.Fatalf("%s", a)
		}
	}
	for range 8 {
		if a := c.Send(t, upload); a.Status != 201 {
			t.Fatalf("%s", a)
		}
	}
	if a := c.Send(t, upload); a.Status != 403 {
		t.Errorf("a ninth of 8 MiB: %s", a)
	}
}
