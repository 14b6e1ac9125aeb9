package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"counterpart/internal/measure/process"
)

const (
	base     = "dc=acme,dc=test"
	peopleOU = "ou=people," + base
)

// directory measures searches and binds over 100,000 people against slapd.
func directory(s settings) ([]row, error) {
	peer, addr, err := slapd(s)
	if err != nil {
		return nil, err
	}
	defer peer.Stop()
	ours, err := fleet(s, "load")
	if err != nil {
		return nil, err
	}
	defer ours.Stop()
	where := ours.ports["unix/ldap"]
	dn, err := locate(where)
	if err != nil {
		return nil, err
	}
	find := func(p *process.Process, addr string) side {
		return side{p, func(lasts time.Duration) (float64, error) { return hammerSearch(s.conns, lasts, addr, people) }}
	}
	bind := func(p *process.Process, addr string, dn func(string) string) side {
		return side{p, func(lasts time.Duration) (float64, error) {
			return hammerBind(s.conns, lasts, addr, binder{people, dn})
		}}
	}
	first, err := versus(s, contest{"ldap: (uid=…) over 100,000 people, against slapd", 1.2, find(ours.Process, where), find(peer, addr)})
	if err != nil {
		return nil, err
	}
	second, err := versus(s, contest{"ldap: simple bind, 100,000 people, against slapd", 1.2, bind(ours.Process, where, dn),
		bind(peer, addr, func(name string) string { return "uid=" + name + "," + peopleOU })})
	return []row{first, second}, err
}

// locate asks where our people are, and returns how their names are made.
func locate(addr string) (func(string) string, error) {
	c, err := dialLDAP(addr)
	if err != nil {
		return nil, err
	}
	defer c.close()
	name, _ := people.person(0)
	first, err := c.search(base, 2, "uid", name)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(first, name) {
		return nil, fmt.Errorf("the directory names %s %q", name, first)
	}
	return func(other string) string { return strings.Replace(first, name, other, 1) }, nil
}

// ldapConn is just enough of LDAP to load a server: BER with short forms made
// by hand, answers read by their length.
type ldapConn struct {
	net.Conn
	r  *bufio.Reader
	id int
}

func dialLDAP(addr string) (*ldapConn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &ldapConn{Conn: c, r: bufio.NewReaderSize(c, 1<<16)}, nil
}

func (c *ldapConn) close() { c.Conn.Close() }

