package edit_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/serving/fault/edit"
)

const (
	jsonBody = `{ "ok" : true, "result":"ALLOW","n":3, "who": {"user":"alice","id":"tx-07"},
 "items":[{"id":"a"},{"id":"b"}], "a.b":null, "until":"2026-01-02T03:04:05Z" }`
	xmlBody  = `<?xml version="1.0"?><r v="1"><status>OK</status><item k='x'>1</item><item>a&amp;b</item><none/><e></e></r>`
	formBody = `Error=Success&user=alice+a&user=bob`
	textBody = "h=abc=\r\nt=2026-01-02T03:04:05Z\r\nstatus=OK\r\n\r\n"
	plain    = "The request was approved\nand more\n"
)

func TestPartsAreChangedAndNothingElse(t *testing.T) {
	for _, tt := range []struct{ kind, body, field, as, value, want string }{
		{"", jsonBody, "ok", edit.Flipped, "", strings.Replace(jsonBody, "true", "false", 1)},
		{"", jsonBody, "result", edit.Flipped, "", strings.Replace(jsonBody, "ALLOW", "DENY", 1)},
		{"", jsonBody, "ok", edit.Dropped, "", strings.Replace(jsonBody, `"ok" : true, `, "", 1)},
		{"", jsonBody, "result", edit.Dropped, "", strings.Replace(jsonBody, `, "result":"ALLOW"`, "", 1)},
		{"", jsonBody, "until", edit.Dropped, "", strings.Replace(jsonBody, `, "until":"2026-01-02T03:04:05Z"`, "", 1)},
		{"", jsonBody, "until", edit.Expired, "", strings.Replace(jsonBody, "2026", "2016", 1)},
		{"", jsonBody, "who.user", edit.Replaced, `b"<o>b`, strings.Replace(jsonBody, `"alice"`, `"b\"<o>b"`, 1)},
		{"", jsonBody, "who.id", edit.Other, "", strings.Replace(jsonBody, "tx-07", "ux-08", 1)},
		{"", jsonBody, "n", edit.Other, "", strings.Replace(jsonBody, "3", "4", 1)},
		{"", jsonBody, "n", edit.Empty, "", strings.Replace(jsonBody, "3", "0", 1)},
		{"", jsonBody, "n", edit.Replaced, "7", strings.Replace(jsonBody, "3", "7", 1)},
		{"", jsonBody, "n", edit.Replaced, "no number", strings.Replace(jsonBody, "3", `"no number"`, 1)},
		{"", jsonBody, "items", edit.Empty, "", strings.Replace(jsonBody, `[{"id":"a"},{"id":"b"}]`, `[]`, 1)},
		{"", jsonBody, "items.0", edit.Dropped, "", strings.Replace(jsonBody, `{"id":"a"},`, ``, 1)},
		{"", jsonBody, "items.1", edit.Dropped, "", strings.Replace(jsonBody, `,{"id":"b"}`, ``, 1)},
		{"", jsonBody, "items.*.id", edit.Nulled, "", strings.Replace(jsonBody, `[{"id":"a"},{"id":"b"}]`, `[{"id":null},{"id":null}]`, 1)},
		{"", jsonBody, "items.*", edit.Dropped, "", strings.Replace(jsonBody, `[{"id":"a"},{"id":"b"}]`, `[]`, 1)},
		{"", `{"0":[], "0":null, "1":""}`, "0", edit.Dropped, "", `{"1":""}`},
		{"", `{"x":1, "0":[], "0":null}`, "0", edit.Dropped, "", `{"x":1}`},
		{"", `{"0":1,"1":2,"x":3,"2":4,"y":5,"3":6}`, "*", edit.Dropped, "", `{"x":3,"y":5}`},
		{"application/x-www-form-urlencoded", "0=a&1=b&x=c&2=d", "*", edit.Dropped, "", "x=c"},
		{"", jsonBody, `a\.b`, edit.WrongType, "", strings.Replace(jsonBody, `null`, `{"unexpected":true}`, 1)},
		{"", jsonBody, "result", edit.Cut, "", strings.Replace(jsonBody, "ALLOW", "AL", 1)},
		{"", xmlBody, "status", edit.Flipped, "", strings.Replace(xmlBody, "OK", "ERROR", 1)},
		{"", xmlBody, "item[1]", edit.Replaced, "<b>", strings.Replace(xmlBody, "a&amp;b", "&lt;b&gt;", 1)},
		{"", xmlBody, "item", edit.Dropped, "", strings.Replace(xmlBody, "<item k='x'>1</item>", "", 1)},
		{"", xmlBody, "item.@k", edit.Replaced, "y", strings.Replace(xmlBody, "'x'", "'y'", 1)},
		{"", xmlBody, "e", edit.Replaced, "now", strings.Replace(xmlBody, "<e></e>", "<e>now</e>", 1)},
		{"", xmlBody, "none", edit.Dropped, "", strings.Replace(xmlBody, "<none/>", "", 1)},
		{"application/x-www-form-urlencoded", formBody, "Error", edit.Flipped, "", "Error=Failure&user=alice+a&user=bob"},
		{"application/x-www-form-urlencoded", formBody, "user", edit.Replaced, "a&b", "Error=Success&user=a%26b&user=bob"},
		{"application/x-www-form-urlencoded", formBody, "user[1]", edit.Dropped, "", "Error=Success&user=alice+a"},
		{"application/x-www-form-urlencoded", formBody, "Error", edit.Dropped, "", "user=alice+a&user=bob"},
		{"text/plain", textBody, "status", edit.Flipped, "", strings.Replace(textBody, "=OK", "=ERROR", 1)},
		{"text/plain", textBody, "status", edit.Dropped, "", strings.Replace(textBody, "status=OK\r\n", "", 1)},
		{"text/plain", textBody, "t", edit.Expired, "", strings.Replace(textBody, "2026", "2016", 1)},
		{"text/plain", textBody, "h", edit.Empty, "", strings.Replace(textBody, "abc=", "", 1)},
		{"text/plain", plain, "1", edit.Replaced, "and\nless", "The request was approved\nand less\n"},
		{"text/plain", "yes\n", "", edit.Flipped, "", "no\n"},
		{"", jsonBody, "", edit.HTML, "", edit.Page},
		{"", "{}", "", edit.Malformed, "", "{,\x00]"},
		{"", "12345", "", edit.Cut, "", "12"},
		{"", jsonBody, "", edit.Replaced, "x", "x"},
		{"", jsonBody, "", edit.Empty, "", ""},
	} {
		d := edit.Read(tt.kind, []byte(tt.body))
		if done := d.Change(edit.Change{Field: tt.field, As: tt.as, Value: tt.value}); !done || string(d.Body()) != tt.want {
			t.Errorf("%s %s %q: %v\n%s, want\n%s", tt.field, tt.as, tt.value, done, d.Body(), tt.want)
		}
	}
}

