package pki_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/pki"
)

// TestL6EveryNameThatIsIssuedVerifies: whatever is let through, verifies.
func TestL6EveryNameThatIsIssuedVerifies(t *testing.T) {
	a := authority(t, 1, "*.service-now.com")
	for _, r := range []pki.Request{
		{Names: []string{"radius.acme.test"}}, {Names: []string{"Radius.ACME.test."}}, {Names: []string{"*.acme.test", "acme.test", "127.0.0.1", "::1"}},
		{Names: []string{"dev1.service-now.com"}}, {Names: []string{"counterpart"}}, {Names: []string{"192.168.7.9"}}, {Names: []string{"fd00::7"}},
		{Names: []string{"nas1"}, Client: true}, {Names: []string{"nas1.acme.test"}, Client: true}, {Names: []string{"alice@acme.test"}, Client: true},
		{Names: []string{"Åsa Ö. (A2A)", "asa.acme.test"}, Client: true}, {Names: []string{"10.1.2.3"}, Client: true},
	} {
		c, err := a.Issue(r)
		if err != nil {
			t.Errorf("%q: %v", r.Names, err)
			continue
		}
		use := x509.ExtKeyUsageServerAuth
		if r.Client {
			use = x509.ExtKeyUsageClientAuth
		}
		opts := x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{use}, CurrentTime: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		if _, err := c.Leaf.Verify(opts); err != nil {
			t.Errorf("%q: %v", r.Names, err)
		}
		if !slices.Equal(c.Leaf.ExtKeyUsage, []x509.ExtKeyUsage{use}) {
			t.Errorf("%q is for %v", r.Names, c.Leaf.ExtKeyUsage)
		}
		key, err := c.Key()
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.X509KeyPair(c.Chain(), key)
		if err != nil || len(pair.Certificate) != 2 {
			t.Errorf("%q: key and chain do not belong together: %v", r.Names, err)
		}
		again, _ := a.Issue(r)
		if !bytes.Equal(again.Chain(), c.Chain()) {
			t.Errorf("%q: the same names, another certificate", r.Names)
		}
	}
}

func TestL6NamesThatTheCAMayNotVouchFor(t *testing.T) {
	a := authority(t, 1)
	const allowed = "acme.test and names below them, and for addresses of 127.0.0.0/8, 10.0.0.0/8"
	for _, tt := range []struct {
		name   string
		client bool
		want   string
	}{
		{"www.example.com", false, allowed}, {"www.example.com", true, allowed}, {"acme.test.evil.org", false, allowed}, {"xacme.test.org", true, allowed},
		{"8.8.8.8", false, allowed}, {"8.8.8.8", true, allowed}, {"2001:db8::1", false, allowed}, {"::ffff:8.8.8.8", false, allowed}, {"fe80::1%eth0", false, allowed},
		{"j.smith", true, allowed}, {"nas1", false, allowed}, {"192.0.2.256", false, allowed},
		{"", false, "0 characters"}, {"", true, "is empty"}, {" nas1", true, "a blank"}, {"..", true, "0 characters"}, {"../../etc/passwd", true, "a dot"},
		{"a/b", true, "it has '/'"}, {"a\\b", true, `it has '\\'`}, {"a,b", true, "it has ','"}, {"a\nb", true, `it has '\n'`}, {"a\x00", true, `it has '\x00'`}, {"a\xffb", true, "not in UTF-8"},
		{"*", false, "it has '*'"}, {"a.*.acme.test", false, "it has '*'"}, {"-a.acme.test", false, "hyphen"}, {"a..acme.test", false, "0 characters"}, {"müller.test", false, "xn--"},
		{strings.Repeat("a", 64) + ".acme.test", false, "64 characters"}, {strings.Repeat("a.", 200) + "acme.test", false, "409 characters"},
		{strings.Repeat("a", 65), true, "65 characters"}, {strings.Repeat("a", 60) + ".acme.test", false, "70 characters"},
	} {
		_, err := a.Issue(pki.Request{Names: []string{tt.name}, Client: tt.client})
		if !errors.Is(err, cause.BadInput) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.40q: %v, want %s", tt.name, err, tt.want)
		}
	}
	for _, names := range [][]string{nil, make([]string, 21)} {
		if _, err := a.Issue(pki.Request{Names: names}); !errors.Is(err, cause.BadInput) {
			t.Errorf("%d names: %v", len(names), err)
		}
	}
}

func TestL6PKCS12(t *testing.T) {
	a := authority(t, 1)
	c, err := a.Issue(pki.Request{Names: []string{"nas1.acme.test"}, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{pki.Password, "x", "Pässwörd with blanks", strings.Repeat("ü", 256)} {
		file, err := c.PKCS12(password)
		if err != nil {
			t.Fatal(err)
		}
		_, leaf, chain, err := pkcs12.DecodeChain(file, password)
		if err != nil || !leaf.Equal(c.Leaf) || len(chain) != 1 {
			t.Errorf("%q: %v", password, err)
		}
		if again, _ := c.PKCS12(password); !bytes.Equal(again, file) {
			t.Errorf("%q: another file each time", password)
		}
		if _, _, _, err := pkcs12.DecodeChain(file, password+"?"); err == nil {
			t.Error("any password opens it")
		}
	}
	for _, password := range []string{"", "a\x00b", "a\nb", "\xff", "😀", strings.Repeat("x", 257)} {
		if _, err := c.PKCS12(password); !errors.Is(err, cause.BadInput) {
			t.Errorf("%.20q: %v", password, err)
		}
	}
}

// FuzzIssue: what is issued verifies for each of its names, and nothing else is.
func FuzzIssue(f *testing.F) {
	for _, n := range []string{"nas1", "a.acme.test", "*.acme.test", "10.0.0.1", "::1", "j.smith", "a b.c", "xn--a.test", "."} {
		f.Add(n, true)
		f.Add(n, false)
	}
	a := authority(f, 1)
	f.Fuzz(func(t *testing.T, name string, client bool) {
		c, err := a.Issue(pki.Request{Names: []string{name}, Client: client})
		if err != nil {
			if !errors.Is(err, cause.BadInput) {
				t.Errorf("%q: %v", name, err)
			}
			return
		}
		opts := x509.VerifyOptions{Roots: a.Pool(), KeyUsages: c.Leaf.ExtKeyUsage, CurrentTime: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		if !client && !strings.HasPrefix(name, "*") {
			opts.DNSName = c.Leaf.Subject.CommonName
			if ip := net.ParseIP(opts.DNSName); ip != nil {
				opts.DNSName = "[" + opts.DNSName + "]"
			}
		}
		if _, err := c.Leaf.Verify(opts); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	})
}
