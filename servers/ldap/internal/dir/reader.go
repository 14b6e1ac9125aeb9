package dir

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/signin"
	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/schema"
)

// Reader renders entries one after the other. It belongs to one operation and
// implements filter.Entry.
type Reader struct {
	Secrets bool // show passwords: the directory manager's right
	Err     error

	plain    bool // only values without options, as an answer lists them
	s        *Snapshot
	ctx      context.Context
	id       ID
	patch    *patch
	u        world.User
	haveUser bool
	standing *signin.Standing
	buf      []string
	tmp      []string
}

// Reader returns a reader of s. ctx is for what must be asked of the store.
func (s *Snapshot) Reader(ctx context.Context) *Reader { return &Reader{s: s, ctx: ctx, id: None} }

// seedReader is a reader that asks nobody how people stand: state attributes
// have no values for it.
func (s *Snapshot) seedReader() *Reader { return &Reader{s: s, id: None} }

// Offline is a reader that asks the store for nothing: how people stand it must be
// told.
func (s *Snapshot) Offline() *Reader { return s.seedReader() }

// Knows tells a reader how the person of its entry stands.
func (r *Reader) Knows(st signin.Standing) { r.standing = &st }

// Seek turns to an entry.
func (r *Reader) Seek(id ID) {
	if r.id == id {
		return
	}
	r.id, r.patch, r.haveUser, r.standing = id, r.s.changes[id], false, nil
}

// ID is the entry that the reader stands at.
func (r *Reader) ID() ID { return r.id }

func (r *Reader) user() *world.User {
	if !r.haveUser {
		r.u, r.haveUser = r.s.user(r.id), true
	}
	return &r.u
}

// account is how the person stands; a failing store shows in Err.
func (r *Reader) account() *signin.Standing {
	if r.standing == nil {
		r.standing = &signin.Standing{}
		if r.s.Logins != nil && r.ctx != nil {
			st, err := r.s.Logins.Standing(r.ctx, r.s.userID(r.id))
			if err != nil && r.Err == nil {
				r.Err = err
			}
			*r.standing = st
		}
	}
	return r.standing
}

// Name implements filter.Entry.
func (r *Reader) Name() dn.DN {
	d, _ := dn.Parse(r.s.DN(r.id))
	return d
}

// Values implements filter.Entry. Constructed attributes are not among them,
// see Constructed.
func (r *Reader) Values(a *schema.Attribute, options string) []string {
	r.buf = r.buf[:0]
	if a.Has(schema.Secret) && !r.Secrets {
		return nil
	}
	if a.Name == "name" && r.s.Schema.Flavour == schema.OpenLDAP {
		return r.supertype(options)
	}
	if r.patch != nil {
		if done := r.patched(a, options); done {
			if a.Name == "userAccountControl" && r.s.kind(r.id) == isUser {
				r.control()
			}
			return r.buf
		}
	}
	switch k := r.s.kind(r.id); {
	case a.Has(schema.Back) && a.Name != "memberOf" && r.s.Schema.Flavour == schema.AD:
		r.backLinks(a)
		return r.buf
	case k == isSchema:
		r.schemaEntry(a)
		return r.buf
	case a.ID < len(r.s.attrs.mask):
		if r.s.attrs.mask[a.ID]&(1<<k) == 0 {
			return nil
		}
	case k != isAdded:
		return nil
	}
	r.seeded(a, options)
	return r.buf
}

// supertype are the values of all subtypes of name (RFC 4512 section 2.5.1).
func (r *Reader) supertype(options string) []string {
	var all []string
	for _, sub := range schema.NameSubtypes {
		all = append(all, r.Values(r.s.Schema.Attr(sub), options)...)
	}
	return all
}

// patched appends the values of an attribute that a client has written; done
// is false when the seeded ones hold.
func (r *Reader) patched(a *schema.Attribute, options string) (done bool) {
	for _, t := range r.patch.attrs[a.ID] {
		done = true
		if r.fits(t.options, options) {
			r.buf = append(r.buf, t.values...)
		}
	}
	return done
}

// covers reports whether the options of a description include all that are
// asked for (RFC 4512 section 2.5.2).
func covers(have, want string) bool {
	if want == "" || have == want {
		return true
	}
	for _, o := range strings.Split(want, ";") {
		found := false
		for _, h := range strings.Split(have, ";") {
			found = found || h == o || strings.HasSuffix(o, "-") && strings.HasPrefix(h, o) // a range: lang-
		}
		if !found {
			return false
		}
	}
	return true
}

// Plain are the values of an attribute description without options; those with
// options are answered under their own description, see Tagged.
func (r *Reader) Plain(a *schema.Attribute) []string {
	r.plain = true
	defer func() { r.plain = false }()
	return r.Values(a, "")
}

// Tagged are the options that values of the attribute come with here.
func (r *Reader) Tagged(a *schema.Attribute) []string {
	var out []string
	if r.patch != nil {
		for _, t := range r.patch.attrs[a.ID] {
			if t.options != "" && len(t.values) > 0 {
				out = append(out, t.options)
			}
		}
		if len(r.patch.attrs[a.ID]) > 0 {
			return out
		}
	}
	if !r.s.tagged {
		return nil
	}
	attributes := map[string][]string(nil)
	switch r.s.kind(r.id) {
	case isUser:
		attributes = r.user().Attributes
	case isGroup:
		attributes = r.s.group(r.id).Attributes
	}
	for desc := range attributes {
		if c := r.s.custom[desc]; c.attr == a && c.options != "" {
			out = append(out, c.options)
		}
	}
	slices.Sort(out)
	return out
}

