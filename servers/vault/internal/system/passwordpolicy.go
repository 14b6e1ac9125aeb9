package system

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl"

	"counterpart/servers/vault/internal/core"
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

func (b *Backend) passwordPolicyPaths() []*core.Path {
	return []*core.Path{
		{Pattern: "policies/password", Name: "policies.password", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) {
			return core.ListKeys(b.passwords.Names(r.Ctx, ""))
		}}},
		{Pattern: "policies/password/:name", Name: "policies.password", Ops: map[core.Operation]core.Handler{core.OpRead: b.getPasswordPolicy, core.OpWrite: b.putPasswordPolicy,
			core.OpDelete: func(r *core.Request) (*core.Answer, error) {
				_, err := b.passwords.Delete(r.Ctx, r.Vars["name"])
				return nil, err
			}}},
		{Pattern: "policies/password/:name/generate", Name: "policies.password.generate", Ops: map[core.Operation]core.Handler{core.OpRead: b.generatePassword}},
	}
}

// passwordText is the policy of the path.
func (b *Backend) passwordText(r *core.Request) (string, error) {
	text, err := b.passwords.Get(r.Ctx, r.Vars["name"])
	if err != nil {
		return "", err
	}
	if text == nil {
		return "", core.Refuse(404, "%s", core.OneError("policy does not exist"))
	}
	return *text, nil
}

func (b *Backend) getPasswordPolicy(r *core.Request) (*core.Answer, error) {
	text, err := b.passwordText(r)
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"policy": text})
}

func (b *Backend) putPasswordPolicy(r *core.Request) (*core.Answer, error) {
	text := r.Text("policy")
	if text == "" {
		return nil, core.BadRequest("%s", core.OneError("missing policy"))
	}
	if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
		text = string(plain)
	}
	if _, err := parsePasswordPolicy(text); err != nil {
		return nil, core.BadRequest("%s", core.OneError("invalid password policy: "+err.Error()))
	}
	return nil, b.passwords.Put(r.Ctx, r.Vars["name"], text, time.Time{})
}

func (b *Backend) generatePassword(r *core.Request) (*core.Answer, error) {
	text, err := b.passwordText(r)
	if err != nil {
		return nil, err
	}
	p, err := parsePasswordPolicy(text)
	if err != nil {
		return nil, core.Faulty("stored password policy configuration failed to parse: " + err.Error())
	}
	password, err := p.generate(r.Rand)
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"password": password})
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
		return errors.New(core.OneError(wrong[0]))
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