func tlv(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := []byte{tag}
	switch {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = binary.BigEndian.AppendUint16(append(out, 0x82), uint16(n))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func (c *ldapConn) send(op []byte) error {
	c.id = c.id%30000 + 1
	_, err := c.Write(tlv(0x30, tlv(0x02, []byte{byte(c.id >> 8), byte(c.id)}), op))
	return err
}

// read returns the tag and body of the next answer's operation.
func (c *ldapConn) read() (tag byte, body []byte, err error) {
	_, message, err := c.element(c.r)
	if err != nil {
		return 0, nil, err
	}
	skip := 2 + int(message[1]) // messageID
	tag, body, _ = split(message[skip:])
	return tag, body, nil
}

func (c *ldapConn) element(r *bufio.Reader) (byte, []byte, error) {
	tag, err := r.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	b, err := r.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	n := int(b)
	if b >= 0x80 {
		n = 0
		for range b & 0x7f {
			if b, err = r.ReadByte(); err != nil {
				return 0, nil, err
			}
			n = n<<8 | int(b)
		}
	}
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	return tag, body, err
}

// split cuts one element off b.
func split(b []byte) (tag byte, body, rest []byte) {
	n, at := int(b[1]), 2
	if n >= 0x80 {
		k := n & 0x7f
		n = 0
		for range k {
			n, at = n<<8|int(b[at]), at+1
		}
	}
	return b[0], b[at : at+n], b[at+n:]
}

// search asks (attribute=value), or for presence without a value, and returns
// the name of the first entry.
func (c *ldapConn) search(base string, scope byte, attribute string, value ...string) (string, error) {
	filter := tlv(0x87, []byte(attribute))
	if len(value) > 0 {
		filter = tlv(0xa3, tlv(0x04, []byte(attribute)), tlv(0x04, []byte(value[0])))
	}
	err := c.send(tlv(0x63, tlv(0x04, []byte(base)), tlv(0x0a, []byte{scope}), tlv(0x0a, []byte{0}), tlv(0x02, []byte{0}),
		tlv(0x02, []byte{0}), tlv(0x01, []byte{0}), filter, tlv(0x30, tlv(0x04, []byte("cn")), tlv(0x04, []byte("mail")))))
	first := ""
	for err == nil {
		var tag byte
		var body []byte
		if tag, body, err = c.read(); err != nil {
			break
		}
		switch tag {
		case 0x64:
			_, name, _ := split(body)
			first = string(name)
		case 0x65:
			if _, code, _ := split(body); code[0] != 0 {
				return first, fmt.Errorf("search: result %d %q", code[0], body)
			}
			return first, nil
		}
	}
	return first, err
}

func (c *ldapConn) bind(dn, password string) error {
	if err := c.send(tlv(0x60, tlv(0x02, []byte{3}), tlv(0x04, []byte(dn)), tlv(0x80, []byte(password)))); err != nil {
		return err
	}
	_, body, err := c.read()
	if err != nil {
		return err
	}
	if _, code, _ := split(body); code[0] != 0 {
		return fmt.Errorf("bind as %s: result %d %q", dn, code[0], body)
	}
	return nil
}

func hammerSearch(conns int, lasts time.Duration, addr string, who crowd) (float64, error) {
	return hammer(conns, lasts, func(i int, stop <-chan struct{}) (int, error) {
		c, err := dialLDAP(addr)
		if err != nil {
			return 0, err
		}
		defer c.close()
		for n := 0; ; n++ {
			if over(stop) {
				return n, nil
			}
			name, _ := who.person(i*7919 + n*31)
			found, err := c.search(base, 2, "uid", name)
			if err != nil {
				return n, err
			}
			if found == "" {
				return n, fmt.Errorf("%s is not found", name)
			}
		}
	})
}

// binder is who binds, and how their names are made.
type binder struct {
	crowd
	dn func(name string) string
}

func hammerBind(conns int, lasts time.Duration, addr string, who binder) (float64, error) {
	return hammer(conns, lasts, func(i int, stop <-chan struct{}) (int, error) {
		c, err := dialLDAP(addr)
		if err != nil {
			return 0, err
		}
		defer c.close()
		for n := 0; ; n++ {
			if over(stop) {
				return n, nil
			}
			name, password := who.person(i*7919 + n*31)
			if err := c.bind(who.dn(name), password); err != nil {
				return n, err
			}
		}
	})
}

// slapd starts OpenLDAP with the same people in an indexed mdb database.
func slapd(s settings) (*process.Process, string, error) {
	addr, err := freePort("tcp")
	if err != nil {
		return nil, "", err
	}
	dir := filepath.Join(s.dir, "slapd")
	if err := os.MkdirAll(filepath.Join(dir, "db"), 0o755); err != nil {
		return nil, "", err
	}
	var ldif strings.Builder
	fmt.Fprintf(&ldif, "dn: %s\nobjectClass: dcObject\nobjectClass: organization\ndc: acme\no: Acme\n\n", base)
	fmt.Fprintf(&ldif, "dn: %s\nobjectClass: organizationalUnit\nou: people\n\n", peopleOU)
	for n := range int(people) {
		name, password := people.person(n)
		fmt.Fprintf(&ldif, "dn: uid=%s,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nmail: %s@acme.test\nuserPassword: %s\n\n",
			name, peopleOU, name, name, name, name, password)
	}
	config := filepath.Join(dir, "slapd.conf")
	for path, text := range map[string]string{config: strings.ReplaceAll(slapdConfig, "DIR", dir), filepath.Join(dir, "people.ldif"): ldif.String()} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return nil, "", err
		}
	}
	if out, err := exec.Command("slapadd", "-q", "-f", config, "-l", filepath.Join(dir, "people.ldif")).CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("slapadd: %w\n%s", err, out)
	}
	p, err := process.Start(filepath.Join(s.dir, "slapd.log"), "slapd", "-f", config, "-h", "ldap://"+addr, "-d", "0")
	if err != nil {
		return nil, "", err
	}
	return p, addr, await(p, addr)
}

const slapdConfig = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile DIR/slapd.pid
loglevel 0
threads 16
database mdb
suffix "dc=acme,dc=test"
rootdn "cn=admin,dc=acme,dc=test"
rootpw secret
directory DIR/db
maxsize 1073741824
index objectClass,uid,cn,mail eq
password-hash {CLEARTEXT}
access to attrs=userPassword by anonymous auth by * none
access to * by * read
`