func TestWhatCannotBeChangedStays(t *testing.T) {
	for _, tt := range []struct{ body, field, as string }{
		{jsonBody, "gone", edit.Dropped}, {jsonBody, "who", edit.Flipped}, {jsonBody, `a\.b`, edit.Nulled}, {jsonBody, "result", edit.Expired}, {jsonBody, "who.user", edit.Flipped},
		{xmlBody, "none", edit.Replaced}, {textBody, "h", edit.Nulled}, {"", "", edit.Empty}, {"", "x", edit.Dropped}, {jsonBody, "result", "unknown"}, {jsonBody, "", edit.Flipped},
	} {
		d := edit.Read("", []byte(tt.body))
		if d.Change(edit.Change{Field: tt.field, As: tt.as}) || string(d.Body()) != tt.body {
			t.Errorf("%s %s: it became %s", tt.field, tt.as, d.Body())
		}
	}
}

func TestFormsAndFields(t *testing.T) {
	for form, tt := range map[string]struct{ kind, body, fields string }{
		"json": {"", `{"a":{"b":[1,{"c":null}]},"d\u002ee":""}`, `a=object a.b=list a.b.0=number:1 a.b.1=object a.b.1.c=null d\.e=text`},
		"xml":  {"", xmlBody, "@v=text:1 status=text:OK item=text:1 item.@k=text:x item[1]=text:a&b none=object e=text"},
		"form": {"application/x-www-form-urlencoded", formBody, "Error=text:Success user=text:alice a user[1]=text:bob"},
		"text": {"text/plain", "A: b\nC: d", "A=text:b C=text:d"},
		"":     {"", "", ""},
	} {
		d := edit.Read(tt.kind, []byte(tt.body))
		var got []string
		for _, f := range d.Fields() {
			if f.Path == "" {
				continue
			}
			text := f.Path + "=" + string(f.Type)
			if f.Value != "" {
				text += ":" + f.Value
			}
			got = append(got, text)
		}
		if d.Form() != form || strings.Join(got, " ") != tt.fields {
			t.Errorf("%q: %s\n%s, want\n%s", form, d.Form(), strings.Join(got, " "), tt.fields)
		}
	}
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	if d := edit.Read("", []byte(deep)); d.Form() != "text" {
		t.Errorf("a hundred levels were read as %q", d.Form())
	}
	wide := "[" + strings.Repeat("1,", 5000) + "1]"
	if d := edit.Read("", []byte(wide)); len(d.Fields()) > 3 {
		t.Errorf("%d parts", len(d.Fields()))
	}
}

