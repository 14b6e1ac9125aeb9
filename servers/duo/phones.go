package duo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/face/ids"
)

// phone is a device as Duo shows it. The company's devices that reach one number
// are one phone: its push, call and SMS devices are what it can do. The app
// whose codes are typed belongs to the phone that takes pushes; every other TOTP
// or HOTP device is a hardware token.
type phone struct {
	id     string // DP… or DH…
	name   string
	number string
	token  bool
	devs   map[string]factor.Device // by capability: push, sms, phone, mobile_otp
}

// The capabilities, in Duo's order.
var capabilities = []string{"push", "sms", "phone", "mobile_otp"}

var capabilityOf = map[world.DeviceKind]string{world.Push: "push", world.SMS: "sms", world.Call: "phone"}

func (p *phone) can(capability string) bool {
	if capability == "auto" {
		return p.can("push") || p.can("phone")
	}
	_, ok := p.devs[capability]
	return ok
}

// phones lists somebody's devices in the seed's order.
func (s *Server) phones(ctx context.Context, p *person) ([]*phone, error) {
	if err := s.activate(ctx, p); err != nil {
		return nil, err
	}
	all, err := s.Factors.Devices(ctx, p.id)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(d factor.Device) bool { return d.Disabled })
	app := s.app(p, all)
	var out []*phone
	for _, d := range all {
		capability := capabilityOf[d.Kind]
		switch {
		case capability != "":
			out = s.reach(out, p, d)
		case d.ID == app: // its phone may come later
		case d.Kind == world.TOTP || d.Kind == world.HOTP:
			out = append(out, &phone{id: "DH" + s.deviceID(d.ID), name: s.serial(d), token: true, devs: map[string]factor.Device{}})
		}
	}
	if app != "" {
		i := slices.IndexFunc(out, func(ph *phone) bool { return ph.can("push") })
		j := slices.IndexFunc(all, func(d factor.Device) bool { return d.ID == app })
		out[i].devs["mobile_otp"] = all[j]
	}
	return out, nil
}

// app is the device whose codes the phone with pushes shows, if there is both.
func (s *Server) app(p *person, all []factor.Device) string {
	if !slices.ContainsFunc(all, func(d factor.Device) bool { return d.Kind == world.Push }) {
		return ""
	}
	for _, d := range all {
		if d.ID == p.member.App || p.member.App == "" && (d.Kind == world.TOTP || d.Enrolled && d.Kind == world.HOTP) {
			return d.ID
		}
	}
	return ""
}

// reach adds a device to the phone of its number, or as a new one. A second
// device of one kind is a phone of its own.
func (s *Server) reach(out []*phone, p *person, d factor.Device) []*phone {
	number, capability := d.Address, capabilityOf[d.Kind]
	if number == "" {
		number = p.phone
	}
	for _, ph := range out {
		if !ph.token && ph.number == number && number != "" && !ph.can(capability) {
			ph.devs[capability] = d
			if d.Kind == world.Push && d.Label != "" {
				ph.name = d.Label
			}
			return out
		}
	}
	return append(out, &phone{id: "DP" + s.deviceID(d.ID), name: cmp.Or(d.Label, d.ID), number: number, devs: map[string]factor.Device{capability: d}})
}

func (s *Server) deviceID(id string) string {
	return ids.Remainders(s.World.Derive("duo", s.Name, "device", id), ids.Capitals, 18)
}

// serial is a hardware token's number: its label if that is one.
func (s *Server) serial(d factor.Device) string {
	if d.Label != "" && strings.Trim(d.Label, "0123456789") == "" {
		return d.Label
	}
	return ids.Remainders(s.World.Derive("duo", s.Name, "serial", d.ID), ids.Decimal, 8)
}

// shown is the device in preauth's list.
func (s *Server) shown(ctx context.Context, ph *phone) map[string]any {
	if ph.token {
		return map[string]any{"device": ph.id, "type": "token", "name": ph.name}
	}
	out := map[string]any{"device": ph.id, "type": "phone", "name": ph.name, "number": masked(ph.number), "display_name": ph.display()}
	var can []any
	for _, c := range append([]string{"auto"}, capabilities...) {
		if ph.can(c) {
			can = append(can, c)
		}
	}
	out["capabilities"] = can
	if next := s.nextSMS(ctx, ph); next != "" {
		out["sms_nextcode"] = next
	}
	return out
}

func (ph *phone) display() string {
	number := masked(ph.number)
	if number == "" {
		return ph.name
	}
	return fmt.Sprintf("%s (%s)", ph.name, number)
}

// nextSMS is the first digit of the next passcode that a text message brought.
func (s *Server) nextSMS(ctx context.Context, ph *phone) string {
	if !ph.can("sms") {
		return ""
	}
	code, _, err := s.Factors.Current(ctx, ph.devs["sms"].ID)
	if err != nil || code == "" {
		return ""
	}
	return code[:1]
}

// option is what a text client's user picks: "push1", "phone2", "sms".
type option struct {
	capability string
	number     int
	verified   bool
}

// optionWords are the words of options, also those of other generations.
var optionWords = []struct {
	word string
	option
}{
	{"verified_push", option{capability: "push", verified: true}}, {"push", option{capability: "push"}}, {"phone", option{capability: "phone"}},
	{"voice", option{capability: "phone"}}, {"smsrefresh", option{capability: "sms"}}, {"sms", option{capability: "sms"}},
}

// parseOption reads one; anything else is a passcode.
func parseOption(text string) (option, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	for _, w := range optionWords {
		rest, is := strings.CutPrefix(text, w.word)
		if !is {
			continue
		}
		o := w.option
		if rest == "" {
			o.number = 1
			return o, true
		}
		n, err := strconv.Atoi(rest)
		if err != nil || n < 1 || n > 99 || rest[0] == '+' {
			return option{}, false
		}
		o.number = n
		return o, true
	}
	return option{}, false
}

// nth is the n-th phone that can do something.
func nth(phones []*phone, o option) (*phone, bool) {
	n := o.number
	for _, ph := range phones {
		if ph.can(o.capability) {
			if n--; n == 0 {
				return ph, true
			}
		}
	}
	return nil, false
}
