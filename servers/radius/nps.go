package radius

import (
	"context"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

// nps is Microsoft NPS with the Entra MFA extension: the password against the
// directory, then a push that is held or a code that is asked for. Codes need
// PAP; after a challenge the Accept has no policy attributes.
type nps struct{ numbers bool }

func newNPS(s *server) (flow, error) {
	f := nps{numbers: true}
	if n := s.set.NPS.NumberMatching; n != nil {
		f.numbers = *n
	}
	return f, nil
}

// start implements flow.
func (f nps) start(ctx context.Context, l *login) verdict {
	if l.proof.empty() {
		return rejectf(cause.WrongPassword, "the password of %s is empty", l.who())
	}
	if err := l.password(ctx); err != nil {
		return reject(err)
	}
	shown, err := l.devices(ctx, world.TOTP, world.HOTP)
	if err != nil {
		return reject(err)
	}
	pushes, err := l.devices(ctx, world.Push, world.Call)
	if err != nil {
		return reject(err)
	}
	canAsk := l.proof.shown
	switch {
	case len(shown) > 0 && f.numbers && canAsk:
		// Since number matching, who has a code app is asked for its code.
		return challenge("totp", l.s.words.otp, true)
	case len(pushes) > 0:
		return f.push(ctx, l, pushes[0].Kind)
	case !canAsk:
		return rejectf(cause.WrongKind, "%s has codes only, and %s cannot carry one", l.user.ID, l.proof.method)
	case len(shown) > 0:
		return challenge("totp", l.s.words.otp, true)
	}
	if err := l.send(ctx, world.SMS, 1); err != nil {
		return reject(err)
	}
	return challenge("sms", l.s.words.sent, true)
}

func (f nps) push(ctx context.Context, l *login, kind world.DeviceKind) verdict {
	if err := l.approve(ctx, kind, 1); err != nil {
		return reject(err)
	}
	return accept(l.s.words.success)
}

// answer implements flow.
func (f nps) answer(ctx context.Context, l *login, r round) verdict {
	if err := l.standing(ctx); err != nil {
		return reject(err)
	}
	kinds := []world.DeviceKind{world.TOTP, world.HOTP}
	if r.Step == "sms" {
		kinds = []world.DeviceKind{world.SMS}
	}
	if err := l.code(ctx, kinds...); err != nil {
		return reject(err)
	}
	v := accept(l.s.words.success)
	v.bare = true
	return v
}
