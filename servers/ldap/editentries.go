package ldap

import (
	"slices"
	"strconv"

	"counterpart/internal/serving/fault/edit"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// entries are the messages of a search that have not left when its result is decided, as fault
// rules see them: `entry.0.dn`, `entry.0.mail.0`. An answer of more than flushAt octets has
// begun to leave by then; what is gone is not counted.
type entries struct {
	messages []message
	changed  bool
}

// message is one of them: an entry taken apart, or what is passed on as it is.
type message struct {
	raw        []byte
	entry      bool
	id         int64
	dn         string
	attributes []attribute
	rest       []byte // controls
}

type attribute struct {
	name   string
	values []string
}

// entriesOf takes apart what the server itself has written.
func entriesOf(pending []byte) *entries {
	e := &entries{}
	for len(pending) > 0 {
		_, content, rest, err := ber.Next(pending)
		if err != nil {
			break
		}
		e.messages = append(e.messages, messageOf(pending[:len(pending)-len(rest)], content))
		pending = rest
	}
	return e
}

func messageOf(raw, content []byte) message {
	m := message{raw: raw}
	c := ber.Over(content)
	m.id = c.Int(ber.Integer)
	if c.Peek() != proto.SearchEntry {
		return m
	}
	body := ber.Over(c.Take(proto.SearchEntry))
	m.dn, m.rest = body.String(), c.Rest()
	list := ber.Over(body.Take(ber.Sequence))
	for list.More() {
		one := ber.Over(list.Take(ber.Sequence))
		a := attribute{name: one.String()}
		values := ber.Over(one.Take(ber.Set))
		for values.More() {
			a.values = append(a.values, values.String())
		}
		m.attributes = append(m.attributes, a)
	}
	m.entry = c.Err() == nil && body.Err() == nil && list.Err() == nil
	return m
}

// fields are the parts of the entries, in their order.
func (e *entries) fields() (out []edit.Field) {
	n := 0
	for i := range e.messages {
		m := &e.messages[i]
		if !m.entry {
			continue
		}
		at := strconv.Itoa(n)
		n++
		out = append(out, edit.Field{Path: edit.Join("entry", at), Type: edit.Object}, edit.Field{Path: edit.Join("entry", at, "dn"), Type: edit.Text, Value: m.dn})
		for _, a := range m.attributes {
			out = append(out, edit.Field{Path: edit.Join("entry", at, a.name), Type: edit.List})
			for i, v := range a.values {
				out = append(out, edit.Field{Path: edit.Join("entry", at, a.name, strconv.Itoa(i)), Type: edit.Text, Value: v})
			}
		}
	}
	return out
}

// change changes every part that the path means.
func (e *entries) change(c edit.Change) (done bool) {
	n := 0
	for i := 0; i < len(e.messages); i++ {
		m := &e.messages[i]
		if !m.entry {
			continue
		}
		at := edit.Join("entry", strconv.Itoa(n))
		n++
		if edit.Matches(c.Field, at) {
			if c.As == edit.Dropped {
				e.messages = slices.Delete(e.messages, i, i+1)
				i, done = i-1, true
			}
			continue
		}
		if m.change(at, c) {
			m.raw, done = m.encoded(), true
		}
	}
	e.changed = e.changed || done
	return done
}

func (m *message) change(at string, c edit.Change) (done bool) {
	if edit.Matches(c.Field, edit.Under(at, "dn")) {
		done = changeText(&m.dn, c)
	}
	for i := 0; i < len(m.attributes); i++ {
		a := &m.attributes[i]
		path := edit.Under(at, edit.Join(a.name))
		if edit.Matches(c.Field, path) {
			switch c.As {
			case edit.Dropped:
				m.attributes = slices.Delete(m.attributes, i, i+1)
				i, done = i-1, true
			case edit.Empty:
				a.values, done = nil, true
			}
			continue
		}
		done = a.change(path, c) || done
	}
	return done
}

func (a *attribute) change(path string, c edit.Change) (done bool) {
	kept := a.values[:0:0]
	for i, v := range a.values {
		if !edit.Matches(c.Field, edit.Under(path, strconv.Itoa(i))) {
			kept = append(kept, v)
			continue
		}
		value, drop, ok := edit.Value(edit.Field{Type: edit.Text, Value: v}, c)
		switch {
		case !ok:
			kept = append(kept, v)
		case drop:
			done = true
		default:
			kept, done = append(kept, value), true
		}
	}
	a.values = kept
	return done
}

// encoded is the message again.
func (m *message) encoded() []byte {
	e := proto.BeginEntry(nil, m.id, m.dn)
	for _, a := range m.attributes {
		e.Attribute(a.name, a.values, false)
	}
	out := e.End()
	if len(m.rest) == 0 {
		return out
	}
	_, content, _, _ := ber.Next(out) // the controls stand behind the operation
	b, mark := ber.Begin(nil, ber.Sequence)
	return ber.End(append(append(b, content...), m.rest...), mark)
}

// appendTo writes all messages behind b.
func (e *entries) appendTo(b []byte) []byte {
	for i := range e.messages {
		b = append(b, e.messages[i].raw...)
	}
	return b
}
