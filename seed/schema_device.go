package seed

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/world"
	"counterpart/internal/serving/strictyaml"
)

type device struct {
	At         place
	ID         string        `yaml:"id" format:"name" doc:"Name of the device, unique in the company; by default <user>-<kind>, then <user>-<kind>-2."`
	Kind       string        `yaml:"kind" required:"true" enum:"totp|hotp|push|call|sms|voice|email|yubikey|static" doc:"What the device can do."`
	Label      string        `yaml:"label" doc:"What its owner calls it."`
	Secret     otpSecret     `yaml:"secret" doc:"TOTP and HOTP key: base32, or one of {base32: …}, {hex: …}, {ascii: …}, {base64: …}. Spaces, hyphens, lower case and missing padding are fine in base32. By default 20 octets from random_seed."`
	Algorithm  string        `yaml:"algorithm" default:"SHA1" enum:"SHA1|SHA256|SHA512" doc:"Hash of TOTP and HOTP."`
	Digits     int           `yaml:"digits" default:"6" min:"6" max:"8" doc:"Length of a code."`
	Period     time.Duration `yaml:"period" default:"30s" min:"1s" max:"1d" doc:"Length of a TOTP step."`
	Counter    uint64        `yaml:"counter" max:"9007199254740991" doc:"HOTP: the next counter. Yubikey: the session that comes next, 1 by default, at most 65535."`
	Window     window        `yaml:"window" doc:"What is accepted around now or the counter: rfc (one step before and after), strict (only now), privacyidea (6 before, 5 after), or {before, after}. By default rfc for TOTP and {after: 10} for HOTP."`
	SyncWindow int           `yaml:"sync_window" default:"1000" min:"1" max:"100000" doc:"How far a resynchronisation searches."`
	Drift      time.Duration `yaml:"drift" default:"0s" min:"-366d" max:"366d" doc:"How far the device's own clock is off."`
	MaxFail    int           `yaml:"max_fail" default:"10" min:"1" max:"1000000" doc:"Failures that lock the device."`
	LockReset  time.Duration `yaml:"lock_reset" default:"0s" doc:"A locked device recovers after this; 0 means never."`
	NotBefore  time.Time     `yaml:"not_before" doc:"The device works from then on."`
	NotAfter   time.Time     `yaml:"not_after" doc:"The device works until then."`
	Disabled   bool          `yaml:"disabled" doc:"The device is switched off."`
	PIN        string        `yaml:"pin" format:"any" doc:"PIN that some servers want before or after the code."`
	Codes      []string      `yaml:"codes" format:"any" doc:"The one-time codes of a static device; by default ten from random_seed."`
	CodeTTL    time.Duration `yaml:"code_ttl" default:"5m" min:"1s" doc:"How long a delivered code is good."`
	MaxTries   int           `yaml:"max_tries" default:"5" min:"1" max:"1000" doc:"Attempts per delivered code."`
	Address    string        `yaml:"address" doc:"Where codes and calls go; by default the person's phone or e-mail address."`
	PublicID   string        `yaml:"public_id" format:"modhex" doc:"Yubikey: the first part of what it types, 0 to 16 characters in modhex or hexadecimal (modhex, where it could be both). By default 12 from random_seed."`
	PrivateID  octets6       `yaml:"private_id" doc:"Yubikey: 6 octets in hexadecimal."`
	AESKey     octets16      `yaml:"aes_key" doc:"Yubikey: 16 octets in hexadecimal."`
	Press      *press        `yaml:"press" doc:"Yubikey: what pressing it types; by default the next one-time password."`
	Approval   *approval     `yaml:"approval" doc:"How a push or call is answered; by default a person answers it (interactive)."`
}

// press is what a YubiKey types when it is pressed.
type press struct {
	At       place
	Policy   string   `yaml:"policy" default:"next" enum:"next|replay_last|corrupt_crc|wrong_private_id|wrong_aes|old_session|sequence" doc:"What is typed: next is right, all others are wrong in one way."`
	Sequence []string `yaml:"sequence" enum:"next|replay_last|corrupt_crc|wrong_private_id|wrong_aes|old_session" doc:"One policy per press, the last repeats."`
}

// build is what world.Device has.
func (p *press) build() []string {
	switch {
	case p == nil:
		return nil
	case len(p.Sequence) > 0:
		return p.Sequence
	case p.Policy == "" || p.Policy == "next":
		return nil
	}
	return []string{p.Policy}
}

type approval struct {
	At       place
	Policy   string            `yaml:"policy" enum:"approve|deny|timeout|fraud|interactive|approve_if|sequence" doc:"What the owner does; by default sequence when there is one, approve_if when there is a when, else interactive."`
	Delay    time.Duration     `yaml:"delay" default:"0s" doc:"How long the owner takes."`
	Sequence []step            `yaml:"sequence" doc:"One answer per request, the last repeats: policy names, or blocks like this one."`
	When     map[string]string `yaml:"when" format:"any" doc:"approve_if: details of the request that must be equal, else it is denied."`
	TTL      time.Duration     `yaml:"ttl" default:"60s" min:"1s" doc:"How long a request stays open."`
}

// step is one answer of a sequence: a policy's name alone, or a block.
type step struct {
	At     place
	Policy string            `yaml:"policy" required:"true" enum:"approve|deny|timeout|fraud|interactive|approve_if" doc:"What the owner does."`
	Delay  time.Duration     `yaml:"delay" default:"0s" doc:"How long the owner takes."`
	When   map[string]string `yaml:"when" format:"any" doc:"approve_if: details of the request that must be equal."`
}

