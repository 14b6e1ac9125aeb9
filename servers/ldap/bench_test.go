package ldap_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// crowd is a company of n people, in ten of n/20 groups each.
func crowd(n int) world.Facts {
	f := world.Facts{Organization: world.Organization{Name: "Acme", Domain: "acme.test", NetBIOS: "ACME"}, RandomSeed: 1}
	groups := max(n/20, 1)
	for i := range groups {
		id := fmt.Sprintf("group%05d", i)
		f.Groups = append(f.Groups, world.Group{ID: id, Name: id, GIDNumber: 20000 + i})
	}
	for i := range n {
		id := fmt.Sprintf("user%06d", i)
		u := world.User{ID: id, Name: id, DisplayName: fmt.Sprintf("User Number %06d", i), GivenName: "User", Surname: fmt.Sprintf("Number %06d", i),
			Email: id + "@acme.test", Password: "Secret-1", Status: world.Active, UIDNumber: 100000 + i, GIDNumber: 20000}
		for g := range 10 {
			u.Groups = append(u.Groups, f.Groups[(i*7+g*groups/10)%groups].ID)
		}
		f.Users = append(f.Users, u)
	}
	return f
}

func search(id int64, base string, scope int64, filterTag byte, attr, value string, attrs ...string) []byte {
	b, msg := ber.Begin(nil, ber.Sequence)
	b = ber.AppendInt(b, ber.Integer, id)
	b, op := ber.Begin(b, proto.SearchRequest)
	b = ber.AppendString(b, ber.OctetString, base)
	b = ber.AppendInt(b, ber.Enumerated, scope)
	b = ber.AppendInt(b, ber.Enumerated, 0)
	b = ber.AppendInt(b, ber.Integer, 0)
	b = ber.AppendInt(b, ber.Integer, 0)
	b = ber.AppendBool(b, ber.Boolean, false)
	b, f := ber.Begin(b, filterTag)
	if filterTag == 0x87 {
		b = append(b, attr...)
	} else {
		b = ber.AppendString(b, ber.OctetString, attr)
		b = ber.AppendString(b, ber.OctetString, value)
	}
	b = ber.End(b, f)
	b, list := ber.Begin(b, ber.Sequence)
	for _, a := range attrs {
		b = ber.AppendString(b, ber.OctetString, a)
	}
	return ber.End(ber.End(ber.End(b, list), op), msg)
}

func bindRequest(id int64, name, password string) []byte {
	b, msg := ber.Begin(nil, ber.Sequence)
	b = ber.AppendInt(b, ber.Integer, id)
	b, op := ber.Begin(b, proto.BindRequest)
	b = ber.AppendInt(b, ber.Integer, 3)
	b = ber.AppendString(b, ber.OctetString, name)
	b = ber.AppendString(b, 0x80, password)
	return ber.End(ber.End(b, op), msg)
}

// readMessage reads one message off a connection and returns it whole.
func readMessage(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, err
	}
	if head[1] > 0x80 {
		if head, err = r.Peek(2 + int(head[1]&0x7f)); err != nil {
			return nil, err
		}
	}
	n, octets, err := ber.Length(head[1:])
	if err != nil {
		return nil, err
	}
	b := make([]byte, 1+octets+n)
	_, err = io.ReadFull(r, b)
	return b, err
}

// opTag is the operation's tag in a message.
func opTag(msg []byte) byte {
	_, content, _, err := ber.Next(msg)
	if err != nil {
		return 0
	}
	m, _ := proto.ParseMessage(content)
	return m.Op
}

// facts100k is generated once: it costs more than a server.
var facts100k = sync.OnceValue(func() world.Facts { return crowd(100000) })

func largeLab(b *testing.B, set ldap.Settings) *lab {
	return open(b, setup{facts: facts100k(), set: set, loose: true, quiet: true})
}

// run drives many connections, each one request at a time.
func run(b *testing.B, addr string, request func(n int) []byte, done byte) {
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for n := 0; pb.Next(); n++ {
			if _, err := c.Write(request(n * 7919 % 100000)); err != nil {
				b.Error(err)
				return
			}
			for {
				msg, err := readMessage(r)
				if err != nil {
					b.Error(err)
					return
				}
				if opTag(msg) == done {
					break
				}
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func BenchmarkSearchEquality100k(b *testing.B) {
	l := largeLab(b, ldap.Settings{})
	run(b, l.addr["ldap"], func(n int) []byte {
		return search(1, base, 2, 0xa3, "uid", fmt.Sprintf("user%06d", n))
	}, proto.SearchDone)
}

// BenchmarkSearchAD100k are equality searches in Active Directory, of an
// attribute with an index and of one that nobody has.
func BenchmarkSearchAD100k(b *testing.B) {
	l := largeLab(b, ldap.Settings{Flavour: "ad", Anonymous: "read"})
	for _, x := range []struct{ attr, format string }{{"sAMAccountName", "user%06d"}, {"mailNickname", "user%06d"}} {
		b.Run(x.attr, func(b *testing.B) {
			run(b, l.addr["ldap"], func(n int) []byte {
				return search(1, domain, 2, 0xa3, x.attr, fmt.Sprintf(x.format, n))
			}, proto.SearchDone)
		})
	}
}

func BenchmarkSimpleBind(b *testing.B) {
	l := largeLab(b, ldap.Settings{})
	run(b, l.addr["ldap"], func(n int) []byte {
		return bindRequest(1, fmt.Sprintf("uid=user%06d,ou=people,dc=acme,dc=test", n), "Secret-1")
	}, proto.BindResponse)
}

// BenchmarkDump streams all entries to one client.
func BenchmarkDump(b *testing.B) {
	l := largeLab(b, ldap.Settings{SizeLimit: -1})
	c, err := net.Dial("tcp", l.addr["ldap"])
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 1<<20)
	entries := 0
	b.ResetTimer()
	for b.Loop() {
		c.Write(search(1, base, 2, 0x87, "objectClass", ""))
		for {
			msg, err := readMessage(r)
			if err != nil {
				b.Fatal(err)
			}
			if msg[len(msg)-1] == 0 && opTag(msg) == proto.SearchDone {
				break
			}
			entries++
		}
	}
	b.ReportMetric(float64(entries)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkBuild100k builds the directory and reports the heap that it keeps.
func BenchmarkBuild100k(b *testing.B) {
	for _, flavour := range []string{"openldap", "ad"} {
		b.Run(flavour, func(b *testing.B) {
			w, err := world.New(facts100k())
			if err != nil {
				b.Fatal(err)
			}
			c := clock.New()
			env := dialect.Env{World: w, Clock: c, Store: state.NewMemory(c), Rand: w.Derive("r"),
				Logins: signin.New(signin.Config{World: w, Store: state.NewMemory(c), Clock: c, Rand: w.Derive("s")}),
				Decode: func(v any) error { v.(*ldap.Settings).Flavour = flavour; return nil }}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var s dialect.Server
			began := time.Now()
			for b.Loop() {
				if s, err = ldap.New(env); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(time.Since(began).Seconds()*1000/float64(b.N), "ms/build")
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
			runtime.KeepAlive(s)
		})
	}
}
