package ldap

import (
	"slices"
	"strconv"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/serving/fault/edit"
	"counterpart/servers/ldap/internal/proto"
)

// outcome is the answer to an operation as fault rules see it: its result, and before that
// the entries of a search. What a rule changes is what the client is told; what the operation
// has done stands.
type outcome struct {
	*proto.Result
	pending []byte   // what leaves before the result
	entries *entries // the same taken apart, once somebody has asked
	cut     bool     // the answer ends in its middle, and the connection with it
}

func (r *outcome) found() *entries {
	if r.entries == nil {
		r.entries = entriesOf(r.pending)
	}
	return r.entries
}

// Fields implements edit.Message: the result code, and what there is of diagnostic message,
// matched DN and referral (RFC 4511 section 4.1.9), the entries of a search, and the octets of
// all of it.
func (r *outcome) Fields() []edit.Field {
	out := []edit.Field{{Path: "code", Type: edit.Number, Value: strconv.Itoa(int(r.Code))}, {Path: "message", Type: edit.Whole}}
	if r.Text != "" {
		out = append(out, edit.Field{Path: "text", Type: edit.Text, Value: r.Text})
	}
	if r.Matched != "" {
		out = append(out, edit.Field{Path: "matched", Type: edit.Text, Value: r.Matched})
	}
	if len(r.Referrals) > 0 {
		out = append(out, edit.Field{Path: "referral", Type: edit.Text, Value: r.Referrals[0]})
	}
	return append(out, r.found().fields()...)
}

// Change implements edit.Message.
func (r *outcome) Change(c edit.Change) bool {
	if first, _ := edit.Cutoff(c.Field); first == "entry" {
		return r.found().change(c)
	}
	switch c.Field {
	case "message":
		r.cut = r.cut || c.As == edit.Cut
		return c.As == edit.Cut
	case "code":
		return r.changeCode(c)
	case "text":
		return changeText(&r.Text, c)
	case "matched":
		return changeText(&r.Matched, c)
	case "referral":
		url := ""
		if len(r.Referrals) > 0 {
			url = r.Referrals[0]
		}
		if !changeText(&url, c) {
			return false
		}
		if r.Referrals = nil; url != "" {
			r.Code, r.Referrals = goldap.LDAPResultReferral, []string{url}
		}
		return true
	}
	return false
}

func (r *outcome) changeCode(c edit.Change) bool {
	if !slices.Contains([]string{edit.Replaced, edit.Forged, edit.Flipped, edit.Other}, c.As) {
		return false
	}
	text, _, ok := edit.Value(edit.Field{Type: edit.Number, Value: strconv.Itoa(int(r.Code))}, c)
	n, err := strconv.ParseUint(text, 10, 15) // an INTEGER of at most 2 octets, as servers send
	if !ok || err != nil {
		return false
	}
	r.Code = uint16(n)
	return true
}

func changeText(text *string, c edit.Change) bool {
	if *text == "" && c.As != edit.Replaced && c.As != edit.Forged {
		return false
	}
	v, drop, ok := edit.Value(edit.Field{Type: edit.Text, Value: *text}, c)
	if drop {
		v = ""
	}
	if ok {
		*text = v
	}
	return ok
}
