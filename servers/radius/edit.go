package radius

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/fault/edit"
)

// reply is a finished answer as fault rules see it: its code, its attributes by their
// names, and what protects it. What is changed is signed again, unless it is to be forged.
type reply struct {
	s *server
	x *exchange
	b []byte
}

// The parts that are no attributes.
const (
	partCode          = "code"
	partAuthenticator = "authenticator"
	partAttribute     = "attribute"
)

// editReply lets rules change parts of an answer.
func (s *server) editReply(x *exchange, b []byte) []byte {
	r := &reply{s, x, b}
	x.call.Edit(r)
	return r.b
}

// Fields implements edit.Message.
func (r *reply) Fields() []edit.Field {
	out := []edit.Field{{Path: partCode, Type: edit.Text, Value: radius.Code(r.b[0]).String()}, {Path: partAuthenticator, Type: edit.Sealed}}
	for i, name := range r.names() {
		f := edit.Field{Path: edit.Join(partAttribute, name), Type: edit.Text, Value: r.s.dict.Pairs(r.b)[i][1]}
		if strings.HasPrefix(name, "Message-Authenticator") {
			f.Type, f.Value = edit.Sealed, ""
		}
		out = append(out, f)
	}
	return out
}

// names are those of the attributes; the second of a name is name[1].
func (r *reply) names() (out []string) {
	times := map[string]int{}
	for _, p := range r.s.dict.Pairs(r.b) {
		name := p[0]
		if n := times[name]; n > 0 {
			name += "[" + strconv.Itoa(n) + "]"
		}
		times[p[0]]++
		out = append(out, name)
	}
	return out
}

// Change implements edit.Message.
func (r *reply) Change(c edit.Change) bool {
	part, rest := edit.Cutoff(c.Field)
	switch {
	case part == partCode && rest == "":
		return r.changeCode(c)
	case part == partAuthenticator && rest == "" && c.As == edit.Flipped:
		r.b = slices.Clone(r.b)
		r.b[4] ^= 0xff
		return true
	case part == partAttribute:
		name, more := edit.Cutoff(rest)
		return more == "" && r.changeAttribute(slices.Index(r.names(), name), c)
	}
	return false
}

func (r *reply) changeCode(c edit.Change) bool {
	want, drop, ok := edit.Value(edit.Field{Type: edit.Text, Value: radius.Code(r.b[0]).String()}, c)
	if !ok || drop {
		return false
	}
	for code := range 256 {
		if radius.Code(code).String() == want {
			r.b = slices.Clone(r.b)
			r.b[0] = byte(code)
			r.sign(c, func(list []wire.Attribute) []wire.Attribute { return list })
			return true
		}
	}
	return false
}

// sign changes the attributes and signs the reply again; of a forged one the authenticators
// stay what they were.
func (r *reply) sign(c edit.Change, change func([]wire.Attribute) []wire.Attribute) {
	was := slices.Clone(r.b[4:wire.HeaderLength])
	r.b = r.x.rebuild(r.b, change, c.As != edit.Forged)
	if c.As == edit.Forged {
		copy(r.b[4:], was)
	}
}

func (r *reply) changeAttribute(i int, c edit.Change) bool {
	if i < 0 {
		return false
	}
	done := false
	r.sign(edit.Change{As: edit.Forged}, func(list []wire.Attribute) []wire.Attribute { // what changes nothing is not signed
		list = slices.Clone(list)
		if list[i].Type == rfc2869.MessageAuthenticator_Type && c.As == edit.Flipped {
			v := slices.Clone(list[i].Value)
			v[0] ^= 0xff
			list[i].Value, done = v, true
			return list
		}
		v, drop, ok := changed(list[i].Value, c)
		switch done = ok; {
		case drop:
			return slices.Delete(list, i, i+1)
		case ok:
			list[i].Value = v
		}
		return list
	})
	if done && c.As != edit.Forged {
		spoilt := c.As == edit.Flipped // a Message-Authenticator that was made wrong stays so
		r.b = r.x.rebuild(r.b, func(list []wire.Attribute) []wire.Attribute { return list }, !spoilt)
	}
	return done
}

// changed is the value of an attribute after a change; one that is no text is octets, which
// 0x and hexadecimal digits write.
func changed(v []byte, c edit.Change) (out []byte, drop, ok bool) {
	if c.As == edit.Replaced || c.As == edit.Forged {
		if digits, octets := strings.CutPrefix(c.Value, "0x"); octets {
			if raw, err := hex.DecodeString(digits); err == nil {
				return raw, false, len(raw) <= wire.MaxValue
			}
		}
		return []byte(c.Value), false, len(c.Value) <= wire.MaxValue
	}
	switch c.As {
	case edit.Cut:
		return v[:len(v)/2], false, len(v) > 1
	case edit.Other:
		if len(v) == 0 {
			return nil, false, false
		}
		out = slices.Clone(v)
		out[len(out)-1] ^= 1
		return out, false, true
	}
	text, drop, ok := edit.Value(edit.Field{Type: edit.Text, Value: string(v)}, c)
	return []byte(text), drop, ok
}
