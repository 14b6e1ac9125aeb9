package wire_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"counterpart/internal/face/radius/wire"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// nemo is the request of RFC 2865 section 7.1: nemo logs in by telnet with the
// password arctangent, secret xyzzy5461.
const nemo = `01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a
	01 06 6e 65 6d 6f 02 12 0d be 70 8d 93 d4 13 ce 31 96 e4 3f 78 2a 0a ee
	04 06 c0 a8 01 10 05 06 00 00 00 03`

func TestTheExampleOfRFC2865(t *testing.T) {
	p, err := wire.Check(unhex(t, nemo))
	if err != nil {
		t.Fatal(err)
	}
	s := wire.NewSecret([]byte("xyzzy5461"))
	hidden, _ := p.Lookup(rfc2865.UserPassword_Type)
	clear, err := s.Reveal(nil, hidden, p.Authenticator())
	if err != nil || string(clear) != "arctangent" {
		t.Fatalf("password %q, %v", clear, err)
	}
	// The Accept of section 7.1: Service-Type Login, Login-Service Telnet,
	// Login-IP-Host 192.168.1.3.
	got, err := s.Encode(nil, wire.Reply{Code: radius.CodeAccessAccept, Attributes: []wire.Attribute{
		wire.Integer(rfc2865.ServiceType_Type, 1), wire.Integer(rfc2865.LoginService_Type, 0),
		{Type: rfc2865.LoginIPHost_Type, Value: []byte{192, 168, 1, 3}}}}, p)
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, `02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2
		06 06 00 00 00 01 0f 06 00 00 00 00 0e 06 c0 a8 01 03`)
	if !bytes.Equal(got, want) {
		t.Errorf("accept\n got %x\nwant %x", got, want)
	}
}

