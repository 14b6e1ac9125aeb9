package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"counterpart/internal/plugins/load/step"
)

// tree is a directory that another library's reader reads for.
type tree struct {
	mu    sync.Mutex
	conns int
	said  []string // "1 bind cn=x", the number being the connection's
	last  int      // message ID
	after int      // requests on a connection before it ends; 0: it does not end
	ended chan struct{}
}

func (d *tree) serve(n int, c net.Conn, in *bufio.Reader) {
	d.mu.Lock()
	d.conns++
	d.mu.Unlock()
	for i := 0; d.after == 0 || i < d.after; i++ {
		p, err := ber.ReadPacket(in)
		if err != nil {
			return
		}
		d.answer(n, c, p)
	}
	c.Close()
	d.ended <- struct{}{}
}

func (d *tree) answer(n int, c net.Conn, p *ber.Packet) {
	id, op := p.Children[0].Value.(int64), p.Children[1]
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = int(id)
	switch op.Tag {
	case ldap.ApplicationBindRequest:
		dn, code := op.Children[1].Data.String(), ldap.LDAPResultSuccess
		if op.Children[2].Data.String() != "right" {
			code = ldap.LDAPResultInvalidCredentials
		}
		d.said = append(d.said, fmt.Sprintf("%d bind %s", n, dn))
		c.Write(result(id, bindResponse, code))
	case ldap.ApplicationSearchRequest:
		filter, err := ldap.DecompileFilter(op.Children[6])
		if err != nil {
			filter = err.Error()
		}
		d.said = append(d.said, fmt.Sprintf("%d search %s %d %s", n, op.Children[0].Data.String(), op.Children[1].Value, filter))
		if strings.Contains(filter, "alice") {
			e := ber.NewSequence("")
			e.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
			body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
			body.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "uid=alice, ou=x", ""))
			list := ber.NewSequence("")
			for _, name := range []string{"cn", "MAIL", "empty"} {
				a, set := ber.NewSequence(""), ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
				a.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
				for i := 0; i < 2 && name != "empty"; i++ {
					set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, fmt.Sprint(name, i, strings.Repeat(".", 200)), ""))
				}
				a.AppendChild(set)
				list.AppendChild(a)
			}
			body.AppendChild(list)
			e.AppendChild(body)
			c.Write(e.Bytes())
		}
		c.Write(result(id, searchDone, ldap.LDAPResultSuccess))
	}
}

// result is a message with a result.
func result(id int64, tag byte, code int) []byte {
	m := ber.NewSequence("")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	r := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ber.Tag(tag&0x1f), nil, "")
	r.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(code), ""))
	r.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	r.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	m.AppendChild(r)
	return m.Bytes()
}

func bind(dn, password string) step.Spec {
	return step.Spec{LDAP: &step.LDAP{Bind: &step.LDAPBind{DN: dn, Password: password}}, Timeout: 5 * time.Second}
}

func search(base, filter string) step.Spec {
	return step.Spec{LDAP: &step.LDAP{Search: &step.LDAPSearch{Base: base, Filter: filter, Attributes: []string{"cn", "mail"}}}, Timeout: 5 * time.Second}
}

func tcp(addr string) step.Target {
	return step.Target{Name: "unix", Proto: "tcp", Addrs: []string{addr}, Constants: map[string]string{"base": "dc=acme,dc=test", "star": "*)"}}
}