// fits reports whether values with some options are asked for now.
func (r *Reader) fits(have, want string) bool {
	if r.plain && want == "" {
		return have == ""
	}
	return covers(have, want)
}

func (r *Reader) add(values ...string) {
	for _, v := range values {
		if v != "" {
			r.buf = append(r.buf, v)
		}
	}
}

func (r *Reader) number(n int64) { r.buf = append(r.buf, strconv.FormatInt(n, 10)) }

// seeded appends the values of an attribute as the seed has it.
func (r *Reader) seeded(a *schema.Attribute, options string) {
	if options == "" {
		if r.common(a) {
			return
		}
	}
	switch r.s.kind(r.id) {
	case isBox:
		if options == "" {
			r.buf = append(r.buf, r.s.boxes[r.id].values[a.ID]...)
		}
	case isUser:
		if !r.extra(a, options, r.user().Attributes) && options == "" {
			if r.s.Schema.Flavour == schema.AD {
				r.adUser(a)
			} else {
				r.posixUser(a)
			}
		}
	case isGroup:
		if !r.extra(a, options, r.s.group(r.id).Attributes) && options == "" {
			if r.s.Schema.Flavour == schema.AD {
				r.adGroup(a)
			} else {
				r.posixGroup(a)
			}
		}
	}
	if options == "" && a.Name == "objectClass" {
		r.classes()
	}
}

// extra appends seeded attributes; they replace the computed ones, but object
// classes add to them.
func (r *Reader) extra(a *schema.Attribute, options string, attributes map[string][]string) (replaced bool) {
	if len(attributes) == 0 || a.Name == "objectClass" {
		return false
	}
	for desc, values := range attributes {
		if c, ok := r.s.custom[desc]; ok && c.attr == a && r.fits(c.options, options) {
			r.buf = append(r.buf, values...)
			replaced = replaced || c.options == "" || options != ""
		}
	}
	return replaced
}

// classes appends seeded object classes that are not there yet.
func (r *Reader) classes() {
	var more map[string][]string
	switch r.s.kind(r.id) {
	case isUser:
		more = r.user().Attributes
	case isGroup:
		more = r.s.group(r.id).Attributes
	}
	for desc, values := range more {
		if !strings.EqualFold(desc, "objectClass") {
			continue
		}
	next:
		for _, v := range values {
			for _, have := range r.buf {
				if strings.EqualFold(have, v) {
					continue next
				}
			}
			r.buf = append(r.buf, v)
		}
	}
}

// seededAt is when the seed's entries count as made: nobody measures it, but
// two runs must agree.
var seededAt = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// SeededAt is when the seed's entries count as made.
func SeededAt() time.Time { return seededAt }

func (r *Reader) created() (time.Time, string) {
	if r.patch != nil && !r.patch.Created.IsZero() {
		return r.patch.Created, r.patch.Creator
	}
	return seededAt, r.s.Manager
}

func (r *Reader) modified() (time.Time, string) {
	if r.patch != nil && !r.patch.Modified.IsZero() {
		return r.patch.Modified, r.patch.Modifier
	}
	return r.created()
}

// common appends what entries of every kind have; done is false when a is none
// of that.
func (r *Reader) common(a *schema.Attribute) (done bool) {
	switch a.Name {
	case "member", "memberOf":
		return r.membership(a)
	case "memberUid":
		return false
	}
	if r.s.Schema.Flavour == schema.AD {
		return r.adCommon(a)
	}
	switch a.Name {
	case "entryUUID":
		g := r.s.guid(r.s.key(r.id))
		r.add(formatUUID(g))
	case "entryDN":
		r.add(r.s.DN(r.id))
	case "createTimestamp":
		t, _ := r.created()
		r.add(r.s.Schema.FormatTime(t))
	case "modifyTimestamp":
		t, _ := r.modified()
		r.add(r.s.Schema.FormatTime(t))
	case "creatorsName":
		_, who := r.created()
		r.add(who)
	case "modifiersName":
		_, who := r.modified()
		r.add(who)
	case "entryCSN":
		t, _ := r.modified()
		r.add(t.UTC().Format("20060102150405.000000Z") + "#000000#000#000000")
	case "subschemaSubentry":
		r.add("cn=Subschema")
	case "hasSubordinates":
		r.add(strings.ToUpper(strconv.FormatBool(r.s.HasChildren(r.id))))
	case "structuralObjectClass":
		r.add(r.structural())
	default:
		return false
	}
	return true
}

// structural is the most special structural class of the entry.
func (r *Reader) structural() string {
	r.tmp = append(r.tmp[:0], r.Values(r.s.Schema.Attr("objectClass"), "")...)
	r.buf = r.buf[:0]
	best, depth := "", -1
	for _, name := range r.tmp {
		if c := r.s.Schema.Class(name); c != nil && c.Kind == schema.Structural {
			if n := len(r.s.Schema.Chain(name)); n > depth {
				best, depth = c.Name, n
			}
		}
	}
	return best
}

func formatUUID(g [16]byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 36)
	for i, o := range g {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, digits[o>>4], digits[o&15])
	}
	return string(out)
}
