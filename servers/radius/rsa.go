package radius

import (
	"context"
	"crypto/subtle"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

// rsa is RSA Authentication Manager over RADIUS: a passcode is PIN and
// tokencode in one text, there is no password. Tokens in new-PIN or
// next-tokencode mode lead through challenges.
type rsa struct{}

func newRSA(*server) (flow, error) { return rsa{}, nil }

// rsaToken is what has changed about somebody's token since the seed.
type rsaToken struct {
	Mode string  `json:"mode,omitempty"`
	PIN  *string `json:"pin,omitempty"`
	Bad  int     `json:"bad,omitempty"` // wrong passcodes in a row
}

// The modes of a token; a seed sets one as the user's setting radius.token_mode.
const (
	rsaNormal  = "normal"
	rsaModePIN = "new_pin"
	rsaModeNTC = "next_tokencode"
)

func (rsa) token(ctx context.Context, l *login) (rsaToken, error) {
	t, _, err := l.s.tokens.Read(ctx, l.user.ID)
	if t.Mode == "" {
		t.Mode = orElse(l.user.Settings["radius.token_mode"], rsaNormal)
	}
	if t.PIN == nil {
		for _, d := range l.s.env.World.DevicesOf(l.user.ID) {
			if d.PIN != "" {
				t.PIN = &d.PIN
				break
			}
		}
	}
	return t, err
}

func (rsa) edit(ctx context.Context, l *login, f func(*rsaToken)) error {
	return l.s.tokens.Change(ctx, l.user.ID, func(t *rsaToken, _ bool) error {
		f(t)
		return nil
	})
}

// start implements flow.
func (f rsa) start(ctx context.Context, l *login) verdict {
	if err := l.standing(ctx); err != nil {
		return reject(err)
	}
	t, err := f.token(ctx, l)
	if err != nil {
		return reject(err)
	}
	if l.onDemand(ctx) {
		return f.onDemand(ctx, l, t)
	}
	if err := f.passcode(ctx, l, t); err != nil {
		return reject(err)
	}
	switch {
	case t.Mode == rsaModePIN:
		return challenge(rsaNewPIN, rsaAskPIN, false)
	case t.Mode == rsaModeNTC || t.Bad >= l.s.set.RSA.BadTries:
		return challenge(rsaNext, rsaAskNext, true)
	}
	if t.Bad > 0 {
		if err := f.edit(ctx, l, func(t *rsaToken) { t.Bad = 0 }); err != nil {
			return reject(err)
		}
	}
	return accept(l.s.words.success)
}

// passcode checks PIN and tokencode of one text, and counts failures: after
// some of them a right passcode must be followed by the next tokencode.
func (f rsa) passcode(ctx context.Context, l *login, t rsaToken) error {
	text, pin := string(l.proof.text), ""
	if t.PIN != nil {
		pin = *t.PIN
	}
	err := cause.Because(cause.WrongCode, "the passcode of %s does not start with the PIN", l.user.ID)
	if n := len(pin); len(text) >= n && subtle.ConstantTimeCompare([]byte(text[:n]), []byte(pin)) == 1 {
		l.proof.text = l.proof.text[n:]
		err = l.code(ctx, world.TOTP, world.HOTP)
	}
	if _, refused := cause.Of(err); err != nil && refused {
		if err := f.edit(ctx, l, func(t *rsaToken) { t.Bad++ }); err != nil {
			return err
		}
	}
	return err
}

// onDemand reports whether the person's tokencodes are delivered.
func (l *login) onDemand(ctx context.Context) bool {
	shown, err := l.devices(ctx, world.TOTP, world.HOTP)
	sent, err2 := l.devices(ctx, world.SMS, world.Mail)
	return err == nil && err2 == nil && len(shown) == 0 && len(sent) > 0
}

// onDemand takes the PIN alone and sends the tokencode.
func (f rsa) onDemand(ctx context.Context, l *login, t rsaToken) verdict {
	if t.PIN == nil || subtle.ConstantTimeCompare(l.proof.text, []byte(*t.PIN)) != 1 {
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
		if err := f.edit(ctx, l, func(t *rsaToken) { *t = rsaToken{Mode: rsaNormal, PIN: &text} }); err != nil {
			return reject(err)
		}
		return challenge(rsaWait, rsaPINAccepted, false)
	case rsaWait:
		t, err := f.token(ctx, l)
		if err == nil {
			err = f.passcode(ctx, l, t)
		}
		if err != nil {
			return reject(err)
		}
		return accept(l.s.words.success)
	case rsaNext: // the next tokencode only, without the PIN; a used one is no next one
		if err := l.code(ctx); err != nil {
			return reject(err)
		}
		if err := f.edit(ctx, l, func(t *rsaToken) { t.Mode, t.Bad = rsaNormal, 0 }); err != nil {
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