// TestLDAPSaysWhatThePlanSays: another library reads it so. Values are values: they end no name
// and no filter; a name that is one hole is a whole one.
func TestLDAPSaysWhatThePlanSays(t *testing.T) {
	d := &tree{}
	target := tcp(server(t, d.serve))
	c := client(t)
	w := alice()
	w.Person.Name = "alice,ou=*)(|\\"
	found := search("ou=x,{{ base }}", "(&(uid={{ user.name }})(cn=a*{{ star }}b)(!(x>={{ user.name }})))")
	found.Save = map[string]string{"dn": "dn", "cn": "cn", "mail": "mail", "none": "sn", "empty": "empty"}
	one := search("{{ dn }}", "")
	one.LDAP.Search.Scope = "base"
	for _, x := range []struct {
		step.Spec
		verdict step.Verdict
		reason  string
	}{{bind("uid={{ user.name }},{{ base }}", "wrong"), step.Refused, "49"}, {found, step.LetIn, "0"}, {bind("{{ dn }}", "right"), step.LetIn, "0"}, {one, step.Refused, "no entry"}} {
		if a := done(t, must(t, c, x.Spec, target), w); a.Verdict != x.verdict || a.Reason != x.reason || a.Octets == 0 {
			t.Errorf("%v, %q; not %v, %q", a.Verdict, a.Reason, x.verdict, x.reason)
		}
	}
	w.End()
	want := []string{`0 bind uid=alice\,ou=*)(|\\,dc=acme,dc=test`, `0 search ou=x,dc=acme,dc=test 2 (&(uid=alice,ou=\2a\29\28|\5c)(cn=a*\2a\29b)(!(x>=alice,ou=\2a\29\28|\5c)))`, `0 bind uid=alice, ou=x`, `0 search uid=alice, ou=x 0 (objectClass=*)`}
	if got := strings.Join(d.said, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("%s\nnot\n%s", got, strings.Join(want, "\n"))
	}
	w = alice()
	done(t, must(t, c, found, target), w)
	for name, want := range map[string]string{"dn": "uid=alice, ou=x", "cn": "cn0", "mail": "MAIL0", "none": "", "empty": ""} {
		if got, _ := w.Saved(name); strings.Trim(got, ".") != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
}

// TestConnectionsOfLDAP: nobody is somebody else. One that is bound is for who binds first, one that is not for
// anybody; a fresh one is nobody else's.
func TestConnectionsOfLDAP(t *testing.T) {
	d := &tree{}
	target := tcp(server(t, d.serve))
	c := client(t)
	fresh := search("", "(uid=alice)")
	fresh.LDAP.Fresh = true
	right, wrong, find, alone := must(t, c, bind("cn=x", "right"), target), must(t, c, bind("cn=x", "wrong"), target), must(t, c, search("", "(uid=alice)"), target), must(t, c, fresh, target)
	for i, x := range []struct {
		steps []step.Step
		conns int
	}{{[]step.Step{find, find}, 1}, {[]step.Step{find, right, find}, 1}, {[]step.Step{find}, 2}, {[]step.Step{right}, 2}, {[]step.Step{wrong}, 2}, {[]step.Step{find}, 2}, {[]step.Step{alone}, 3}, {[]step.Step{alone, find}, 4}} {
		w := alice()
		for _, s := range x.steps {
			done(t, s, w)
		}
		w.End()
		d.mu.Lock()
		if d.conns != x.conns {
			t.Errorf("after walk %d there are %d connections, not %d", i, d.conns, x.conns)
		}
		d.mu.Unlock()
	}
}

// TestAKeptConnectionOfLDAPEnds: that the server has ended one between walks is no failure; that it
// ends within a walk is.
func TestAKeptConnectionOfLDAPEnds(t *testing.T) {
	d := &tree{after: 2, ended: make(chan struct{}, 10)}
	c := client(t)
	find := must(t, c, search("", "(uid=alice)"), tcp(server(t, d.serve)))
	for i := range 3 {
		w := alice()
		if a := done(t, find, w); a.Verdict != step.LetIn {
			t.Fatalf("%d: %+v", i, a)
		}
		if w.End(); i == 1 {
			<-d.ended
		}
	}
	w := alice()
	done(t, find, w)
	<-d.ended
	if a := done(t, find, w); a.Verdict != step.Failed || !strings.HasPrefix(a.Reason, "connection ") {
		t.Errorf("within a walk: %+v", a)
	}
	if a := done(t, find, w); a.Verdict != step.LetIn {
		t.Errorf("afterwards: %+v", a)
	}
}

// TestNumbersOfMessages are written as they have to be, and stay within 31 bits (RFC 4511 section 4.1.1.1).
func TestNumbersOfMessages(t *testing.T) {
	d := &tree{}
	c := client(t)
	target := tcp(server(t, d.serve))
	find := must(t, c, search("", "(uid=alice)"), target)
	for _, id := range []int{1, 126, 127, 128, 254, 255, 256, 32766, 32767, 32768, 1<<23 - 1, 1 << 23, 1<<31 - 2, 1<<31 - 1} {
		w := alice()
		done(t, find, w)
		w.Held(directoryKey{c.pool(&target, target.Addrs[0])}).(*directory).conn.id = id
		done(t, find, w)
		if want := id%(1<<31-1) + 1; d.last != want {
			t.Errorf("after %d comes %d, not %d", id, d.last, want)
		}
		w.End()
	}
}

// TestAnswersOfLDAPThatCannotBeRead end the connection, and say why.
func TestAnswersOfLDAPThatCannotBeRead(t *testing.T) {
	notice := []byte{0x30, 0x0c, 2, 1, 0, 0x78, 7, 0x0a, 1, 52, 4, 0, 4, 0}
	for _, x := range []struct {
		name, answer, reason string
	}{
		{"nothing", "", "connection closed"},
		{"another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", "malformed answer"},
		{"half a message", "\x30\x0c\x02\x01\x01", "connection closed"},
		{"beyond all bounds", "\x30\x84\x7f\xff\xff\xff", "malformed answer"},
		{"of no length", "\x30\x80\x02\x01\x01", "malformed answer"},
		{"a length of nine octets", "\x30\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01", "malformed answer"},
		{"an empty message", "\x30\x00", "malformed answer"},
		{"notice", string(notice), "notice of disconnection"},
		{"of another message", string(result(7, bindResponse, 0)), "malformed answer"},
		{"of another operation", string(result(1, searchDone, 0)), "malformed answer"},
		{"refused", string(result(1, bindResponse, 53)), "53"},
		{"busy", string(result(1, bindResponse, 51)), "51"},
	} {
		t.Run(x.name, func(t *testing.T) {
			addr := server(t, func(_ int, c net.Conn, in *bufio.Reader) {
				ber.ReadPacket(in)
				io.WriteString(c, x.answer)
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, in)
			})
			if a := done(t, must(t, client(t), bind("cn=x", "right"), tcp(addr)), alice()); a.Reason != x.reason || a.Verdict == step.LetIn {
				t.Errorf("%v, %q; not %q", a.Verdict, a.Reason, x.reason)
			}
		})
	}
	s := bind("cn=x", "right")
	s.Timeout = 50 * time.Millisecond
	silent := server(t, func(_ int, _ net.Conn, in *bufio.Reader) { io.Copy(io.Discard, in) })
	for reason, addr := range map[string]string{"connection refused": closedPort(t), "timeout": silent} {
		if a := done(t, must(t, client(t), s, tcp(addr)), alice()); a.Reason != reason {
			t.Errorf("%q, not %q", a.Reason, reason)
		}
	}
}

