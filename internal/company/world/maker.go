package world

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strings"
	"sync"
	"time"
)

// maker makes the generated part of a world, one thing at a time.
type maker struct {
	Generated
	randomSeed uint64
	password   []string   // the pattern around the names
	groups     [][]string // per generated group, what people in it say of their groups
	gids       []int      // and their POSIX group
	secrets    sync.Pool  // of *drawer
}

// SecretSize is the octets of a generated TOTP secret: the one of person i stands
// at i·SecretSize in one stream.
const SecretSize = 20

func newMaker(f *Facts) *maker {
	m := &maker{Generated: f.Generated, randomSeed: f.RandomSeed}
	if m.Assets == 0 {
		m.Accounts = 0
	}
	m.password = strings.Split(m.Password, "{name}")
	key := deriveKey(f.RandomSeed, "generate", "totp")
	m.secrets.New = func() any { return &drawer{mac: hmac.New(sha256.New, key)} }
	for _, g := range f.Groups[len(f.Groups)-m.Groups:] {
		m.groups, m.gids = append(m.groups, []string{g.ID}), append(m.gids, g.GIDNumber)
	}
	return m
}

// groupsOf is what a generated person or account says of its groups.
func (m *maker) groupsOf(i int) []string {
	if len(m.groups) == 0 {
		return nil
	}
	return m.groups[i%len(m.groups)]
}

// user makes the i-th person. All its texts are parts of one.
func (m *maker) user(i int) User {
	const given = "User "
	var room [160]byte
	b := appendNumbered(room[:0], "user", i+1)
	name := len(b)
	b = append(append(b, '@'), m.Domain...)
	mail := len(b)
	b = append(append(b, given...), b[len("user"):name]...)
	display := len(b)
	for j, part := range m.password {
		if j > 0 {
			b = append(b, b[:name]...)
		}
		b = append(b, part...)
	}
	s := string(b)
	u := User{ID: s[:name], Name: s[:name], DisplayName: s[mail:display], GivenName: s[mail : mail+len(given)-1], Surname: s[len("user"):name],
		Email: s[:mail], Password: s[display:], Status: Active, UIDNumber: m.UIDs.At(i), GIDNumber: 100, Groups: m.groupsOf(i)}
	if len(m.gids) > 0 {
		u.GIDNumber = m.gids[i%len(m.gids)]
	}
	return u
}

// userID is the ID of the i-th person.
func (m *maker) userID(i int) string { return Numbered("user", i+1) }

// device makes the device of the i-th person.
func (m *maker) device(i int) Device {
	const suffix = "-totp"
	id := string(append(appendNumbered(make([]byte, 0, 24), "user", i+1), suffix...))
	secret := make([]byte, SecretSize)
	m.secret(i, secret)
	return Device{ID: id, UserID: id[:len(id)-len(suffix)], Kind: TOTP, Secret: secret,
		Algorithm: "SHA1", Digits: 6, Period: 30 * time.Second, Window: Window{Before: 1, After: 1},
		SyncWindow: 1000, MaxFail: 10, CodeTTL: 5 * time.Minute, MaxTries: 5}
}

// drawer reads anywhere in the stream of secrets.
type drawer struct {
	mac hash.Hash
	n   [8]byte
	sum [sha256.Size]byte
}

// secret reads the TOTP secret of the i-th person into p.
func (m *maker) secret(i int, p []byte) {
	d := m.secrets.Get().(*drawer)
	defer m.secrets.Put(d)
	for at := i * SecretSize; len(p) > 0; {
		d.mac.Reset()
		binary.BigEndian.PutUint64(d.n[:], uint64(at/sha256.Size))
		d.mac.Write(d.n[:])
		done := copy(p, d.mac.Sum(d.sum[:0])[at%sha256.Size:])
		p, at = p[done:], at+done
	}
}

// asset makes the i-th asset.
func (m *maker) asset(i int) Asset {
	host := Numbered("asset", i+1) + "." + m.Domain
	name := host[:len(host)-len(m.Domain)-1]
	return Asset{ID: name, Name: name, Address: m.address(i), Hostnames: []string{host}, Platform: "linux", Description: "Generated asset"}
}

// account makes the i-th account, without its password.
func (m *maker) account(i int) Account {
	name := accountName(i/m.Assets + 1)
	b := append(append(make([]byte, 0, 40), name...), '@')
	id := string(appendNumbered(b, "asset", i%m.Assets+1))
	return Account{ID: id, Name: id[:len(name)], AssetID: id[len(name)+1:], Description: "Generated account", drawn: true,
		Checkout: Checkout{For: time.Hour, Rotate: RotateNever, Approval: "none", Approvals: 1, ApprovalFor: time.Hour, Reason: "optional"},
		Access:   Access{Groups: m.groupsOf(i)}}
}

// accountPassword draws the password of a generated account.
func (m *maker) accountPassword(id string) string {
	return Password(Derive(m.randomSeed, "account", id), 16)
}