// plainStep is step without its own decoder.
type plainStep step

func (s *step) fromNode(d *decoder, n *node) {
	if n.Kind == text {
		n = &node{Kind: mapping, Line: n.Line, Column: n.Column, Parent: n.Parent, Index: n.Index,
			Entries: []entry{{Name: "policy", Line: n.Line, Column: n.Column, Value: n}}}
	}
	d.block(n, reflect.ValueOf((*plainStep)(s)).Elem(), field{key: "sequence", inList: true})
}

// otpSecret is a key in one of four notations.
type otpSecret struct {
	given  bool // written, whether right or wrong
	octets []byte
}

// encodings lists the notations of a secret.
var encodings = []string{"base32", "hex", "ascii", "base64"}

func (s *otpSecret) fromNode(d *decoder, n *node) {
	s.given = true
	encoding, value := "base32", n
	if n.Kind == mapping {
		if len(n.Entries) != 1 {
			d.report.node(n, "`secret` takes exactly one notation", "known are "+strictyaml.Enumerate(encodings))
			return
		}
		e := n.Entries[0]
		if !slices.Contains(encodings, e.Name) {
			d.report.add(Problem{Line: e.Line, Column: e.Column, Path: join(n.Path(), e.Name),
				Message: fmt.Sprintf("unknown notation `%s`", short(e.Name)), Hint: didYouMean(e.Name, encodings)})
			return
		}
		encoding, value = e.Name, e.Value
	}
	if value.Kind == null || value.Kind == list || value.Kind == mapping {
		d.mismatch(value, field{key: "secret"}, "text, or one of {base32, hex, ascii, base64}")
		return
	}
	octets, hint, ok := decodeSecret(encoding, value.Text)
	if !ok {
		d.report.node(value, fmt.Sprintf("`secret` is not %s", encoding), hint)
		return
	}
	if len(octets) == 0 || len(octets) > 1024 {
		d.report.node(value, fmt.Sprintf("`secret` has %d octets", len(octets)), "20 are usual, 1024 the limit")
		return
	}
	s.octets = octets
}

// decodeSecret reads one notation; ok is false for text that is not of it.
func decodeSecret(encoding, s string) (octets []byte, hint string, ok bool) {
	var err error
	switch encoding {
	case "ascii":
		return []byte(s), "", true
	case "hex":
		octets, err = hex.DecodeString(without(s, " -:"))
		return octets, "two of 0-9 and a-f for each octet", err == nil
	case "base64":
		s = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", " ", "").Replace(s), "=")
		octets, err = base64.RawStdEncoding.DecodeString(s)
		return octets, "letters, digits, + and /", err == nil
	}
	plain := strings.ToUpper(without(s, " -="))
	for _, r := range plain {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", r) {
			return nil, fmt.Sprintf("`%c` is none of A-Z and 2-7; hexadecimal is written {hex: …}", r), false
		}
	}
	if m := len(plain) % 8; m == 1 || m == 3 || m == 6 { // the library lets some of these pass
		return nil, "characters are missing at the end", false
	}
	octets, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(plain)
	return octets, "characters are missing at the end", err == nil
}

// window is world.Window with names for the usual ones.
type window struct {
	given bool
	world.Window
}

// profiles are the windows that have a name (otp-core section 3.4).
var profiles = map[string]world.Window{
	"rfc": {Before: 1, After: 1}, "strict": {}, "privacyidea": {Before: 6, After: 5},
}

func (w *window) fromNode(d *decoder, n *node) {
	w.given = true
	if n.Kind == mapping {
		var own struct {
			Before int `yaml:"before" min:"0" max:"1000"`
			After  int `yaml:"after" min:"0" max:"1000"`
		}
		d.block(n, reflect.ValueOf(&own).Elem(), field{key: "window"})
		w.Window = world.Window{Before: own.Before, After: own.After}
		return
	}
	known := []string{"rfc", "strict", "privacyidea"}
	if n.Kind != text {
		d.mismatchHint(n, field{key: "window"}, "a name or {before, after}", "known are "+strictyaml.Enumerate(known))
		return
	}
	p, ok := profiles[n.Text]
	if !ok {
		d.report.node(n, fmt.Sprintf("`window` cannot be `%s`", short(n.Text)), didYouMean(n.Text, known))
		return
	}
	w.Window = p
}

// octets6 and octets16 are octets of a fixed number in hexadecimal.
type (
	octets6  []byte
	octets16 []byte
)

func (o *octets6) fromNode(d *decoder, n *node)  { *o = d.octets(n, 6) }
func (o *octets16) fromNode(d *decoder, n *node) { *o = d.octets(n, 16) }

// octets decodes exactly size octets.
func (d *decoder) octets(n *node, size int) []byte {
	if n.Kind == list || n.Kind == mapping {
		d.mismatch(n, field{key: n.Name}, "hexadecimal text")
		return nil
	}
	octets, hint, ok := decodeSecret("hex", n.Text)
	switch {
	case !ok:
		d.report.node(n, fmt.Sprintf("`%s` must be hexadecimal, not `%s`", n.Name, short(n.Text)), hint)
		return nil
	case len(octets) != size:
		d.report.node(n, fmt.Sprintf("`%s` has %d octets", n.Name, len(octets)), fmt.Sprintf("it needs %d, that is %d digits", size, 2*size))
		return nil
	}
	return octets
}