// TestLDAPThatCannotBeSent is refused when the step is opened.
func TestLDAPThatCannotBeSent(t *testing.T) {
	both := bind("x", "y")
	both.LDAP.Search = &step.LDAPSearch{}
	for name, s := range map[string]step.Spec{"filter": search("", "(uid=x"), "hole": search("", "(uid={{ x)"), "name": bind("{{", "x"), "both": both, "none": {LDAP: &step.LDAP{}},
		"deep": search("", strings.Repeat("(!", 100)+"(a=b)"+strings.Repeat(")", 100)), "mark": search("", "(uid="+mark+"7"+mark+")")} {
		if _, err := New().Open(s, tcp("127.0.0.1:1")); err == nil {
			t.Errorf("%s: nobody minds", name)
		}
	}
}

// TestHolesOfFilters stand for values, wherever those are, and for nothing else.
func TestHolesOfFilters(t *testing.T) {
	for text, fine := range map[string]bool{
		"(uid={{ user.name }})": true, "(cn={{ user.name }}*)": true, "(cn=a*{{ user.name }}*b)": true, "(!(a>={{ user.name }}))": true,
		"(member:1.2.840.113556.1.4.1941:={{ user.name }})": true, "(&(a=b)(|(c={{ user.name }})(d~={{ user.name }})))": true,
		"({{ user.name }}=x)": false, "({{ user.name }}=*)": false, "({{ user.name }}=x*)": false, "(&(a=b)({{ user.name }}<=x))": false,
		"(member:{{ user.name }}:=x)": false, "({{ user.name }}:dn:=x)": false,
	} {
		if _, err := compileFilter(text, nil); (err == nil) != fine {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzFilter: a filter with a value in a hole is the one with the value escaped in its place.
func FuzzFilter(f *testing.F) {
	f.Add("(&(uid=", ")(cn=a*b))", "alice*)(")
	f.Add("(|(!(a>=1))(b:dn:2.5.13.2:=", "))", "")
	f.Add("", "", "(objectClass=*)")
	f.Fuzz(func(t *testing.T, before, after, value string) {
		if strings.ContainsAny(before+after, "{}"+mark) {
			return
		}
		got, err := compileFilter(before+"{{ user.name }}"+after, nil)
		if err != nil {
			return
		}
		w := alice()
		w.Person.Name = value
		b, err := got.append(nil, w)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ldap.CompileFilter(before + ldap.EscapeFilter(value) + after)
		if err != nil || value == "" { // an empty value makes another filter of a*
			return
		}
		if want := p.Bytes(); !bytes.Equal(b, want) {
			t.Errorf("%x, not %x", b, want)
		}
	})
}

// FuzzAnswerOfLDAP: no answer panics or takes more memory than the bounds say.
func FuzzAnswerOfLDAP(f *testing.F) {
	f.Add(result(1, searchDone, 0))
	f.Add([]byte("\x30\x84\x00\x00\x00\x05\x02\x01\x01\x64\x00"))
	s := search("", "(a=b)")
	s.Save = map[string]string{"x": "cn", "d": "dn"}
	find, err := New().Open(s, tcp("127.0.0.1:1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c := &conn{in: bufio.NewReader(bytes.NewReader(in)), id: 1}
		var x found
		if err := find.(*operation).read(c, &x); err == nil && (x.octets > len(in) || x.code > 1<<16) {
			t.Errorf("%+v of %d octets", x, len(in))
		}
	})
}
