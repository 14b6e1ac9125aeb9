package ids_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"counterpart/internal/company/world"
	"counterpart/internal/face/ids"
)

func of(name string) io.Reader { return world.Derive(1, "vendor", "instance", name) }

func TestFormsFollowFromTheirStream(t *testing.T) {
	for name, x := range map[string]struct {
		make func(io.Reader) string
		form string
	}{
		"UUID":       {ids.UUID, `^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
		"RandomUUID": {ids.RandomUUID, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
		"Hex 32":     {func(r io.Reader) string { return ids.Hex(r, 32) }, `^[0-9a-f]{32}$`},
		"Hex 64":     {func(r io.Reader) string { return ids.Hex(r, 64) }, `^[0-9a-f]{64}$`},
		"Text":       {func(r io.Reader) string { return "00u" + ids.Text(r, ids.Alphanumeric, 17) }, `^00u[0-9A-Za-z]{17}$`},
		"digits":     {func(r io.Reader) string { return ids.Text(r, ids.Decimal, 40) }, `^[0-9]{40}$`},
		"Remainders": {func(r io.Reader) string { return ids.Remainders(r, ids.Capitals, 18) }, `^[0-9A-Z]{18}$`},
		"user code":  {func(r io.Reader) string { return ids.Grouped(ids.Text(r, "BCDFGHJKLMNPQRSTVWXZ", 9), 3, "-") }, `^([B-Z]{3}-){2}[B-Z]{3}$`},
	} {
		a, again, b := x.make(of("a")), x.make(of("a")), x.make(of("b"))
		if a != again || a == b || !regexp.MustCompile(x.form).MatchString(a) {
			t.Errorf("%s: %s, %s, %s", name, a, again, b)
		}
	}
	if got := ids.Grouped("ABCDE", 2, " "); got != "AB CD E" {
		t.Error(got)
	}
}

// TestTextPrefersNoLetter: octets that would make some likelier are passed over.
func TestTextPrefersNoLetter(t *testing.T) {
	if got := ids.Text(bytes.NewReader(append(bytes.Repeat([]byte{250, 255, 252}, 10), 249, 0)), ids.Decimal, 2); got != "90" {
		t.Errorf("%q", got)
	}
	if got := ids.Text(bytes.NewReader(nil), ids.Decimal, 2); got != "" {
		t.Errorf("of nothing: %q", got)
	}
	if got := ids.Remainders(bytes.NewReader([]byte{250, 9}), ids.Decimal, 2); got != "09" {
		t.Errorf("%q", got)
	}
}

func TestSealedNames(t *testing.T) {
	s, err := ids.NewSealer(of("key"))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := ids.NewSealer(of("other"))
	seen := map[string]bool{}
	for _, name := range []string{"a", "CHG0000038", strings.Repeat("x", ids.LongestSealed)} {
		id, ok := s.Seal(name)
		back, known := s.Open(id)
		if !ok || !known || back != name || len(id) != 32 || seen[id] {
			t.Errorf("%s: %s, %v; %s, %v", name, id, ok, back, known)
		}
		if foreign, ok := other.Open(id); ok && foreign == name {
			t.Errorf("another key opens %s", id)
		}
		seen[id] = true
	}
	for _, name := range []string{"", strings.Repeat("x", ids.LongestSealed+1), "a b", "ä", "a\x00"} {
		if id, ok := s.Seal(name); ok {
			t.Errorf("%q: %s", name, id)
		}
	}
	for _, id := range []string{"", "00", strings.Repeat("0", 32), strings.Repeat("g", 32)} {
		if name, ok := s.Open(id); ok {
			t.Errorf("%s is %q", id, name)
		}
	}
	if _, err := ids.NewSealer(bytes.NewReader(nil)); err == nil {
		t.Error("a key of nothing")
	}
}

func FuzzOpen(f *testing.F) {
	s, err := ids.NewSealer(of("key"))
	if err != nil {
		f.Fatal(err)
	}
	id, _ := s.Seal("CHG0000038")
	f.Add(id)
	f.Add("")
	f.Fuzz(func(t *testing.T, id string) {
		if name, ok := s.Open(id); ok {
			if back, fine := s.Seal(name); !fine || back != strings.ToLower(id) {
				t.Errorf("%s is %q, which is %s", id, name, back)
			}
		}
	})
}

func TestRequestsDiffer(t *testing.T) {
	var q ids.Requests
	q.Start(of("requests"))
	var mu sync.Mutex
	seen := map[string]bool{}
	form := regexp.MustCompile(`^x[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 1000 {
				id := string(q.AppendUUID([]byte("x")))
				mu.Lock()
				if seen[id] || !form.MatchString(id) {
					t.Errorf("%s", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wait.Wait()
}

func TestLinksLeadWhereTheClientCameFrom(t *testing.T) {
	r := &http.Request{Host: "jira.acme.test:8443"}
	if got := ids.Base(r, "/jira"); got != "http://jira.acme.test:8443/jira" {
		t.Error(got)
	}
	if r.TLS = new(tls.ConnectionState); ids.Base(r, "") != "https://jira.acme.test:8443" {
		t.Error(ids.Base(r, ""))
	}
}
