package radius

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
)

// rsa is RSA Authentication Manager over RADIUS: a passcode is PIN and
// tokencode in one text, there is no password. Tokens in new-PIN or
// next-tokencode mode lead through challenges.
type rsa struct{}

func newRSA(s *server) (flow, error) {
	var wrong []error
	for u := range s.env.World.Written() {
		switch mode := factor.TokenMode(u.Settings["radius.token_mode"]); mode {
		case "":
		case factor.TokenNormal, factor.TokenNewPIN, factor.TokenNextCode:
			s.env.Factors.SeedToken(u.ID, mode)
		default:
			wrong = append(wrong, fmt.Errorf("radius.token_mode of %s is %q; it is normal, next_tokencode or new_pin", u.ID, mode))
		}
	}
	return rsa{}, errors.Join(wrong...)
}

// start implements flow.
func (f rsa) start(ctx context.Context, l *login) verdict {
	if err := l.standing(ctx); err != nil {
		return reject(err)
	}
	if l.onDemand(ctx) {
		return f.onDemand(ctx, l)
	}
	t, err := f.passcode(ctx, l)
	if err != nil {
		return reject(err)
	}
	switch {
	case t.Mode == factor.TokenNewPIN:
		return challenge(rsaNewPIN, rsaAskPIN, false)
	case t.Mode == factor.TokenNextCode || t.Bad >= l.s.set.RSA.BadTries:
		return challenge(rsaNext, rsaAskNext, true)
	}
	if t.Bad > 0 {
		if err := l.s.env.Factors.TokenPassed(ctx, l.user.ID); err != nil {
			return reject(err)
		}
	}
	return accept(l.s.words.success)
}

// passcode checks PIN and tokencode of one text, and counts failures: after
// some of them a right passcode must be followed by the next tokencode.
func (f rsa) passcode(ctx context.Context, l *login) (factor.Token, error) {
	return l.s.env.Factors.Passcode(ctx, l.user.ID, string(l.proof.text), func(code string) error {
		l.proof.text = []byte(code)
		return l.code(ctx, world.TOTP, world.HOTP)
	})
}

// onDemand reports whether the person's tokencodes are delivered.
func (l *login) onDemand(ctx context.Context) bool {
	shown, err := l.devices(ctx, world.TOTP, world.HOTP)
	sent, err2 := l.devices(ctx, world.SMS, world.Mail)
	return err == nil && err2 == nil && len(shown) == 0 && len(sent) > 0
}

// onDemand takes the PIN alone and sends the tokencode.
func (f rsa) onDemand(ctx context.Context, l *login) verdict {
	t, err := l.s.env.Factors.Token(ctx, l.user.ID)
	if err != nil {
		return reject(err)
	}
	if *t.PIN == "" || subtle.ConstantTimeCompare(l.proof.text, []byte(*t.PIN)) != 1 {
		return rejectf(cause.WrongCode, "wrong PIN of %s", l.user.ID)
	}
	list, err := l.devices(ctx, world.SMS, world.Mail)
	if err != nil {
		return reject(err)
	}
	if err := l.s.env.Factors.Send(ctx, list[0].ID, l.s.env.Name); err != nil {
		return reject(err)
	}
	return challenge(rsaNext, rsaAskSent, true)
}

// answer implements flow.
func (f rsa) answer(ctx context.Context, l *login, r round) verdict {
	if err := l.standing(ctx); err != nil {
		return reject(err)
	}
	text := string(l.proof.text)
	switch r.Step {
	case rsaNewPIN:
		if !goodPIN(text) {
			return challenge(rsaNewPIN, rsaAskPIN, false)
		}
		return challenge(rsaConfirm, rsaAskAgain, false).with("pin", text)
	case rsaConfirm:
		if text != r.Data["pin"] {
			return challenge(rsaNewPIN, rsaAskPIN, false)
		}
		if err := l.s.env.Factors.SetPIN(ctx, l.user.ID, text); err != nil {
			return reject(err)
		}
		return challenge(rsaWait, rsaPINAccepted, false)
	case rsaWait:
		if _, err := f.passcode(ctx, l); err != nil {
			return reject(err)
		}
		return accept(l.s.words.success)
	case rsaNext: // the next tokencode only, without the PIN; a used one is no next one
		if err := l.code(ctx); err != nil {
			return reject(err)
		}
		if err := l.s.env.Factors.TokenPassed(ctx, l.user.ID); err != nil {
			return reject(err)
		}
		return accept(l.s.words.success)
	}
	return rejectf(cause.UnknownToken, "step %q is none of this flow", r.Step)
}

// goodPIN is the default PIN policy: four to eight letters and digits.
func goodPIN(s string) bool {
	for _, r := range s {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return false
		}
	}
	return len(s) >= 4 && len(s) <= 8
}
