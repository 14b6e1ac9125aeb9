package duo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/world"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/ids"
)

// login is one authentication.
type login struct {
	*Server
	r      *request
	p      *person
	phones []*phone
}

// auth runs a factor: at once, held until somebody decides, or as a transaction.
func (s *Server) auth(r *request) (any, error) {
	t, later, err := s.begin(r, wanted)
	if err != nil {
		return nil, err
	}
	if later {
		return map[string]any{"txid": t.ID}, s.keep(r.Request().Context(), t)
	}
	return s.finish(r, t)
}

// chooser finds, among somebody's devices, the factor that was asked for.
type chooser func(*login) (choice, error)

// begin reads what is asked for, finds the person and starts the factor. Whoever
// is let in or turned away by their standing alone is not asked for any. later
// tells that the client will poll.
func (s *Server) begin(r *request, read func(*request) (chooser, error)) (t *transaction, later bool, err error) {
	choose, err := read(r)
	if err != nil {
		return nil, false, err
	}
	switch v := r.params["async"]; v {
	case "", "0":
	case "1":
		later = true
	default:
		return nil, false, param(invalid, "async", "async is 0 or 1, not %.40q", v)
	}
	t, err = s.attempt(r, choose)
	return t, later, err
}

func (s *Server) attempt(r *request, choose chooser) (*transaction, error) {
	ctx := r.Request().Context()
	p, err := s.who(r)
	if err != nil {
		return nil, err
	}
	t := &transaction{ID: ids.UUID(s.Rand), IKey: r.in.IKey, User: p.id}
	if t.Final, err = s.standing(ctx, r, p); err != nil || t.Final != nil {
		return t, err
	}
	l := &login{Server: s, r: r, p: p}
	if l.phones, err = s.phones(ctx, p); err != nil {
		return nil, err
	}
	c, err := choose(l)
	if err != nil {
		return nil, err
	}
	return t, l.run(ctx, t, c)
}

// choice is the factor that was asked for.
type choice struct {
	factor   string // push, phone, sms, passcode
	phone    *phone
	passcode string
	verified bool
}

// wanted reads the parameters of the Auth API.
func wanted(r *request) (chooser, error) {
	f, err := r.need("factor")
	if err != nil {
		return nil, err
	}
	switch f {
	case "passcode":
		code, err := r.need("passcode")
		return func(*login) (choice, error) { return choice{factor: f, passcode: code}, nil }, err
	case "prompt":
		text, err := r.need("prompt")
		return func(l *login) (choice, error) { return l.typed(text) }, err
	case "push", "phone", "sms":
		device, err := r.need("device")
		return func(l *login) (choice, error) {
			ph, err := l.pick(device, f)
			return choice{factor: f, phone: ph}, err
		}, err
	case "auto":
		return func(l *login) (choice, error) {
			ph, err := l.pick(cmp.Or(r.params["device"], "auto"), f)
			if err != nil {
				return choice{}, err
			}
			return choice{factor: best(ph), phone: ph}, nil
		}, nil
	}
	return nil, param(invalid, "factor", "%.40q is no factor", f)
}

// best is the factor that auto takes on a phone.
func best(ph *phone) string {
	if ph.can("push") {
		return "push"
	}
	return "phone"
}

// typed is what the user of a text client typed: an option or a passcode.
func (l *login) typed(text string) (choice, error) {
	o, ok := parseOption(text)
	if !ok {
		return choice{factor: "passcode", passcode: text}, nil
	}
	ph, ok := nth(l.phones, o)
	if !ok {
		return choice{}, cause.Because(noneCapable, "%s has no device for %.40q", l.p.id, text)
	}
	return choice{factor: o.capability, phone: ph, verified: o.verified}, nil
}

// pick is the device that was asked for: by its ID, or the first capable one.
func (l *login) pick(device, capability string) (*phone, error) {
	i := slices.IndexFunc(l.phones, func(ph *phone) bool {
		return ph.id == device || device == "auto" && ph.can(capability)
	})
	switch {
	case i < 0 && device == "auto":
		return nil, cause.Because(noneCapable, "%s has no device for %s", l.p.id, capability)
	case i < 0:
		return nil, param(invalid, "device", "%s has no device %.40q", l.p.id, device)
	case !l.phones[i].can(capability):
		return nil, cause.Because(noneCapable, "%s cannot do %s", device, capability)
	}
	return l.phones[i], nil
}

// run carries a factor out as far as it goes without its owner.
func (l *login) run(ctx context.Context, t *transaction, c choice) (err error) {
	switch t.Factor = c.factor; c.factor {
	case "passcode":
		t.Final, err = l.passcode(ctx, c.passcode)
		if err == nil && t.Final.Result == allow {
			err = l.trust(ctx, t.Final, l.p)
		}
		return err
	case "sms":
		l.r.call().Object = c.phone.devs["sms"].ID
		t.Final = &sentSMS
		if _, hit := l.r.call().Fault(smsLost); hit {
			return nil
		}
		err = l.Factors.SendBatch(ctx, c.phone.devs["sms"].ID, l.Name, l.set.SMSCodes)
		return l.unreached(t, err)
	}
	return l.ask(ctx, t, c)
}

