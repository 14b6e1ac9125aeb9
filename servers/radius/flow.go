package radius

import (
	"context"
	"errors"
	"time"

	"layeh.com/radius/rfc2869"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/face/radius/wire"
)

// flow is the conversation of one flavour. It knows people, passwords and
// devices, and nothing of packets: start judges a first request, answer the
// answer to a challenge.
type flow interface {
	start(ctx context.Context, l *login) verdict
	answer(ctx context.Context, l *login, r round) verdict
}

// flavour is what New needs to play one product.
type flavour struct {
	words       wording
	methods     []string
	rejectDelay time.Duration
	flow        func(*server) (flow, error)
}

// flavours is the one table of them.
func flavours() map[string]flavour {
	all := []string{"pap", "chap", "mschap", "mschapv2", "eap"}
	return map[string]flavour{
		"generic":    {words: genericWords(), methods: all, flow: newSteps},
		"freeradius": {words: freeradiusWords(), methods: all, flow: newSteps, rejectDelay: time.Second},
		// RSA Authentication Manager and Okta's agent take PAP only.
		"rsa":      {words: rsaWords(), methods: []string{"pap"}, flow: newRSA},
		"okta":     {words: oktaWords(), methods: []string{"pap"}, flow: newOkta},
		"duo":      {words: duoWords(), methods: all, flow: newDuo},
		"nps":      {words: npsWords(), methods: all, flow: newNPS},
		"scripted": {words: genericWords(), methods: []string{"pap", "eap"}, flow: newScripted},
	}
}

// login is one request of one person, as a flow sees it.
type login struct {
	s      *server
	x      *exchange
	name   string // User-Name as sent
	user   world.User
	known  bool
	proof  proof
	stated bool // the request answers a challenge
}

// ending is how a round ends.
type ending int

const (
	rejected ending = iota // the zero verdict refuses
	accepted
	challenged
)

// verdict is what a flow decides about one round.
type verdict struct {
	ending  ending
	err     error  // why rejected: a cause, or a failure of our own, which is silence
	message string // Reply-Message
	echo    bool   // challenged: the answer may be shown
	fixed   bool   // challenged: settings do not replace the message
	next    round  // challenged: what the answer is held against
	extra   []wire.Attribute
	bare    bool          // accepted: without the attributes of user, group and server
	delay   time.Duration // how long the answer takes
}

func accept(message string) verdict { return verdict{ending: accepted, message: message} }

func reject(err error) verdict { return verdict{err: err} }

func rejectf(c cause.Cause, format string, args ...any) verdict {
	return reject(cause.Because(c, format, args...))
}

// challenge asks for another round; step is what the flow wants to find again.
func challenge(step, message string, echo bool) verdict {
	return verdict{ending: challenged, message: message, echo: echo, next: round{Step: step}}
}

// with remembers something for the next round.
func (v verdict) with(key, value string) verdict {
	data := map[string]string{key: value}
	for k, old := range v.next.Data {
		if _, set := data[k]; !set {
			data[k] = old
		}
	}
	v.next.Data = data
	return v
}

// password checks the proof against the person's password.
func (l *login) password(ctx context.Context) error {
	if !l.known {
		return cause.Because(cause.UnknownUser, "nobody is called %q", l.name)
	}
	return l.s.env.Logins.Check(ctx, l.user.ID, l.proof.matches)
}

// standing is the check of flows that ask for no password: who is disabled or
// locked out gets in by no code either. The state of the password is no matter.
func (l *login) standing(ctx context.Context) error {
	if !l.known {
		return cause.Because(cause.UnknownUser, "nobody is called %q", l.name)
	}
	st, err := l.s.env.Logins.Standing(ctx, l.user.ID)
	if err != nil {
		return err
	}
	switch st.Status {
	case world.Disabled:
		return cause.Because(cause.Disabled, "%s is disabled", l.user.ID)
	case world.Locked:
		return cause.Because(cause.Locked, "%s is locked out", l.user.ID)
	case world.AccountExpired:
		return cause.Because(cause.AccountExpired, "the account of %s has expired", l.user.ID)
	}
	return nil
}

