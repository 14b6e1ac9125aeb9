// Package dir is the directory behind the LDAP server: the seeded people and
// groups as a tree of entries, with equality indexes, group membership in both
// directions, and an overlay of everything that clients have written.
//
// Seeded entries are never stored. They are numbered densely (containers,
// people, groups), the indexes hold numbers only, and attributes are rendered
// from the world when somebody looks. Generated people are in no table: what
// they are called leads to their number, see made.go. A hit of an index is
// verified against the rendered entry, so that collisions and stale postings are
// harmless.
package dir

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"io"
	"strings"
	"sync"

	"counterpart/internal/company/signin"
	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/schema"
)

// ID numbers an entry. It stays the same in every snapshot of one server.
type ID uint32

// None is no entry.
const None = ^ID(0)

// Config is what a directory is made of.
type Config struct {
	World   *world.World
	Schema  *schema.Schema
	Suffix  string // DN of the naming context, in the flavour's spelling
	People  string // RDNs between a person and the suffix: "ou=people"
	Groups  string
	NetBIOS string
	Host    string // DNS name of the server
	Manager string // DN that counts as the creator of seeded entries
	Posix   bool   // openldap: groups are posixGroup
	Names   bool   // openldap: groups are groupOfNames
	Logins  Logins
}

// Logins is what the directory asks about people's passwords; *signin.Authenticator.
type Logins interface {
	Standing(ctx context.Context, userID string) (signin.Standing, error)
	Password(ctx context.Context, userID string) (string, error)
}

// Base is the seeded part of the directory: immutable, shared by all snapshots.
type Base struct {
	Config
	attrs    attributes
	seed     maphash.Seed
	boxes    []box
	boxAt    map[string]ID // by normal DN
	people   ID            // the container of all seeded people
	crowd    ID            // the container of all seeded groups
	groups   []world.Group
	groupAt  map[string]ID // by world ID
	user0    ID            // number of the first person
	made0    ID            // number of the first generated person
	group0   ID
	end      ID // first number of an added entry
	renamed  map[ID]bool
	memberAt []uint32 // per group, where its written people start in members; one more at the end
	members  []ID
	parents  [][]ID // per group, the groups that list it
	custom   map[string]custom
	tagged   bool  // some of them have options
	names    index // normal DN → entry
	lazy     []lazyIndex
	sid      []byte // of the domain
	person   string // normal DN of people's object category
	guidKey  [16]byte
	guids    lazyIndex

	schemaHead   ID     // ad: the head of the schema naming context
	schemaSuffix string // ad: what the normal names of its entries end with
	schemaOnce   sync.Once
	schemaRows   schemaRows
}

// custom is an attribute description that seeded attributes use.
type custom struct {
	attr    *schema.Attribute
	options string
	kinds   uint8 // of entries that have it
}

// box is an entry that is neither a person nor a seeded group: a container, the
// suffix, a built-in group.
type box struct {
	name   string // RDN, or a whole DN for the head of a naming context
	parent ID
	dn     string
	norm   string
	rid    uint32 // AD security principals
	values map[int][]string
}

type kind uint8

const (
	isBox kind = iota
	isUser
	isGroup
	isAdded
	isSchema // ad: an attribute or class of the published schema
)

func (b *Base) kind(id ID) kind {
	switch {
	case id < b.user0:
		return isBox
	case id < b.group0:
		return isUser
	case id < b.end:
		return isGroup
	case id >= schema0 && id != None:
		return isSchema
	}
	return isAdded
}

// user is the person behind id.
func (b *Base) user(id ID) world.User {
	return b.World.UserAt(int(id - b.user0))
}

// userID is the world's ID of the person behind id.
func (b *Base) userID(id ID) string { return b.World.UserIDAt(int(id - b.user0)) }

func (b *Base) group(id ID) *world.Group { return &b.groups[id-b.group0] }

func (b *Base) hash(s string) uint32 { return uint32(maphash.String(b.seed, s) >> 32) }

// rdn is the RDN of a seeded entry as it is written.
func (b *Base) rdn(id ID, u *world.User) string {
	switch b.kind(id) {
	case isUser:
		if b.Schema.Flavour == schema.AD {
			return "CN=" + dn.Escape(b.commonName(id, u), dn.Backslash)
		}
		return "uid=" + dn.Escape(u.Name, dn.Hex)
	case isGroup:
		if b.Schema.Flavour == schema.AD {
			return "CN=" + dn.Escape(b.group(id).Name, dn.Backslash)
		}
		return "cn=" + dn.Escape(b.group(id).Name, dn.Hex)
	case isSchema:
		return "CN=" + b.published().cn[id-schema0]
	}
	return b.boxes[id].name
}

// commonName is a person's cn. In AD it is the RDN and must be unique, so
// namesakes get their account name behind it.
func (b *Base) commonName(id ID, u *world.User) string {
	cn := u.DisplayName
	if cn == "" {
		cn = strings.TrimSpace(u.GivenName + " " + u.Surname)
	}
	if cn == "" {
		cn = u.Name
	}
	if b.renamed[id] {
		cn += " (" + u.Name + ")"
	}
	return cn
}