// ask sends a push or calls.
func (l *login) ask(ctx context.Context, t *transaction, c choice) error {
	details, err := l.details()
	if err != nil {
		return err
	}
	t.Number = masked(c.phone.number)
	if c.verified {
		if err := l.redeem(ctx, l.r, l.p); err != nil {
			return err
		}
		t.Verify = ids.Text(l.Rand, "123456789", 1) + ids.Text(l.Rand, ids.Decimal, 2)
	}
	d := c.phone.devs[c.factor]
	l.r.call().Object = d.ID
	if _, hit := l.r.call().Fault(undeliverable); hit {
		t.Final = &notPushed
		return nil
	}
	a, err := l.Factors.Ask(ctx, factor.Ask{System: l.Name, UserID: l.p.id, DeviceID: d.ID, TTL: l.set.PushTTL,
		Message: "Are you logging in to " + l.r.in.Name + "?", Details: details, Number: t.Verify})
	t.Approval, t.Until = a.ID, a.Expires
	return l.unreached(t, err)
}

// unreached ends a login whose device takes no request or message now; any other
// error is its own.
func (l *login) unreached(t *transaction, err error) error {
	switch {
	case errors.Is(err, cause.DeviceLocked):
		t.Final = &lockedOut
	case errors.Is(err, cause.Expired), errors.Is(err, cause.NoDevice), errors.Is(err, cause.DeviceOff), errors.Is(err, cause.NotYetValid):
		t.Final = &notPushed
	default:
		return err
	}
	l.r.call().Because(err)
	return nil
}

// longestInfo is what the vendor's documentation sets as the end of pushinfo.
const longestInfo = 20_000

// details are what the phone shows: the pairs of pushinfo, and what the request
// says about where it comes from.
func (l *login) details() (map[string]string, error) {
	info := l.r.params["pushinfo"]
	pairs, err := httpapi.ParseForm(info, httpapi.FormRules{})
	if err != nil || len(pairs) > 64 || len(info) >= longestInfo {
		return nil, param(invalid, "pushinfo", "pushinfo is no list of encoded pairs")
	}
	out := map[string]string{"integration": l.r.in.Name}
	for _, p := range pairs {
		out[p.Name] = p.Value
	}
	for _, name := range []string{"type", "ipaddr", "hostname", "display_username"} {
		if v := l.r.params[name]; v != "" {
			out[name] = v
		}
	}
	return out, nil
}

// passcode judges a typed code. It counts as failed before it is looked at.
func (l *login) passcode(ctx context.Context, code string) (*outcome, error) {
	final := approved
	tally := l.tally(l.p)
	last, err := l.Factors.Attempt(ctx, tally)
	if errors.Is(err, cause.Locked) {
		l.r.call().Because(err)
		return &lockedOut, nil
	}
	if err != nil {
		return nil, err
	}
	err = l.verify(ctx, code)
	reason, refused := cause.Of(err)
	switch {
	case err == nil:
		return &final, l.Factors.Passed(ctx, tally)
	case !refused:
		return nil, errors.Join(err, l.Factors.Pardon(context.WithoutCancel(ctx), tally))
	}
	l.r.call().Because(err)
	var r *cause.Refusal
	if errors.As(err, &r) && r.By != "" { // an order's refusal is nobody's mistake
		last = false
		if err := l.Factors.Pardon(ctx, tally); err != nil {
			return nil, err
		}
	}
	switch final = wrongCode; {
	case reason == cause.DeviceLocked:
		final = lockedOut
	case last:
		final = lockedOut
	case reason == cause.Replayed:
		final = replayed
	}
	return &final, nil
}

// verify takes a code of Duo's own or of any of the person's devices.
func (l *login) verify(ctx context.Context, code string) error {
	if known, err := l.bypass(ctx, code); known || err != nil {
		return err
	}
	m, err := l.Factors.VerifyUser(ctx, l.p.id, code, world.TOTP, world.HOTP, world.SMS, world.Static)
	if err == nil {
		l.r.call().Object = m.Device.ID
	}
	return err
}

// bypass takes a bypass code that only Duo knows; known is false for any other
// code.
func (l *login) bypass(ctx context.Context, code string) (known bool, err error) {
	codes := slices.Clone(l.p.member.BypassCodes)
	a, _, err := l.account(ctx, l.p.name)
	if err != nil {
		return false, err
	}
	for _, c := range a.Bypass {
		codes = append(codes, BypassCode{Code: c, Uses: 1})
	}
	i := slices.IndexFunc(codes, func(c BypassCode) bool { return signin.Same(c.Code, code) })
	if i < 0 {
		return false, nil
	}
	b, now := codes[i], l.Clock.Now()
	if !b.Expires.IsZero() && !now.Before(b.Expires) {
		return true, cause.Because(cause.WrongCode, "that bypass code of %s expired at %s", l.p.id, b.Expires.Format(time.RFC3339))
	}
	if b.Uses == 0 {
		return true, nil
	}
	sum := sha256.Sum256([]byte(code))
	return true, l.bypasses.Edit(ctx, l.p.id+"/"+hex.EncodeToString(sum[:8]), func(used *int, _ bool) (time.Time, error) {
		if *used >= b.Uses {
			return time.Time{}, cause.Because(cause.Replayed, "that bypass code of %s was used %d times", l.p.id, *used)
		}
		*used++
		return time.Time{}, nil
	})
}

// trust adds the token of a trusted device to an allowed login.
func (s *Server) trust(ctx context.Context, o *outcome, p *person) (err error) {
	if s.set.Trusted > 0 {
		o.Trusted, _, err = s.trusted.Issue(ctx, signin.Issue[struct{}]{Owner: p.id, TTL: s.set.Trusted})
	}
	return err
}
