package filter

import (
	"fmt"
	"strings"

	"counterpart/servers/ldap/internal/schema"
)

// String is the filter in the text form of RFC 4515, passwords masked.
func (f *Filter) String() string {
	var b strings.Builder
	f.write(&b)
	return b.String()
}

const maxText = 2000 // of a filter in the journal

func (f *Filter) write(b *strings.Builder) {
	if b.Len() > maxText {
		if !strings.HasSuffix(b.String(), "…") {
			b.WriteString("…")
		}
		return
	}
	b.WriteByte('(')
	switch f.Op {
	case And, Or, Not:
		b.WriteByte("&|!"[f.Op])
		for i := range f.Subs {
			f.Subs[i].write(b)
		}
	default:
		b.WriteString(f.term())
	}
	b.WriteByte(')')
}

func (f *Filter) term() string {
	if f.Attr != nil && f.Attr.Has(schema.Secret) || schema.SecretName(f.desc) || f.Rule != nil && schema.SecretName(f.Rule.text) {
		return f.desc + "=***"
	}
	switch {
	case f.Parts != nil:
		return f.desc + "=" + f.Parts.text
	case f.Rule != nil:
		return f.Rule.text + ":=" + escape(f.raw)
	}
	switch f.Op {
	case Present:
		return f.desc + "=*"
	case GreaterOrEqual:
		return f.desc + ">=" + escape(f.raw)
	case LessOrEqual:
		return f.desc + "<=" + escape(f.raw)
	case Approx:
		return f.desc + "~=" + escape(f.raw)
	case Undefined:
		return f.desc + escape(f.raw)
	}
	return f.desc + "=" + escape(f.raw)
}

// escape writes an assertion value as RFC 4515 section 3 wants it.
func escape(v string) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '*' || c == '(' || c == ')' || c == '\\' || c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, `\%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