// normRDN is the comparable form of a seeded person's or group's RDN.
func (b *Base) normRDN(id ID, u *world.User) string {
	var typ, value string
	switch {
	case b.kind(id) == isGroup:
		typ, value = "cn=", b.group(id).Name
	case b.Schema.Flavour == schema.AD:
		typ, value = "cn=", b.commonName(id, u)
	default:
		typ, value = "uid=", u.Name
	}
	folded, _ := b.Schema.NormKind(schema.Text, value)
	return typ + dn.Escape(folded, dn.Hex)
}

// baseNorm is the normal DN that an entry was seeded with.
func (b *Base) baseNorm(id ID) string {
	switch b.kind(id) {
	case isBox:
		return b.boxes[id].norm
	case isUser:
		u := b.user(id)
		return b.normRDN(id, &u) + "," + b.boxes[b.people].norm
	case isGroup:
		return b.normRDN(id, nil) + "," + b.boxes[b.crowd].norm
	case isSchema:
		return "cn=" + strings.ToLower(b.published().cn[id-schema0]) + "," + b.boxes[b.schemaHead].norm
	}
	return ""
}

// key is the name of an entry in the stored overlay: it does not depend on
// numbers, which change with the seed.
func (b *Base) key(id ID) string {
	switch b.kind(id) {
	case isUser:
		return "u:" + b.userID(id)
	case isGroup:
		return "g:" + b.group(id).ID
	case isBox:
		return "b:" + b.boxes[id].norm
	case isSchema:
		return "s:" + strings.ToLower(b.published().cn[id-schema0])
	}
	return addedKey(uint32(id - b.end))
}

// rid is the relative identifier of a security principal, 0 for other entries.
// People and groups take turns, so that a SID leads back without an index.
func (b *Base) rid(id ID) uint32 {
	switch b.kind(id) {
	case isUser:
		return 10000 + 2*uint32(id-b.user0)
	case isGroup:
		if r, ok := builtinRIDs[strings.ToLower(b.group(id).Name)]; ok {
			return r
		}
		return 10001 + 2*uint32(id-b.group0)
	case isBox:
		return b.boxes[id].rid
	case isSchema:
		return 0
	}
	return 1<<30 + uint32(id-b.end)
}

// byRID is the inverse of rid.
func (b *Base) byRID(rid uint32) ID {
	switch {
	case rid >= 1<<30:
		return b.end + ID(rid-1<<30)
	case rid >= 10000 && rid%2 == 0 && b.user0+ID(rid-10000)/2 < b.group0:
		return b.user0 + ID(rid-10000)/2
	case rid >= 10000 && rid%2 == 1 && b.group0+ID(rid-10001)/2 < b.end:
		return b.group0 + ID(rid-10001)/2
	}
	for id := range b.user0 {
		if b.boxes[id].rid == rid && rid != 0 {
			return id
		}
	}
	for id := b.group0; id < b.end; id++ {
		if b.rid(id) == rid {
			return id
		}
	}
	return None
}

// SID is the binary security identifier of a principal of this domain.
func (b *Base) SID(rid uint32) string {
	return string(binary.LittleEndian.AppendUint32(append([]byte{}, b.sid...), rid))
}

// fromSID finds the entry of a binary SID.
func (b *Base) fromSID(sid string) ID {
	if len(sid) != len(b.sid)+4 || sid[2:len(b.sid)] != string(b.sid[2:]) {
		return None
	}
	return b.byRID(binary.LittleEndian.Uint32([]byte(sid[len(sid)-4:])))
}

// guid is the 16 octets of an entry's UUID in network order. They follow from
// the random seed and the entry's key.
func (b *Base) guid(key string) [16]byte {
	var buf [128]byte
	sum := sha256.Sum256(append(append(buf[:0], b.guidKey[:]...), key...))
	var g [16]byte
	copy(g[:], sum[:])
	g[6], g[8] = g[6]&0x0f|0x80, g[8]&0x3f|0x80
	return g
}

// octets is a UUID as objectGUID holds it: the first three fields little-endian.
func octets(g [16]byte) string {
	return string([]byte{g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]})
}

func (b *Base) deriveIdentity() {
	var raw [12]byte
	io.ReadFull(b.World.Derive("ldap", "domain", b.World.Organization().Domain), raw[:])
	b.sid = []byte{1, 5, 0, 0, 0, 0, 0, 5}
	b.sid = binary.LittleEndian.AppendUint32(b.sid, 21)
	for i := 0; i < 12; i += 4 {
		b.sid = binary.LittleEndian.AppendUint32(b.sid, binary.LittleEndian.Uint32(raw[i:])&0x7fffffff|0x10000000)
	}
	b.sid[1] = 5
	io.ReadFull(b.World.Derive("ldap", "guid"), b.guidKey[:])
}

// domainSID is the SID of the domain itself: one sub-authority less.
func (b *Base) domainSID() string {
	s := append([]byte{}, b.sid...)
	s[1] = 4
	return string(s)
}
