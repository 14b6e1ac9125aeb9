package ldap_test

import (
	"bufio"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// raw is a client that sends octets and decodes what comes back.
type raw struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

func (l *lab) raw(t *testing.T, port string) *raw {
	t.Helper()
	c, err := net.Dial("tcp", l.addr[port])
	if err != nil {
		t.Fatal(err)
	}
	if port == "ldaps" || port == "gcs" {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second)) // only a failing test gets there
	return &raw{t, c, bufio.NewReader(c)}
}

func (r *raw) send(b []byte) *raw {
	r.t.Helper()
	if _, err := r.c.Write(b); err != nil {
		r.t.Fatal(err)
	}
	return r
}

// answer is one decoded message.
type answer struct {
	id       int64
	op       byte
	code     int64
	matched  string
	text     string
	name     string // extended responses
	value    string
	hasValue bool
	dn       string // entries
	controls []proto.Control
	referral string // as it was sent
}

func (a answer) String() string { return fmt.Sprintf("%d %q", a.code, a.text) }

func decodeAnswer(msg []byte) (a answer, err error) {
	_, content, _, err := ber.Next(msg)
	if err != nil {
		return a, err
	}
	m, err := proto.ParseMessage(content)
	if err != nil {
		return a, err
	}
	a.id, a.op, a.controls = m.ID, m.Op, m.Controls
	c := ber.Over(m.Body)
	if m.Op == proto.SearchEntry {
		a.dn = c.String()
		return a, c.Err()
	}
	if m.Op == proto.SearchReference {
		return a, nil
	}
	a.code, a.matched, a.text = c.Int(ber.Enumerated), c.String(), c.String()
	if v, ok := c.Optional(0xa3); ok {
		a.referral = string(v)
	}
	if v, ok := c.Optional(0x8a); ok {
		a.name = string(v)
	}
	if v, ok := c.Optional(0x8b); ok {
		a.value, a.hasValue = string(v), true
	}
	return a, c.Err()
}

// next is the next message; io.EOF when the server has closed.
func (r *raw) next() (answer, error) {
	msg, err := readMessage(r.r)
	if err != nil {
		return answer{}, err
	}
	return decodeAnswer(msg)
}

// result reads up to the next result, and counts entries on the way.
func (r *raw) result() (a answer, entries int) {
	r.t.Helper()
	for {
		a, err := r.next()
		if err != nil {
			r.t.Fatalf("no answer: %v", err)
		}
		switch a.op {
		case proto.SearchEntry:
			entries++
		case proto.SearchReference:
		default:
			return a, entries
		}
	}
}

// closed fails unless the server closes without another word.
func (r *raw) closed() {
	r.t.Helper()
	if a, err := r.next(); err == nil {
		r.t.Errorf("expected the end, got %x %v", a.op, a)
	} else if e, ok := err.(net.Error); ok && e.Timeout() {
		r.t.Error("the connection stays open")
	}
}

// notice fails unless a Notice of Disconnection with a code comes, and the end.
func (r *raw) notice(code int64, text string) {
	r.t.Helper()
	a, err := r.next()
	if err != nil || a.id != 0 || a.op != proto.ExtendedResponse || a.name != "1.3.6.1.4.1.1466.20036" || a.code != code || a.text != text {
		r.t.Errorf("got %+v, %v; want a notice with %d %q", a, err, code, text)
		return
	}
	r.closed()
}

// message wraps a protocol operation.
func message(id int64, op []byte, controls ...proto.Control) []byte {
	b, mark := ber.Begin(nil, ber.Sequence)
	b = append(ber.AppendInt(b, ber.Integer, id), op...)
	if len(controls) > 0 {
		var list int
		b, list = ber.Begin(b, 0xa0)
		for _, c := range controls {
			var one int
			b, one = ber.Begin(b, ber.Sequence)
			b = ber.AppendString(b, ber.OctetString, c.OID)
			if c.Critical {
				b = ber.AppendBool(b, ber.Boolean, true)
			}
			if c.HasValue {
				b = ber.AppendString(b, ber.OctetString, c.Value)
			}
			b = ber.End(b, one)
		}
		b = ber.End(b, list)
	}
	return ber.End(b, mark)
}

// with puts controls on a whole message.
func with(msg []byte, controls ...proto.Control) []byte {
	_, content, _, _ := ber.Next(msg)
	m, _ := proto.ParseMessage(content)
	return message(m.ID, ber.AppendString(nil, m.Op, m.Body), controls...)
}

func extended(id int64, oid, value string) []byte {
	b, mark := ber.Begin(nil, proto.ExtendedRequest)
	b = ber.AppendString(b, 0x80, oid)
	if value != "" {
		b = ber.AppendString(b, 0x81, value)
	}
	return message(id, ber.End(b, mark))
}

func abandon(id, other int64) []byte {
	return message(id, ber.AppendInt(nil, proto.AbandonRequest, other))
}

// sizedSearch asks for all people, at most limit of them.
func sizedSearch(id, limit int64) []byte {
	b, mark := ber.Begin(nil, proto.SearchRequest)
	b = ber.AppendString(b, ber.OctetString, base)
	b = ber.AppendInt(ber.AppendInt(b, ber.Enumerated, 2), ber.Enumerated, 0)
	b = ber.AppendInt(ber.AppendInt(b, ber.Integer, limit), ber.Integer, 0)
	b, eq := ber.Begin(ber.AppendBool(b, ber.Boolean, false), 0xa3)
	b = ber.AppendString(ber.AppendString(b, ber.OctetString, "objectClass"), ber.OctetString, "inetOrgPerson")
	b, list := ber.Begin(ber.End(b, eq), ber.Sequence)
	b = ber.AppendString(b, ber.OctetString, "1.1")
	return message(id, ber.End(ber.End(b, list), mark))
}

func compareOf(dn, attr, value string) []byte {
	b, mark := ber.Begin(nil, proto.CompareRequest)
	b = ber.AppendString(b, ber.OctetString, dn)
	b, ava := ber.Begin(b, ber.Sequence)
	b = ber.AppendString(ber.AppendString(b, ber.OctetString, attr), ber.OctetString, value)
	return message(1, ber.End(ber.End(b, ava), mark))
}

// modifyOf is a modify request with one change.
func modifyOf(dn string, op int64, attr string, values ...string) []byte {
	b, mark := ber.Begin(nil, proto.ModifyRequest)
	b = ber.AppendString(b, ber.OctetString, dn)
	b, list := ber.Begin(b, ber.Sequence)
	b, one := ber.Begin(b, ber.Sequence)
	b = ber.AppendInt(b, ber.Enumerated, op)
	b, part := ber.Begin(b, ber.Sequence)
	b = ber.AppendString(b, ber.OctetString, attr)
	b, set := ber.Begin(b, ber.Set)
	for _, v := range values {
		b = ber.AppendString(b, ber.OctetString, v)
	}
	for _, m := range []int{set, part, one, list, mark} {
		b = ber.End(b, m)
	}
	return message(2, b)
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}
