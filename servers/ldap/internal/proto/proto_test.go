package proto_test

import (
	"bytes"
	"testing"

	ldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

func TestResponsesAreReadByGoLDAP(t *testing.T) {
	in := proto.Result{Code: 32, Matched: "dc=x", Text: "no", Referrals: []string{"ldap://a"}, Name: "1.2", Value: []byte("v"), HasValue: true,
		Controls: []proto.Control{{OID: "1.2.3", Critical: true, Value: []byte("c"), HasValue: true}, {OID: ldap.ControlTypePaging, HasValue: true,
			Value: proto.AppendPaged(nil, proto.Paged{Size: 3, Cookie: []byte("k")})}}}
	b := proto.AppendResult([]byte("before"), 7, proto.ExtendedResponse, in)[len("before"):]
	_, content, rest, err := ber.Next(b)
	if err != nil || len(rest) > 0 {
		t.Fatal(err)
	}
	m, err := proto.ParseMessage(content)
	if err != nil || m.ID != 7 || m.Op != proto.ExtendedResponse || len(m.Controls) != 2 || !m.Controls[0].Critical || string(m.Controls[0].Value) != "c" {
		t.Fatalf("%+v, %v", m, err)
	}
	p, err := proto.ParsePaged(m.Controls[1].Value)
	if err != nil || p.Size != 3 || string(p.Cookie) != "k" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestControlValues(t *testing.T) {
	for want, p := range map[string]proto.Policy{
		"\x30\x00": {}, "\x30\x03\x81\x01\x01": {Error: 1, HasError: true}, "\x30\x05\xa0\x03\x81\x01\x02": {Grace: 2, HasGrace: true},
		"\x30\x09\xa0\x04\x80\x02\x0e\x10\x81\x01\x02": {Expires: 3600, HasTime: true, Error: 2, HasError: true},
	} {
		if got := proto.AppendPolicy(nil, p); string(got) != want {
			t.Errorf("%+v is %x, want %x", p, got, want)
		}
	}
	keys, err := proto.ParseSort([]byte("\x30\x10\x30\x05\x04\x03uid\x30\x07\x04\x02cn\x81\x01\xff"))
	if err != nil || len(keys) != 2 || keys[0].Attr != "uid" || !keys[1].Reverse {
		t.Errorf("%+v, %v", keys, err)
	}
	for _, bad := range []string{"", "\x30\x00", "\x30\x02\x30\x00", "\x04\x00"} {
		if _, err := proto.ParseSort([]byte(bad)); err == nil {
			t.Errorf("sort %x is accepted", bad)
		}
	}
	for _, bad := range []string{"", "\x30\x00", "\x30\x05\x02\x01\xff\x04\x00", "\x30\x03\x02\x01\x01", "\x30\x09\x02\x05\x7f\xff\xff\xff\xff\x04\x00"} {
		if _, err := proto.ParsePaged([]byte(bad)); err == nil {
			t.Errorf("paging %x is accepted", bad)
		}
	}
}

func FuzzMessage(f *testing.F) {
	for _, s := range []string{"\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", "\x02\x01\x01\x42\x00", "\x02\x01\x02\x77\x04\x80\x02\x31\x2e",
		"\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00\xa0\x04\x30\x02\x01\x00", "\x02\x01\x03\x66\x0b\x04\x01a\x30\x06\x30\x04\x0a\x01\x00\x30\x00",
		"\x02\x01\x03\x6c\x0a\x04\x01a\x04\x01b\x01\x01\xff\x80\x00", "\x02\x01\x01\x50\x01\x05"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := proto.ParseMessage(b)
		if err != nil {
			return
		}
		proto.ParseBind(m.Body)
		proto.ParseSearch(m.Body)
		proto.ParseStrings(m.Body)
		proto.ParseModify(m.Body)
		proto.ParseAdd(m.Body)
		proto.ParseModifyDN(m.Body)
		proto.ParseCompare(m.Body)
		proto.ParseExtended(m.Body)
	})
}

func FuzzControls(f *testing.F) {
	f.Add([]byte("\x30\x05\x02\x01\x05\x04\x00"))
	f.Add([]byte("\x30\x10\x30\x05\x04\x03uid\x30\x07\x04\x02cn\x81\x01\xff"))
	f.Add([]byte("\x30\x06\x80\x01a\x81\x01b"))
	f.Add([]byte("\x30\x03\x02\x01\x07"))
	f.Fuzz(func(t *testing.T, b []byte) {
		proto.ParseSort(b)
		proto.ParsePasswd(b)
		proto.ParseFlags(b)
		p, err := proto.ParsePaged(b)
		if err != nil {
			return
		}
		again, err := proto.ParsePaged(proto.AppendPaged(nil, p))
		if err != nil || again.Size != p.Size || !bytes.Equal(again.Cookie, p.Cookie) {
			t.Fatalf("%+v comes back as %+v, %v", p, again, err)
		}
	})
}
