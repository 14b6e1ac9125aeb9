package httpapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

func form(t testing.TB, fields int) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := range fields {
		w.WriteField(fmt.Sprint("f", i), fmt.Sprint("v", i))
	}
	file, err := w.CreateFormFile("file", "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	file.Write([]byte("\x00\xff"))
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

func TestMultipart(t *testing.T) {
	body, kind := form(t, 1)
	if !httpapi.IsMultipart(kind) || httpapi.IsMultipart("multipart/form-data") || httpapi.IsMultipart("") {
		t.Error("forms are not told from claims")
	}
	var got []httpapi.Part
	for p, err := range httpapi.Parts(body, kind) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	if len(got) != 2 || got[0].Name != "f0" || string(got[0].Value) != "v0" || got[0].File != "" || got[1].File != "a.txt" ||
		string(got[1].Value) != "\x00\xff" || got[1].ContentType != "application/octet-stream" {
		t.Errorf("%q", got)
	}
	for p, err := range httpapi.Parts(body[:len(body)-20], kind) { // who has what was wanted may stop
		if err != nil || p.Name != "f0" {
			t.Errorf("%q, %v", p, err)
		}
		break
	}
	many, manyKind := form(t, 10_001)
	for name, x := range map[string][2]string{"cut": {string(body[:60]), kind}, "no form": {"x", "application/json; boundary=x"}, "no type": {"x", ""}, "too many": {string(many), manyKind}} {
		var last error
		for _, err := range httpapi.Parts([]byte(x[0]), x[1]) {
			last = err
		}
		if !errors.Is(last, cause.BadInput) {
			t.Errorf("%s: %v", name, last)
		}
	}
}

func FuzzParts(f *testing.F) {
	body, kind := form(f, 2)
	f.Add(body, kind)
	f.Add([]byte("--x\r\n\r\n"), "multipart/mixed; boundary=x")
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		size := 0
		for p, err := range httpapi.Parts(body, kind) {
			if size += len(p.Value); err != nil && !errors.Is(err, cause.BadInput) || size > len(body) {
				t.Errorf("%d octets of %d, %v", size, len(body), err)
			}
		}
	})
}

var small = httpapi.XMLLimits{Depth: 4, Elements: 10}

func TestXML(t *testing.T) {
	root, err := httpapi.ParseXML([]byte(`<?xml version="1.0"?><!-- c --><request><entry a="b">x<n:value xmlns:n="u">1 &amp; 2</n:value>y</entry><entry/></request>`), small)
	if err != nil {
		t.Fatal(err)
	}
	e := root.Child("entry")
	if root.Name != "request" || len(root.Sub) != 2 || e.Text != "xy" || e.Child("value").Text != "1 & 2" || e.Child("none") != nil {
		t.Errorf("%+v", root)
	}
	for _, wrong := range []string{"", "text", "<a>", "<a></b>", "<a/><b/>", "<a><a><a><a><a/></a></a></a></a>", "<a>" + strings.Repeat("<b/>", 10) + "</a>",
		`<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, "<a>&x;</a>", "<a>\xff</a>", `<?xml version="1.0" encoding="utf-16"?><a/>`} {
		if _, err := httpapi.ParseXML([]byte(wrong), small); !errors.Is(err, cause.BadInput) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// TestXMLCostsWhatItIsLong: text that comes in a million pieces is put together once.
func TestXMLCostsWhatItIsLong(t *testing.T) {
	body := []byte("<a>" + strings.Repeat("xxxxxxxx<!---->", 300_000) + "</a>")
	begun := time.Now()
	root, err := httpapi.ParseXML(body, small)
	if err != nil || len(root.Text) != 2_400_000 {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func FuzzXML(f *testing.F) {
	f.Add([]byte("<request><entry><a>b</a></entry></request>"))
	f.Add([]byte("<a><![CDATA[x]]></a>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := httpapi.ParseXML(body, small)
		if (err == nil) != (root != nil) || err != nil && !errors.Is(err, cause.BadInput) {
			t.Errorf("%q: %v, %v", body, root, err)
		}
	})
}
