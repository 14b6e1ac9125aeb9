package radius

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
)

// steps is the flow of the generic and freeradius flavours: what a login
// consists of is written in the seed. "password,otp" is two rounds,
// "password+otp" one text, "otp|push" a choice by what is typed.
type steps struct{ list []step }

// step is one round, or part of the first one if it needs nothing typed.
type step struct {
	together []string // all of them, typed one after the other
	choice   []string // one of them
}

// deliveries are the factors whose code is sent when their turn comes.
func deliveries() map[string]world.DeviceKind {
	return map[string]world.DeviceKind{"sms": world.SMS, "voice": world.Voice, "email": world.Mail}
}

// approvals are the factors that need nothing typed.
func approvals() map[string]world.DeviceKind {
	return map[string]world.DeviceKind{"push": world.Push, "call": world.Call}
}

func newSteps(s *server) (flow, error) {
	var f steps
	text := orElse(s.set.Flow, "password")
	for part := range strings.SplitSeq(text, ",") {
		st := step{together: split(part, "+")}
		if strings.Contains(part, "|") {
			st = step{choice: split(part, "|")}
		}
		if err := st.check(); err != nil {
			return nil, fmt.Errorf("flow %q: %w", text, err)
		}
		f.list = append(f.list, st)
	}
	return &f, nil
}

