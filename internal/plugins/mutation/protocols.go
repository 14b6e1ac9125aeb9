package mutation

import (
	"fmt"
	"slices"
	"time"

	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fault/edit"
)

// packet are the mutants of a datagram's answer: its code, its attributes, what protects
// it, and whether it comes.
func (m *maker) packet() {
	m.fields()
	m.strangers()
	code, _ := m.s.part("code")
	const accept, reject, challenge = "Access-Accept", "Access-Reject", "Access-Challenge"
	for _, to := range []string{reject, challenge} {
		if code.Value == to || code.Value == reject || code.Value != accept && code.Value != challenge {
			continue
		}
		sense := Refuses
		if to == challenge {
			sense = Lost
		}
		m.edits(Mutant{Group: Statuses, As: to, Sense: sense, Detail: "the code is " + to, probe: true}, edit.Change{Field: "code", As: edit.Replaced, Value: to})
	}
	if code.Value == reject || code.Value == challenge {
		m.edits(Mutant{Group: Network, As: "forged", Sense: Lost, Detail: "forged " + accept}, edit.Change{Field: "code", As: edit.Forged, Value: accept})
	}
	for _, f := range m.s.Fields {
		if f.Type == edit.Sealed && f.Path == "authenticator" {
			m.edits(Mutant{Group: Network, As: "forged", Sense: Lost, Detail: "wrong authenticator"}, edit.Change{Field: f.Path, As: edit.Flipped})
		}
	}
	if f, ok := m.s.part("attribute.State"); ok {
		m.edits(Mutant{Group: Strangers, Sense: Detail}, edit.Change{Field: f.Path, As: edit.Other})
	}
	lost := Mutant{Group: Network, As: "dropped", Detail: "no answer, although the operation took place", Sense: Lost, Unreachable: true, waits: true, lasts: true, probe: true}
	lost.twist.Rules = []fault.Rule{m.s.lasting(fault.Drop, nil)}
	m.add(lost)
	twice := Mutant{Group: Network, As: "doubled", Sense: Detail}
	twice.twist.Rules = []fault.Rule{m.s.rule(fault.Duplicate, nil)}
	m.add(twice)
	late := Mutant{Group: Network, As: "delayed", Sense: Detail, Detail: "delayed by a second", waits: true}
	late.twist.Rules = []fault.Rule{m.s.rule(fault.Delay, map[string]string{"for": "1s"})}
	m.add(late)
}

// ldapCodes are results that say no, and those of a server that does not serve
// (RFC 4511 appendix A).
var ldapCodes = []struct {
	code, name  string
	unreachable bool
}{
	{"1", "operationsError", false}, {"32", "noSuchObject", false}, {"49", "invalidCredentials", false}, {"50", "insufficientAccessRights", false},
	{"51", "busy", true}, {"52", "unavailable", true}, {"53", "unwillingToPerform", false}, {"80", "other", false},
}

// codes are results of a directory, and a body of text that is cut: what servers have that
// answer on a connection of their own.
func (m *maker) codes() {
	if code, ok := m.s.part("code"); ok && code.Type == edit.Number {
		for _, c := range ldapCodes {
			if c.code == code.Value || code.Value != "0" {
				continue
			}
			m.edits(Mutant{Group: Statuses, As: c.code, Sense: Refuses, Unreachable: c.unreachable, Detail: "result " + c.name, probe: c.code == "49" || c.code == "53"},
				edit.Change{Field: "code", As: edit.Replaced, Value: c.code})
		}
		m.edits(Mutant{Group: Statuses, As: "referral", Sense: Lost, Detail: "a referral to elsewhere"}, edit.Change{Field: "referral", As: edit.Replaced, Value: "ldap://127.0.0.1:9/"})
	}
	if _, ok := m.s.part("message"); ok {
		m.edits(Mutant{Group: Network, Sense: Lost, Unreachable: true, Detail: "half an answer"}, edit.Change{Field: "message", As: edit.Cut})
	}
	if _, ok := m.s.part("body"); ok {
		m.edits(Mutant{Group: Bodies, Sense: Lost}, edit.Change{Field: "body", As: edit.Empty})
		m.edits(Mutant{Group: Network, Sense: Lost, Unreachable: true, Detail: "half an answer"}, edit.Change{Field: "body", As: edit.Cut})
	}
}

// handshakes are the mutants of ports where the session spoke TLS.
func (b *baseline) handshakes() (out []Mutant) {
	type place struct{ server, port string }
	var done []place
	for _, a := range b.take.Seen {
		p := place{a.Server, a.Port}
		if proto := b.facts.proto(a.Server, a.Port); proto != "https" && proto != "tls" || slices.Contains(done, p) {
			continue
		}
		done = append(done, p)
		for _, as := range []string{"expired", "wrong-name", "unknown-ca", "stall"} {
			m := Mutant{Group: TLS, Field: "certificate", As: as, Detail: "certificate: " + as, Sense: Lost, Unreachable: true, waits: as == "stall", lasts: true,
				Operation: Operation{Server: p.server, Port: p.port, Op: "TLS", Nth: 1, Hook: a.Hook, call: a.Call}}
			m.twist.Rules = []fault.Rule{{Server: p.server, Port: p.port, Kind: fault.TLS, Args: map[string]string{"as": as}}}
			out = append(out, m)
		}
	}
	return out
}

// jump is how far the clock goes: beyond any lease, code or window of a day.
const jump = 25 * time.Hour

// jumps let time pass between two hooks.
func (b *baseline) jumps() (out []Mutant) {
	for _, c := range b.played().Calls[min(1, len(b.played().Calls)):] {
		out = append(out, Mutant{Group: Jumps, As: fmt.Sprintf("before call %d", c.Number), Sense: Detail, always: true,
			Detail:    fmt.Sprintf("%s pass before %s", jump, c.Hook),
			Operation: Operation{Op: fmt.Sprintf("before %s (call %d)", c.Hook, c.Number), Nth: 1, Hook: c.Hook, call: c.Number},
			twist:     scenario.Twist{Jumps: map[int]time.Duration{c.Number: jump}}})
	}
	return out
}
