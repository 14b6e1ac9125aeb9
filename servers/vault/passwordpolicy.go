package vault

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl"
)

// passwordPolicy is what generated passwords are made of.
type passwordPolicy struct {
	Length int
	Rules  []charsetRule
}

// charsetRule wants characters of a set.
type charsetRule struct {
	Set   []rune
	Least int
}

func passwordPolicyPaths() []*pathSpec {
	return []*pathSpec{
		{pattern: "policies/password", name: "policies.password", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.passwords.Names(r.ctx, ""))
		}}},
		{pattern: "policies/password/:name", name: "policies.password", ops: map[operation]handler{opRead: getPasswordPolicy, opWrite: putPasswordPolicy,
			opDelete: func(r *request) (*answer, error) {
				_, err := r.passwords.Delete(r.ctx, r.vars["name"])
				return nil, err
			}}},
		{pattern: "policies/password/:name/generate", name: "policies.password.generate", ops: map[operation]handler{opRead: generatePassword}},
	}
}

// passwordText is the policy of the path.
func (r *request) passwordText() (string, error) {
	text, err := r.passwords.Get(r.ctx, r.vars["name"])
	if err != nil {
		return "", err
	}
	if text == nil {
		return "", refuse(404, "%s", one("policy does not exist"))
	}
	return *text, nil
}

func getPasswordPolicy(r *request) (*answer, error) {
	text, err := r.passwordText()
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"policy": text})
}

func putPasswordPolicy(r *request) (*answer, error) {
	text := r.text("policy")
	if text == "" {
		return nil, bad("%s", one("missing policy"))
	}
	if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
		text = string(plain)
	}
	if _, err := parsePasswordPolicy(text); err != nil {
		return nil, bad("%s", one("invalid password policy: "+err.Error()))
	}
	return nil, r.passwords.Put(r.ctx, r.vars["name"], text, time.Time{})
}

func generatePassword(r *request) (*answer, error) {
	text, err := r.passwordText()
	if err != nil {
		return nil, err
	}
	p, err := parsePasswordPolicy(text)
	if err != nil {
		return nil, faulty("stored password policy configuration failed to parse: " + err.Error())
	}
	password, err := p.generate(r.Rand)
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"password": password})
}

// Bounds of password policies.
const (
	maxPolicyText   = 16 << 10
	maxPolicyLength = 1024
	maxCharset      = 256
)

// parsePasswordPolicy reads a policy in HCL or JSON.
func parsePasswordPolicy(text string) (p passwordPolicy, err error) {
	if len(text) > maxPolicyText {
		return p, fmt.Errorf("the policy is longer than %d octets", maxPolicyText)
	}
	var raw struct {
		Length int
		Rule   []map[string][]map[string]any
	}
	if err := hcl.Decode(&raw, text); err != nil {
		return p, fmt.Errorf("unable to decode: %w", err)
	}
	p.Length = raw.Length
	all := 0
	for _, rules := range raw.Rule {
		for kind, list := range rules {
			if kind != "charset" {
				return p, fmt.Errorf("unable to parse rules: unable to parse rule %s: unrecognized rule type %s", kind, kind)
			}
			for _, data := range list {
				rule := charsetRule{}
				text, _ := data["charset"].(string)
				rule.Set = []rune(text)
				slices.Sort(rule.Set)
				rule.Set = slices.Compact(rule.Set)
				for _, name := range []string{"min-chars", "min_chars"} {
					if n, isNumber := data[name].(int); isNumber {
						rule.Least = n
					}
				}
				if len(rule.Set) == 0 || rule.Least < 0 {
					return p, errors.New("unable to parse rules: unable to parse rule charset: failed to parse charset restriction: a rule needs characters and no negative number of them")
				}
				all += min(rule.Least, maxPolicyLength+1)
				p.Rules = append(p.Rules, rule)
			}
		}
	}
	return p, p.check(all)
}

// check refuses a policy that no password can meet.
func (p *passwordPolicy) check(least int) error {
	var wrong []string
	switch {
	case p.Length <= 0:
		wrong = append(wrong, "length must be > 0")
	case p.Length < least:
		wrong = append(wrong, fmt.Sprintf("specified rules require at least %d characters but %d is specified", least, p.Length))
	case p.Length > maxPolicyLength:
		wrong = append(wrong, fmt.Sprintf("length must be <= %d", maxPolicyLength))
	}
	set := p.charset()
	switch {
	case len(set) == 0:
		wrong = append(wrong, "no charset specified")
	case len(set) > maxCharset:
		wrong = append(wrong, fmt.Sprintf("charset is too long: limited to %d characters", maxCharset))
	}
	switch len(wrong) {
	case 0:
		return nil
	case 1:
		return errors.New(one(wrong[0]))
	}
	all := fmt.Sprintf("%d errors occurred:\n\t* %s\n\n", len(wrong), strings.Join(wrong, "\n\t* "))
	return errors.New(all)
}

// charset are all characters.
func (p *passwordPolicy) charset() (out []rune) {
	for _, rule := range p.Rules {
		out = append(out, rule.Set...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// generate makes a password: what each rule wants, the rest of any set, in any order.
func (p *passwordPolicy) generate(random io.Reader) (string, error) {
	var failed error
	pick := func(n int) int {
		for failed == nil { // n is at most 256: no number is more likely than another
			var b [2]byte
			if _, failed = io.ReadFull(random, b[:]); failed != nil {
				break
			}
			if x := int(b[0])<<8 | int(b[1]); x < 65536/n*n {
				return x % n
			}
		}
		return 0
	}
	var out []rune
	for _, rule := range p.Rules {
		for range rule.Least {
			out = append(out, rule.Set[pick(len(rule.Set))])
		}
	}
	all := p.charset()
	for len(out) < p.Length {
		out = append(out, all[pick(len(all))])
	}
	for i := len(out) - 1; i > 0; i-- {
		j := 0
		if i < maxCharset {
			j = pick(i + 1)
		} else {
			j = (pick(maxCharset)<<8 | pick(maxCharset)) % (i + 1)
		}
		out[i], out[j] = out[j], out[i]
	}
	return string(out), failed
}