func TestBadPacketsAreNamed(t *testing.T) {
	head := func(length int, attrs ...byte) []byte {
		return append([]byte{1, 7, byte(length >> 8), byte(length), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, attrs...)
	}
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"empty":                 {nil, wire.ErrShort},
		"19 octets":             {head(20)[:19], wire.ErrShort},
		"length 19":             {head(19), wire.ErrLength},
		"length 4097":           {append(head(4097), make([]byte, 4077)...), wire.ErrLength},
		"length beyond":         {head(22), wire.ErrTruncated},
		"bare header":           {head(20), nil},
		"padding":               {head(20, 9, 9, 9), nil},
		"attribute length 0":    {head(22, 1, 0), wire.ErrTiling},
		"attribute length 1":    {head(22, 1, 1), wire.ErrTiling},
		"one octet left":        {head(21, 1), wire.ErrTiling},
		"overrun":               {head(22, 1, 3), wire.ErrTiling},
		"type 0":                {head(22, 0, 2), wire.ErrTypeZero},
		"200 attributes":        {head(420, bytes.Repeat([]byte{1, 2}, 200)...), nil},
		"201 attributes":        {head(422, bytes.Repeat([]byte{1, 2}, 201)...), wire.ErrAttributes},
		"empty value is fine":   {head(22, 24, 2), nil},
		"overrun hid in filler": {head(23, 1, 4, 9, 9), wire.ErrTiling},
	} {
		if _, err := wire.Check(c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestMessageAuthenticatorAgreesWithTheStandardLibrary(t *testing.T) {
	secret := []byte("testing123")
	s := wire.NewSecret(secret)
	for _, code := range []radius.Code{radius.CodeAccessRequest, radius.CodeStatusServer, radius.CodeAccountingRequest} {
		p := radius.New(code, secret)
		rfc2865.UserName_SetString(p, "alice")
		p.Add(80, make([]byte, 16))
		rfc2865.NASIdentifier_SetString(p, "nas")
		b, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if code == radius.CodeAccountingRequest {
			clear(b[4:20])
		}
		mac := hmac.New(md5.New, secret)
		mac.Write(b)
		at := bytes.Index(b, append([]byte{80, 18}, make([]byte, 16)...)) + 2
		mac.Sum(b[at:at])
		if code == radius.CodeAccountingRequest {
			sum := md5.Sum(append(slices.Clone(b), secret...))
			copy(b[4:], sum[:])
		}
		checked, err := wire.Check(b)
		if err != nil {
			t.Fatal(err)
		}
		if present, err := s.VerifyMessage(checked); !present || err != nil {
			t.Errorf("%v: present %v, %v", code, present, err)
		}
		if code == radius.CodeAccountingRequest {
			if err := s.VerifyAccounting(checked); err != nil {
				t.Error(err)
			}
		}
		b[at]++
		if _, err := s.VerifyMessage(checked); !errors.Is(err, wire.ErrMessageAuthenticator) {
			t.Errorf("%v: a flipped bit gives %v", code, err)
		}
		if code == radius.CodeAccountingRequest {
			if err := s.VerifyAccounting(checked); !errors.Is(err, wire.ErrRequestAuthenticator) {
				t.Errorf("a flipped bit gives %v", err)
			}
		}
	}
}

func TestMessageAuthenticatorShape(t *testing.T) {
	s := wire.NewSecret([]byte("x"))
	build := func(attrs ...byte) wire.Packet {
		b := append(make([]byte, 20), attrs...)
		b[0], b[3] = 1, byte(len(b))
		p, err := wire.Check(b)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if _, err := s.VerifyMessage(build(80, 4, 0, 0)); !errors.Is(err, wire.ErrAuthenticatorLength) {
		t.Errorf("short: %v", err)
	}
	one := append([]byte{80, 18}, make([]byte, 16)...)
	if _, err := s.VerifyMessage(build(slices.Concat(one, one)...)); !errors.Is(err, wire.ErrTwoAuthenticators) {
		t.Errorf("two: %v", err)
	}
}

func TestPasswordsOfEveryLengthSurvive(t *testing.T) {
	s, auth := wire.NewSecret([]byte("s3cr\x00et")), bytes.Repeat([]byte{0xa5}, 16)
	for _, n := range []int{0, 1, 15, 16, 17, 32, 128, 129, 240} {
		clear := strings.Repeat("pässw\x00rd", 40)[:n]
		clear = strings.TrimRight(clear, "\x00")
		hidden := s.Hide([]byte(clear), auth)
		if want := max(16, (len(clear)+15)/16*16); len(hidden) != want {
			t.Errorf("%d octets hide in %d, want %d", n, len(hidden), want)
		}
		if got, err := s.Reveal(nil, hidden, auth); err != nil || string(got) != clear {
			t.Errorf("%d octets: got %q, %v", n, got, err)
		}
		if n > 0 && n <= 128 { // the codec's own function agrees
			theirs, err := radius.NewUserPassword([]byte(clear), s.Bytes(), auth)
			if err != nil || !bytes.Equal(theirs, hidden) {
				t.Errorf("%d octets: layeh hides differently (%v)", n, err)
			}
		}
	}
	for _, n := range []int{1, 15, 17, 241, 256} {
		if _, err := s.Reveal(nil, make([]byte, n), auth); !errors.Is(err, wire.ErrPasswordLength) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
	if got, err := s.Reveal(nil, nil, auth); err != nil || len(got) != 0 {
		t.Errorf("zero octets: %q, %v", got, err)
	}
}

func TestMSCHAPVectors(t *testing.T) {
	// RFC 2759 section 9.2 and RFC 3079 section 3.5.3 use the same exchange.
	m := wire.MSCHAP{Version: 2, User: []byte("User"),
		Challenge: unhex(t, "5B5D7C7D7B3F2F3E3C2C602132262628"),
		Peer:      unhex(t, "21402324255E262A28295F2B3A337C7E"),
		Response:  unhex(t, "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")}
	if !m.Matches("clientPass") || m.Matches("clientpass") {
		t.Error("the NT response is judged wrongly")
	}
	if s, err := m.Success("clientPass"); err != nil || s != "S=407A5589115FD0D6209F510FE9C04566932CDA56" {
		t.Errorf("Success = %q, %v", s, err)
	}
	send, receive, err := m.Keys("clientPass")
	if err != nil || !bytes.Equal(send, unhex(t, "8B7CDC149B993A1BA118CB153F56DCCB")) {
		t.Errorf("send key %X, %v", send, err)
	}
	if bytes.Equal(send, receive) || len(receive) != 16 {
		t.Errorf("receive key %X", receive)
	}
	if got := m.Failure(691, make([]byte, 16), "no"); got != "E=691 R=1 C=00000000000000000000000000000000 V=3 M=no" {
		t.Error(got)
	}
}

func TestEncodeOrdersAndEchoes(t *testing.T) {
	s := wire.NewSecret([]byte("k"))
	b := append(unhex(t, nemo), 33, 4, 1, 2, 33, 2, 33, 3, 9)
	b[3] = byte(len(b))
	p, err := wire.Check(b)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Encode([]byte("prefix"), wire.Reply{Code: 11, Signed: true, Attributes: []wire.Attribute{{24, []byte{0x80}}, wire.Text(18, "hi")}}, p)
	if err != nil {
		t.Fatal(err)
	}
	out = out[len("prefix"):]
	reply, err := wire.Check(out)
	if err != nil {
		t.Fatal(err)
	}
	var types []radius.Type
	for typ := range reply.All() {
		types = append(types, typ)
	}
	if want := []radius.Type{80, 24, 18, 33, 33, 33}; !slices.Equal(types, want) {
		t.Errorf("order %v, want %v", types, want)
	}
	if !bytes.HasSuffix(out, []byte{33, 4, 1, 2, 33, 2, 33, 3, 9}) {
		t.Error("Proxy-States are not echoed unmodified at the end")
	}
	if !radius.IsAuthenticResponse(out, p, s.Bytes()) {
		t.Error("the Response Authenticator does not verify")
	}
	if _, err := s.Encode(nil, wire.Reply{Attributes: slices.Repeat([]wire.Attribute{{1, make([]byte, 253)}}, 16)}, p); !errors.Is(err, wire.ErrTooLong) {
		t.Errorf("a reply beyond 4096 octets gives %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(unhex(f, nemo))
	f.Add([]byte{1, 0, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 2})
	f.Add(append([]byte{1, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 26, 8, 0, 0, 1, 55, 11, 0))
	s := wire.NewSecret([]byte("fuzz"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := wire.Check(b)
		if err != nil {
			if p != nil {
				t.Fatal("a refused packet was returned")
			}
			return
		}
		total := wire.HeaderLength
		for _, v := range p.All() {
			total += 2 + len(v)
		}
		if total != len(p) {
			t.Fatalf("attributes cover %d of %d octets", total, len(p))
		}
		s.VerifyMessage(p)
		s.VerifyAccounting(p)
		wire.FindMSCHAP(p, "u")
		p.Vendor(9, 1)
		if out, err := s.Encode(nil, wire.Reply{Code: 2, Signed: true}, p); err == nil {
			if _, err := wire.Check(out); err != nil && !errors.Is(err, wire.ErrAttributes) {
				t.Fatalf("our own reply is refused: %v", err)
			}
		}
	})
}

func FuzzReveal(f *testing.F) {
	f.Add([]byte{}, []byte("secret"))
	f.Add(make([]byte, 16), []byte("secret"))
	f.Add(make([]byte, 240), bytes.Repeat([]byte("k"), 600))
	auth := make([]byte, 16)
	f.Fuzz(func(t *testing.T, hidden, secret []byte) {
		s := wire.NewSecret(secret)
		clear, err := s.Reveal(nil, hidden, auth)
		if err != nil {
			return
		}
		again, err := s.Reveal(nil, s.Hide(clear, auth), auth)
		if err != nil || !bytes.Equal(again, clear) {
			t.Fatalf("%q became %q, %v", clear, again, err)
		}
	})
}

func BenchmarkVerifyAndEncode(b *testing.B) {
	s := wire.NewSecret([]byte("testing123"))
	p, _ := wire.Check(unhex(b, nemo))
	r := wire.Reply{Code: 2, Signed: true}
	b.ReportAllocs()
	for b.Loop() {
		s.VerifyMessage(p)
		var buf [512]byte
		s.Encode(buf[:0], r, p)
	}
}
