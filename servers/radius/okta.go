package radius

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
)

// okta is the Okta RADIUS Server Agent: a password, then a numbered list of
// factors; a push is held, a code is asked for in a further round.
type okta struct{}

func newOkta(*server) (flow, error) { return okta{}, nil }

// oktaLabels are the names of the factors in the list; unverified.
func oktaLabels() map[world.DeviceKind]string {
	return map[world.DeviceKind]string{
		world.Push: "Okta Verify Push", world.TOTP: "Google Authenticator", world.HOTP: "Custom HOTP",
		world.SMS: "SMS authentication", world.Call: "Voice call approval", world.Voice: "Voice call authentication",
		world.Mail: "Email authentication", world.Yubikey: "YubiKey",
	}
}

// offered lists the factors in the order of the person's devices.
func (okta) offered(ctx context.Context, l *login) ([]factor.Device, error) {
	list, err := l.s.env.Factors.Devices(ctx, l.user.ID)
	return slices.DeleteFunc(list, func(d factor.Device) bool { return d.Disabled || oktaLabels()[d.Kind] == "" }), err
}

// start implements flow.
func (f okta) start(ctx context.Context, l *login) verdict {
	if l.proof.empty() {
		if err := l.standing(ctx); err != nil {
			return reject(err)
		}
		return f.approved(ctx, l, world.Push, 1)
	}
	code := f.appended(l)
	if err := l.password(ctx); err != nil {
		return reject(err)
	}
	if code != "" {
		l.proof.text = []byte(code)
		if err := l.code(ctx); err != nil {
			return reject(err)
		}
		return accept(l.s.words.success)
	}
	list, err := f.offered(ctx, l)
	if err != nil {
		return reject(err)
	}
	if len(list) == 0 {
		return rejectf(cause.NoDevice, "%s has enrolled no factor", l.user.ID)
	}
	text := orElse(l.s.set.Okta.Menu, oktaMenu)
	for i, d := range list {
		line := fmt.Sprintf("\n%d - %s", i+1, oktaLabels()[d.Kind])
		if len(text)+len(line) > 253 {
			break
		}
		text += line
	}
	return challenge("menu", text, true)
}

// appended cuts a code off the password, where that is enabled.
func (okta) appended(l *login) (code string) {
	text := string(l.proof.text)
	i := strings.LastIndex(text, l.s.set.Okta.Separator)
	if !l.s.set.Okta.Append || i < 0 || !digits(text[i+len(l.s.set.Okta.Separator):]) {
		return ""
	}
	l.proof.text = []byte(text[:i])
	return text[i+len(l.s.set.Okta.Separator):]
}

func (okta) approved(ctx context.Context, l *login, kind world.DeviceKind, n int) verdict {
	if err := l.approve(ctx, kind, n); err != nil {
		return reject(err)
	}
	return accept(l.s.words.success)
}

// answer implements flow.
func (f okta) answer(ctx context.Context, l *login, r round) verdict {
	if err := l.standing(ctx); err != nil {
		return reject(err)
	}
	if r.Step == "code" {
		if _, err := l.s.env.Factors.Verify(ctx, r.Data["device"], string(l.proof.text)); err != nil {
			return reject(err)
		}
		return accept(l.s.words.success)
	}
	list, err := f.offered(ctx, l)
	if err != nil {
		return reject(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(l.proof.text)))
	if err != nil || n < 1 || n > len(list) {
		return rejectf(cause.Malformed, "%q is none of the %d factors", l.proof.text, len(list))
	}
	d := list[n-1]
	switch d.Kind {
	case world.Push, world.Call:
		same := 0
		for _, o := range list[:n] {
			if o.Kind == d.Kind {
				same++
			}
		}
		return f.approved(ctx, l, d.Kind, same)
	case world.SMS, world.Voice, world.Mail:
		if err := l.s.env.Factors.Send(ctx, d.ID, l.s.env.Name); err != nil {
			return reject(err)
		}
		return f.askCode(l.s.words.sent, d)
	}
	return f.askCode(l.s.words.otp, d)
}

func (okta) askCode(text string, d factor.Device) verdict {
	v := challenge("code", text, true).with("device", d.ID)
	v.fixed = true // challenge.prompt is about the list
	return v
}
