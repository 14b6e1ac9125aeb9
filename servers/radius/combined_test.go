package radius_test

import (
	"fmt"
	"testing"

	"counterpart/internal/face/radius/wire"
)

// proofs are ways to prove who one is, right and wrong, as attributes that can stand
// in one request.
func (b *bed) proofs(right bool) map[string]func(r *request) []wire.Attribute {
	password := map[bool]string{true: "Alice-Pass-1", false: "wrong"}[right]
	challenge := []byte("0123456789abcdef")
	return map[string]func(*request) []wire.Attribute{
		"PAP": func(r *request) []wire.Attribute {
			return []wire.Attribute{{Type: 2, Value: wire.NewSecret([]byte(r.secret)).Hide([]byte(password), r.auth[:])}}
		},
		"CHAP": func(*request) []wire.Attribute {
			return []wire.Attribute{chapPassword(9, []byte(password), challenge), {Type: 60, Value: challenge}}
		},
		"MS-CHAP":   func(*request) []wire.Attribute { return b.mschap1("alice", password).attrs[1:] },
		"MS-CHAPv2": func(*request) []wire.Attribute { return b.mschap2("alice", password).attrs[1:] },
		"EAP": func(*request) []wire.Attribute {
			return []wire.Attribute{identity(map[bool]string{true: "alice", false: "mallory"}[right])}
		},
	}
}

// identity is an EAP-Response/Identity.
func identity(name string) wire.Attribute {
	return wire.Attribute{Type: 79, Value: append([]byte{2, 7, 0, byte(5 + len(name)), 1}, name...)}
}

// combined are requests with two proofs in them, each right or wrong, in both
// orders, and EAP identities of somebody else.
func combined(b *bed) map[string]*request {
	out := map[string]*request{}
	add := func(what string, attrs ...func(*request) []wire.Attribute) {
		r := b.request(1, name("alice"))
		for _, a := range attrs {
			r.attrs = append(r.attrs, a(r)...)
		}
		out[what] = r.signed()
	}
	for first := range b.proofs(true) {
		for second := range b.proofs(true) {
			if first == second || first[:2] == "MS" && second[:2] == "MS" {
				continue
			}
			for _, right := range [][2]bool{{true, true}, {true, false}, {false, true}} {
				add(fmt.Sprint(first, " ", right[0], " and ", second, " ", right[1]), b.proofs(right[0])[first], b.proofs(right[1])[second])
			}
		}
	}
	other := b.request(1, name("alice"), identity("bob"))
	out["EAP identity of somebody else"] = other.signed()
	out["EAP identity in another case"] = b.request(1, name("alice"), identity("Alice")).signed()
	out["EAP identity with a realm"] = b.request(1, name("alice"), identity("alice@acme.test")).signed()
	out["EAP identity without User-Name"] = b.request(1, identity("alice")).signed()
	out["EAP identity"] = b.request(1, name("alice"), identity("alice")).signed()
	out["EAP empty identity"] = b.request(1, name("alice"), identity("")).signed()
	return out
}

// TestR2OneRequestWithTwoProofs: which of them decides is FreeRADIUS's order, the
// one that TestRealOracle has seen: EAP, CHAP, MS-CHAP, PAP.
func TestR2OneRequestWithTwoProofs(t *testing.T) {
	b := newBed(t, loopback+"flavour: freeradius\nreject_delay: 0s")
	rank := map[string]int{"CHAP": 3, "MS-CHAP": 2, "MS-CHAPv2": 2, "PAP": 1}
	for first := range rank {
		for second := range rank {
			if rank[first] == rank[second] {
				continue
			}
			for _, right := range [][2]bool{{true, true}, {true, false}, {false, true}} {
				r := b.request(1, name("alice"))
				r.attrs = append(r.attrs, b.proofs(right[0])[first](r)...)
				r.attrs = append(r.attrs, b.proofs(right[1])[second](r)...)
				decides := right[0]
				if rank[second] > rank[first] {
					decides = right[1]
				}
				b.want(fmt.Sprint(first, right[0], " ", second, right[1]), b.send(r.signed()), map[bool]string{true: "Access-Accept", false: "Access-Reject"}[decides])
			}
		}
	}
	only := newBed(t, loopback+"flavour: freeradius\nreject_delay: 0s\nmethods: [pap]")
	r := only.request(1, name("alice"))
	r.attrs = append(r.attrs, only.proofs(false)["CHAP"](r)...)
	r.attrs = append(r.attrs, only.proofs(true)["PAP"](r)...)
	only.want("CHAP is not done here", only.send(r.signed()), "Access-Accept")
}

// TestR1TheIdentityIsTheUserName: an EAP identity that says something else is
// refused at once, without an EAP-Failure.
func TestR1TheIdentityIsTheUserName(t *testing.T) {
	b := newBed(t, loopback+"flavour: freeradius\nreject_delay: 0s")
	for what, code := range map[string]string{"EAP identity": "Access-Challenge", "EAP identity without User-Name": "Access-Challenge", "EAP identity of somebody else": "Access-Reject",
		"EAP identity in another case": "Access-Reject", "EAP identity with a realm": "Access-Reject", "EAP empty identity": "Access-Reject"} {
		r := b.want(what, b.send(combined(b)[what]), code)
		if _, has := r.Packet.Lookup(79); has != (code == "Access-Challenge") {
			t.Errorf("%s: has EAP: %v", what, has)
		}
	}
}