// code uses up a one-time code: the typed one, or with CHAP and its kin the one
// that the proof fits.
func (l *login) code(ctx context.Context, kinds ...world.DeviceKind) error {
	if l.proof.shown {
		_, err := l.s.env.Factors.VerifyUser(ctx, l.user.ID, string(l.proof.text), kinds...)
		return err
	}
	_, err := l.s.env.Factors.AcceptUser(ctx, l.user.ID, l.proof.matches, kinds...)
	return err
}

// devices lists the person's devices of some kinds that are on.
func (l *login) devices(ctx context.Context, kinds ...world.DeviceKind) ([]factor.Device, error) {
	all, err := l.s.env.Factors.Devices(ctx, l.user.ID)
	var out []factor.Device
	for _, d := range all {
		for _, k := range kinds {
			if d.Kind == k && !d.Disabled {
				out = append(out, d)
			}
		}
	}
	return out, err
}

// device is the n-th device of a kind, counted from 1.
func (l *login) device(ctx context.Context, kind world.DeviceKind, n int) (factor.Device, error) {
	list, err := l.devices(ctx, kind)
	if err != nil {
		return factor.Device{}, err
	}
	if n < 1 || n > len(list) {
		return factor.Device{}, cause.Because(cause.NoDevice, "%s has no %s device number %d", l.user.ID, kind, n)
	}
	return list[n-1], nil
}

// approve asks a push or call device and holds the request until its owner has
// decided. The client's retransmissions are swallowed meanwhile; when it gives up
// and asks anew, the request is withdrawn.
func (l *login) approve(ctx context.Context, kind world.DeviceKind, n int) error {
	held, release := l.s.cache.hold(ctx, l.x.slot)
	defer release()
	id, device, err := l.ask(held, kind, n)
	if err != nil {
		return err
	}
	if err := l.s.env.Factors.Wait(held, id, time.Time{}); err != nil {
		l.s.env.Factors.Cancel(context.WithoutCancel(ctx), id)
		if ctx.Err() == nil && errors.Is(err, context.Canceled) {
			return errSuperseded
		}
		return err
	}
	return l.answered(ctx, id, device)
}

// answered is what became of a request on a device. Like ask it is not put into approve.
//
//go:noinline
func (l *login) answered(ctx context.Context, id, device string) error {
	a, err := l.s.env.Factors.Approval(ctx, id)
	switch {
	case err != nil:
		return err
	case a.State == factor.Approved:
		return nil
	case a.Fraud:
		return cause.Because(cause.Fraud, "%s reported the request on %s as fraud", l.user.ID, device)
	case a.State == factor.Denied:
		return cause.Because(cause.Denied, "%s denied the request on %s", l.user.ID, device)
	case a.State == factor.Cancelled:
		return cause.Because(cause.Cancelled, "the request on %s was withdrawn", device)
	}
	return cause.Because(cause.Expired, "nobody answered the request on %s within %v", device, l.s.set.HoldMax)
}

// ask opens a request on the n-th device of a kind. It is a function of its own, and not
// put into approve, because what it needs would stand on the stack of each login that waits.
//
//go:noinline
func (l *login) ask(ctx context.Context, kind world.DeviceKind, n int) (id, device string, err error) {
	d, err := l.device(ctx, kind, n)
	if err != nil {
		return "", "", err
	}
	a, err := l.s.env.Factors.Ask(ctx, factor.Ask{System: l.s.env.Name, UserID: l.user.ID, DeviceID: d.ID, TTL: l.s.set.HoldMax,
		Message: l.s.words.push(l.user.Name), Details: map[string]string{"client": l.x.client.name, "user": l.name}})
	return a.ID, d.ID, err
}

// send delivers a code to the n-th device of a kind.
func (l *login) send(ctx context.Context, kind world.DeviceKind, n int) error {
	d, err := l.device(ctx, kind, n)
	if err != nil {
		return err
	}
	return l.s.env.Factors.Send(ctx, d.ID, l.s.env.Name)
}

// codeKinds are the devices that show or receive codes.
func codeKinds() []world.DeviceKind {
	return []world.DeviceKind{world.TOTP, world.HOTP, world.SMS, world.Voice, world.Mail, world.Static, world.Yubikey}
}

// prompt is the Prompt attribute (RFC 2869 section 5.10): 0 is No-Echo, 1 Echo.
func prompt(echo bool) wire.Attribute {
	if echo {
		return wire.Integer(rfc2869.Prompt_Type, 1)
	}
	return wire.Integer(rfc2869.Prompt_Type, 0)
}
