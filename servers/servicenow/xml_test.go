package servicenow_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>`

// TestN4XML: whoever accepts XML gets XML, of every endpoint and every refusal.
func TestN4XML(t *testing.T) {
	a := start(t)
	asked := "Accept: application/xml"
	id := a.id("INC0000046")
	for path, want := range map[string]string{
		"/api/now/table/incident/" + id + "?sysparm_fields=number,short_description,closed_by":                         `<response><result><number>INC0000046</number><short_description>slow &#34;ünd&#34; &lt;b&gt;</short_description><closed_by/></result></response>`,
		"/api/now/table/change_request?sysparm_query=ORDERBYnumber&sysparm_fields=number,cmdb_ci.name&sysparm_limit=2": `<response><result><number>CHG0000038</number><cmdb_ci.name>db01</cmdb_ci.name></result><result><number>CHG0000039</number><cmdb_ci.name>db01</cmdb_ci.name></result></response>`,
		"/api/now/table/incident?sysparm_query=number=none":                                                            `<response></response>`,
		"/api/now/table/incident/" + id + "?sysparm_fields=state&sysparm_display_value=all":                            `<response><result><state><display_value>In Progress</display_value><value>2</value></state></result></response>`,
		"/api/now/stats/change_request?sysparm_count=true&sysparm_group_by=type":                                       `<response><result><groupby_fields><field>type</field><value>normal</value></groupby_fields><stats><count>3</count></stats></result></response>`,
	} {
		r := a.want(200, "GET", path, "", asked)
		if r.body != xmlHead+want && r.body != xmlHead+want+"\n" || r.header.Get("Content-Type") != "application/xml;charset=UTF-8" {
			t.Errorf("%s: %s %s", path, r.header.Get("Content-Type"), r.body)
		}
	}
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/api/now/table/u_nosuch": {400, `<response><error><message>Invalid table u_nosuch</message><detail/></error><status>failure</status></response>`},
		"/api/now/nosuch":         {400, `<response><error><message>Requested URI does not represent any resource</message><detail/></error><status>failure</status></response>`},
		"/api/now/table/incident/00000000000000000000000000000000": {404, `<response><error><message>No Record found</message><detail>Record doesn&#39;t exist or ACL restricts the record retrieval</detail></error><status>failure</status></response>`},
	} {
		if r := a.want(want.status, "GET", path, "", asked); strings.TrimSpace(r.body) != xmlHead+want.text {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	if r := a.as("").want(401, "GET", "/api/now/table/incident", "", asked); !strings.Contains(r.body, "<message>User Not Authenticated</message>") {
		t.Errorf("%s", r.body)
	}
	for accept, want := range map[string]string{"text/xml": "text/xml;charset=UTF-8", "text/html, application/xml;q=0.9, */*;q=0.8": "application/xml;charset=UTF-8", "application/xml;q=0.5, application/json": "application/json;charset=UTF-8",
		"*/*": "application/json;charset=UTF-8", "application/*": "application/json;charset=UTF-8", "-": "application/json;charset=UTF-8"} {
		if r := a.want(200, "GET", "/api/now/table/incident", "", "Accept: "+accept); r.header.Get("Content-Type") != want {
			t.Errorf("Accept %s: %s", accept, r.header.Get("Content-Type"))
		}
	}
	for _, accept := range []string{"text/plain", "text/html", "image/png", "application/json;q=0"} {
		a.refused(406, "Not Acceptable", "Requested response media type is not supported", "GET", "/api/now/table/incident", "", "Accept: "+accept)
	}
	a.as("").want(401, "GET", "/api/now/table/incident", "", "Accept: text/plain")
}

// TestN4BodiesInXML: writes take <request><entry>, and nothing else.
func TestN4BodiesInXML(t *testing.T) {
	a := start(t)
	kind := "Content-Type: application/xml"
	r := a.want(201, "POST", "/api/now/table/incident", xmlHead+`<request><entry><short_description>a &amp; b</short_description><urgency>2</urgency><assigned_to><link>x</link><value>alice</value></assigned_to></entry><entry><short_description>no</short_description></entry></request>`, kind)
	if row := r.row(); row["short_description"] != "a & b" || row["urgency"] != "2" || row["assigned_to"] == "" {
		t.Errorf("%s", r.body)
	}
	for _, body := range []string{`<request><entry>`, `<entry><short_description>x</short_description></entry>`, `<request></request>`, `{"short_description":"x"}`, `<!DOCTYPE r [<!ENTITY e "x">]><request><entry><a>&e;</a></entry></request>`,
		`<request><entry>` + strings.Repeat("<a>", 2000) + strings.Repeat("</a>", 2000) + `</entry></request>`} {
		a.refused(400, "Exception while reading request", "The payload is not valid XML.", "POST", "/api/now/table/incident", body, kind)
	}
	a.want(415, "POST", "/api/now/v1/batch", `<request/>`, kind)
	in, _ := json.Marshal(map[string]any{"batch_request_id": 1, "rest_requests": []any{map[string]any{"id": "1", "method": "GET", "url": "/api/now/table/incident?sysparm_limit=1&sysparm_fields=number",
		"headers": []any{map[string]string{"name": "Accept", "value": "application/xml"}}}}})
	one := a.want(200, "POST", "/api/now/v1/batch", string(in)).json["serviced_requests"].([]any)[0].(map[string]any)
	if text, _ := base64.StdEncoding.DecodeString(one["body"].(string)); !strings.Contains(string(text), "<result><number>INC0000046</number></result>") {
		t.Errorf("%s", text)
	}
}

// FuzzXML: whatever stands in a row, its answer in XML can be read.
func FuzzXML(f *testing.F) {
	a := start(f)
	for _, s := range []string{"", "a", "<b>&\"'", "\x00\x1b\ufffe", "\\u0000\\", "]]>", strings.Repeat("x", 9000), "{}[],:", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a.t = t
		body, _ := json.Marshal(map[string]string{"short_description": text})
		r := a.want(200, "PATCH", a.path("incident", "INC0000046")+"?sysparm_fields=short_description,number", string(body), "Accept: text/xml")
		d := xml.NewDecoder(strings.NewReader(r.body))
		depth, seen := 0, ""
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, r.body)
			}
			switch tok := token.(type) {
			case xml.StartElement:
				depth++
				seen += tok.Name.Local + " "
			case xml.EndElement:
				depth--
			}
		}
		if depth != 0 || seen != "response result short_description number " {
			t.Errorf("%q: %s", seen, r.body)
		}
		entryOf(t, a, text)
	})
}

// entryOf sends a text as a body in XML: it is refused, or taken, in words of ours.
func entryOf(t *testing.T, a *api, text string) {
	r := a.send("POST", "/api/now/table/incident", text, "Content-Type: text/xml")
	if r.status != 201 && r.status != 400 {
		t.Errorf("%d %s", r.status, r.body)
	}
}