func split(s, sep string) []string {
	parts := strings.Split(s, sep)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func (st step) check() error {
	for _, name := range append(st.together, st.choice...) {
		_, sent := deliveries()[name]
		_, asked := approvals()[name]
		if !sent && !asked && name != "password" && name != "otp" {
			return fmt.Errorf("%q is none of password, otp, push, call, sms, voice, email", name)
		}
		if len(st.together) > 1 && name != "password" && name != "otp" {
			return fmt.Errorf("only password+otp can be typed together, not %q", name)
		}
		if st.choice != nil && name == "password" {
			return fmt.Errorf("a password is no alternative to a second factor")
		}
	}
	if len(st.together) > 1 && (len(st.together) != 2 || st.together[0] == st.together[1]) {
		return fmt.Errorf("only password+otp and otp+password can be typed together")
	}
	return nil
}

// start implements flow.
func (f *steps) start(ctx context.Context, l *login) verdict { return f.run(ctx, l, 0, true) }

// answer implements flow.
func (f *steps) answer(ctx context.Context, l *login, r round) verdict {
	at, err := strconv.Atoi(r.Step)
	if err != nil || at < 0 || at >= len(f.list) {
		return rejectf(cause.UnknownToken, "step %q is none of this flow", r.Step)
	}
	return f.run(ctx, l, at, true)
}

// run plays the steps from at on. input tells whether there is a typed text that
// no step has used yet; a step that needs one and has none is a challenge.
func (f *steps) run(ctx context.Context, l *login, at int, input bool) verdict {
	if f.asksNoPassword() || at > 0 {
		if err := l.standing(ctx); err != nil {
			return reject(err)
		}
	}
	for ; at < len(f.list); at++ {
		st := f.list[at]
		if !input && st.types() {
			return f.ask(ctx, l, at)
		}
		again, err := f.play(ctx, l, st, input)
		if err != nil {
			return reject(err)
		}
		if again { // a code was sent on request: the same step, with a text
			return challenge(strconv.Itoa(at), l.s.words.sent, false)
		}
		if st.types() {
			input = false
		}
	}
	return accept(l.s.words.success)
}

// asksNoPassword tells whether nothing in the flow checks a password.
func (f *steps) asksNoPassword() bool {
	for _, st := range f.list {
		for _, name := range st.together {
			if name == "password" {
				return false
			}
		}
	}
	return true
}

// types reports whether a step needs a text.
func (st step) types() bool {
	if len(st.together) == 1 {
		_, asked := approvals()[st.together[0]]
		return !asked
	}
	return true
}

// ask is the challenge of step at. A delivered code leaves now.
func (f *steps) ask(ctx context.Context, l *login, at int) verdict {
	st, text := f.list[at], l.s.words.otp
	switch {
	case st.has("push"):
		text = l.s.words.otpOrPush
	case len(st.together) == 1:
		if kind, sent := deliveries()[st.together[0]]; sent {
			if err := l.send(ctx, kind, 1); err != nil {
				return reject(err)
			}
			text = l.s.words.sent
		} else if st.together[0] == "password" {
			text = l.s.words.password
		}
	}
	return challenge(strconv.Itoa(at), text, false)
}

func (st step) has(name string) bool {
	for _, n := range st.choice {
		if n == name {
			return true
		}
	}
	return false
}

// play judges one step; again asks for one more text for the same step.
func (f *steps) play(ctx context.Context, l *login, st step, input bool) (again bool, err error) {
	if len(st.together) == 2 {
		return false, f.concatenated(ctx, l, st.together[0] == "otp")
	}
	if st.choice != nil {
		return f.choose(ctx, l, st)
	}
	name := st.together[0]
	if kind, asked := approvals()[name]; asked {
		return false, l.approve(ctx, kind, 1)
	}
	if kind, sent := deliveries()[name]; sent {
		if !l.stated && input { // the first packet of an sms flow only triggers the code
			return true, l.send(ctx, kind, 1)
		}
		return false, l.code(ctx, kind)
	}
	if name == "password" {
		if l.proof.empty() {
			return false, cause.Because(cause.WrongPassword, "the password of %s is empty", l.who())
		}
		return false, l.password(ctx)
	}
	return false, l.code(ctx)
}

// choose takes one of several factors: nothing typed, or its name, starts an
// approval; the name of a delivery sends a code; anything else is a code.
func (f *steps) choose(ctx context.Context, l *login, st step) (again bool, err error) {
	word := strings.ToLower(strings.TrimSpace(string(l.proof.text)))
	if l.proof.empty() {
		for _, name := range st.choice {
			if kind, asked := approvals()[name]; asked {
				return false, l.approve(ctx, kind, 1)
			}
		}
		return false, cause.Because(cause.Malformed, "nothing was typed and no push is offered")
	}
	if st.has(word) && l.proof.shown {
		if kind, asked := approvals()[word]; asked {
			return false, l.approve(ctx, kind, 1)
		}
		if kind, sent := deliveries()[word]; sent {
			return true, l.send(ctx, kind, 1)
		}
	}
	if st.has("otp") {
		return false, l.code(ctx)
	}
	var kinds []world.DeviceKind
	for _, name := range st.choice {
		if kind, sent := deliveries()[name]; sent {
			kinds = append(kinds, kind)
		}
	}
	if kinds == nil {
		return false, cause.Because(cause.Malformed, "%q is none of %s", word, strings.Join(st.choice, ", "))
	}
	return false, l.code(ctx, kinds...)
}

// concatenated judges password and code typed as one text. The password goes
// first, so that a wrong one uses up no code.
func (f *steps) concatenated(ctx context.Context, l *login, codeFirst bool) error {
	if !l.known {
		return cause.Because(cause.UnknownUser, "nobody is called %q", l.name)
	}
	devices, err := l.devices(ctx, codeKinds()...)
	if err != nil {
		return err
	}
	if len(devices) == 0 {
		return cause.Because(cause.NoDevice, "%s has no device that shows codes", l.user.ID)
	}
	if !l.proof.shown {
		return f.concatenatedHash(ctx, l, codeFirst)
	}
	whole, code := l.proof, ""
	err = l.s.env.Logins.Check(ctx, l.user.ID, func(want string) bool {
		for _, n := range lengths(devices) {
			if len(whole.text) < n {
				continue
			}
			cut := len(whole.text) - n
			part, rest := whole.text[:cut], whole.text[cut:]
			if codeFirst {
				rest, part = whole.text[:n], whole.text[n:]
			}
			first := typed(whole.method, part)
			if first.matches(want) {
				code = string(rest)
				return true
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	l.proof.text = []byte(code)
	return l.code(ctx)
}

// concatenatedHash is the same for CHAP and its kin: the hash is held against
// the password joined with every code that would do.
func (f *steps) concatenatedHash(ctx context.Context, l *login, codeFirst bool) error {
	want, err := l.s.env.Logins.Password(ctx, l.user.ID)
	if err != nil {
		return err
	}
	_, codeErr := l.s.env.Factors.AcceptUser(ctx, l.user.ID, func(code string) bool {
		if codeFirst {
			return l.proof.matches(code + want)
		}
		return l.proof.matches(want + code)
	})
	if _, refused := cause.Of(codeErr); codeErr != nil && !refused {
		return codeErr
	}
	// A replayed code proves the password all the same.
	knows := codeErr == nil || l.proof.fitted != ""
	if err := l.s.env.Logins.Check(ctx, l.user.ID, func(now string) bool { return knows && now == want }); err != nil {
		return err
	}
	return codeErr
}

// lengths are the lengths that somebody's codes can have.
func lengths(devices []factor.Device) []int {
	var out []int
	seen := map[int]bool{}
	add := func(n int) {
		if n > 0 && !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	for _, d := range devices {
		switch d.Kind {
		case world.Yubikey:
			add(44)
		case world.Static:
			for _, c := range d.Codes {
				add(len(c))
			}
		default:
			add(orElse(d.Digits, 6))
		}
	}
	return out
}