func TestWordsHaveOpposites(t *testing.T) {
	for word, want := range map[string]string{"ALLOW": "DENY", "Allow": "Deny", "allow": "deny", "false": "true", "Access-Reject": "Access-Accept", "AUTHENTICATION_OK": "AUTHENTICATION_FAILED", "approved": "denied"} {
		if got, ok := edit.Opposite(word); !ok || got != want {
			t.Errorf("%s: %s", word, got)
		}
	}
	if _, ok := edit.Opposite("implement"); ok {
		t.Error("implement has an opposite")
	}
	if yes, ok := edit.Says("Reject"); yes || !ok {
		t.Error("Reject")
	}
}

// FuzzRead: whatever the body, a change of one part leaves it readable as what it was, and
// octets outside of the part as they were.
func FuzzRead(f *testing.F) {
	for _, body := range []string{jsonBody, xmlBody, formBody, textBody, plain, `[`, `<a>`, `a`, "\ufeff{}", `{"a":1,"a":2}`} {
		f.Add("application/x-www-form-urlencoded", body, uint8(3))
		f.Add("", body, uint8(0))
	}
	f.Fuzz(func(t *testing.T, kind, body string, way uint8) {
		d := edit.Read(kind, []byte(body))
		fields, form := d.Fields(), d.Form()
		if len(fields) < 2 {
			return
		}
		field := fields[1+int(way)%(len(fields)-1)]
		ways := edit.Ways()
		c := edit.Change{Field: field.Path, As: ways[int(way)%len(ways)], Value: "x y"}
		if !d.Change(c) && string(d.Body()) != body {
			t.Errorf("%q became %q although nothing was done", body, d.Body())
		}
		switch form {
		case "json":
			if !json.Valid(d.Body()) {
				t.Errorf("%+v: %q became %q", c, body, d.Body())
			}
		case "form":
			if _, err := url.ParseQuery(strings.ReplaceAll(string(d.Body()), ";", "%3B")); err != nil {
				t.Errorf("%+v: %q became %q: %v", c, body, d.Body(), err)
			}
		}
	})
}

// TestManyPartsOfALargeBody: what it costs to change all of them does not grow with their
// number times the body's size.
func TestManyPartsOfALargeBody(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"items":[`)
	for i := range 600 {
		fmt.Fprintf(&b, `{"id":%d,"text":%q},`, i, strings.Repeat("x", 2000))
	}
	body := []byte(strings.TrimSuffix(b.String(), ",") + "]}")
	for _, as := range []string{edit.Dropped, edit.Empty} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d := edit.Read("application/json", slices.Clone(body))
		if !d.Change(edit.Change{Field: "items.*.text", As: as}) || !json.Valid(d.Body()) || len(d.Body()) > 30_000 {
			t.Errorf("%s: %d octets of %d", as, len(d.Body()), len(body))
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 30*uint64(len(body)) {
			t.Errorf("%s: %d octets are made for a body of %d", as, used, len(body))
		}
	}
}
