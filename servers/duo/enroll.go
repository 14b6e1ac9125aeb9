package duo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/face/ids"
)

// The life of an activation code.
const (
	usualLife   = 24 * time.Hour
	longestLife = 30 * 24 * time.Hour
)

// What enrolments may take.
const (
	longestName = 255
	mostGuests  = 10_000
)

// enroll makes a user and the activation of a phone. The activation is a request
// to that phone: whoever approves it there, or over the control API, has
// scanned the code.
func (s *Server) enroll(r *request) (any, error) {
	ctx := r.Request().Context()
	name := r.params["username"]
	switch {
	case name == "":
		name = "user-" + s.random(12)
	case len(name) > longestName:
		return nil, param(invalid, "username", "a name of %d octets", len(name))
	}
	life, err := s.number(r, "valid_secs", int(usualLife/time.Second), int(longestLife/time.Second))
	if err != nil {
		return nil, err
	}
	codes, err := s.number(r, "bypass_codes", 0, 10)
	if err != nil {
		return nil, err
	}
	if _, err := s.byName(ctx, name); !errors.Is(err, cause.UnknownUser) {
		if err == nil {
			err = cause.Because(alreadyThere, "%.80q is enrolled", name)
		}
		return nil, err
	}
	a := account{Name: name, Code: s.random(20), Expires: s.Clock.Now().Add(time.Duration(life) * time.Second)}
	for range codes {
		a.Bypass = append(a.Bypass, ids.Text(s.Rand, ids.Decimal, 9))
	}
	if err := s.join(ctx, &a); err != nil {
		return nil, err
	}
	r.call().Actor = a.ID
	out := map[string]any{
		"activation_barcode": "https://" + s.set.Host + "/frame/qr?value=duo%3A%2F%2F" + a.Code,
		"activation_code":    "duo://" + a.Code, "activation_url": "https://" + s.mobile() + "/activate/" + a.Code,
		"expiration": a.Expires.Unix(), "user_id": s.duoID(a.ID), "username": a.Name, "valid_secs": life,
	}
	r.call().Response = shown(out)
	if codes > 0 {
		out["bypass_codes"] = a.Bypass
	}
	return out, nil
}

// mobile is the host name that phones are sent to.
func (s *Server) mobile() string { return "m" + s.set.Host[min(3, len(s.set.Host)):] }

// join takes the name, of two racing requests for one, and gives it a phone that
// is off until its activation is claimed. The record of the name is written twice: as a
// claim, that counts for state.Grace, and when all is there, as an account. A client that
// goes away leaves no half of a user behind.
func (s *Server) join(ctx context.Context, a *account) error {
	ctx = context.WithoutCancel(ctx)
	owner, known := s.World.User(a.Name)
	if !known && s.set.Normalization == "simple" {
		owner, known = s.World.Login(a.Name)
	}
	a.ID, a.Guest = owner.ID, !known
	if known {
		a.Name = owner.Name
	} else {
		a.ID = s.guestID(a.Name)
	}
	a.Begun = s.Clock.Now()
	err := s.accounts.Edit(ctx, accountKey(a.Name), func(v *account, found bool) (time.Time, error) {
		if found && (v.Approval != "" || a.Begun.Before(v.Begun.Add(state.Grace))) {
			return time.Time{}, cause.Because(alreadyThere, "%.80q is enrolled", a.Name)
		}
		*v = *a
		return time.Time{}, nil
	})
	if err != nil {
		return err
	}
	if err := s.equip(ctx, a); err != nil {
		return s.withdrawn(ctx, a, err)
	}
	return s.accounts.Edit(ctx, accountKey(a.Name), func(v *account, found bool) (time.Time, error) {
		if !found || v.Code != a.Code { // it took so long that somebody else took the name
			return time.Time{}, cause.Because(alreadyThere, "%.80q is enrolled", a.Name)
		}
		*v = *a
		return time.Time{}, nil
	})
}

// equip gives a claimed name its phone and its activation. The devices are off from the
// first moment, and the same when the name is enrolled again after a failure.
func (s *Server) equip(ctx context.Context, a *account) error {
	enrol := s.Factors.Enrol
	if a.Guest {
		enrol = s.Factors.EnrolGuest
		if err := s.admitGuest(ctx, a); err != nil {
			return err
		}
	}
	for _, kind := range []world.DeviceKind{world.Push, world.HOTP} {
		once := state.WithMark(ctx, s.Name+" enroll "+a.ID+" "+string(kind))
		d, err := enrol(once, a.ID, world.Device{Kind: kind, Label: "Duo Mobile", Disabled: true})
		if err != nil {
			return err
		}
		a.Devices = append(a.Devices, d.ID)
	}
	claim, err := s.Factors.Ask(ctx, factor.Ask{System: s.Name, UserID: a.ID, DeviceID: a.Devices[0], TTL: a.Expires.Sub(s.Clock.Now()),
		Message: "Activate Duo Mobile for " + a.Name, Off: true})
	a.Approval = claim.ID
	return err
}

// withdrawn lets go of a name whose enrolment has failed.
func (s *Server) withdrawn(ctx context.Context, a *account, err error) error {
	_, failed := s.accounts.DeleteIf(ctx, accountKey(a.Name), func(v *account) error {
		if v.Code != a.Code {
			return state.ErrKeep
		}
		return nil
	})
	return errors.Join(err, failed)
}

// admitGuest counts a guest, once, and makes them known by Duo's user ID.
func (s *Server) admitGuest(ctx context.Context, a *account) error {
	if _, known, err := s.guests.Read(ctx, s.duoID(a.ID)); err != nil || known {
		return err
	}
	tooMany := cause.Because(full, "%d names are enrolled that the company does not know", mostGuests)
	count := func(counted int) error {
		return s.counts.Edit(ctx, "guests", func(n *int, _ bool) (time.Time, error) {
			if counted >= 0 {
				*n = counted
			}
			if *n >= mostGuests {
				return time.Time{}, tooMany
			}
			*n++
			return time.Time{}, nil
		})
	}
	err := count(-1)
	if errors.Is(err, full) { // those who were counted and never came are not
		var there []string
		if there, err = s.guests.Keys(ctx, state.Range{Limit: mostGuests}); err == nil {
			err = count(len(there))
		}
	}
	if err != nil {
		return err
	}
	return s.guests.Put(ctx, s.duoID(a.ID), a.Name, time.Time{})
}

// guestID is the domain's ID of somebody whom only this service knows. The name
// may be made of anything.
func (s *Server) guestID(name string) string {
	out := s.Name + "/"
	for _, b := range []byte(world.Fold(name)) {
		if b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '-' || b == '.' {
			out += string(rune(b))
			continue
		}
		out += fmt.Sprintf("_%02x", b)
	}
	return out
}

// number is a whole number above zero of the parameters, "" for otherwise.
func (s *Server) number(r *request, name string, otherwise, most int) (int, error) {
	if r.params[name] == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(r.params[name])
	if err != nil || n < 1 || n > most {
		return 0, param(invalid, name, "%s must be 1 to %d, not %.40q", name, most, r.params[name])
	}
	return n, nil
}

// enrolStatus tells whether an activation code was claimed, in one word.
func (s *Server) enrolStatus(r *request) (any, error) {
	ctx := r.Request().Context()
	id, err := r.need("user_id")
	if err != nil {
		return nil, err
	}
	code, err := r.need("activation_code")
	if err != nil {
		return nil, err
	}
	p, err := s.byID(ctx, id)
	if errors.Is(err, cause.UnknownUser) {
		return "invalid", nil
	}
	if err != nil {
		return nil, err
	}
	r.call().Actor = p.id
	a, found, err := s.account(ctx, p.name)
	if err != nil {
		return nil, err
	}
	if !found || code != "duo://"+a.Code && code != a.Code {
		return "invalid", nil
	}
	return s.claimed(ctx, a)
}

// activate switches the phone of somebody who was enrolled here on, once its
// activation has been claimed.
func (s *Server) activate(ctx context.Context, p *person) error {
	if !p.guest && !p.member.NotEnrolled {
		return nil
	}
	a, found, err := s.account(ctx, p.name)
	if err == nil && found && a.Approval != "" {
		_, err = s.claimed(ctx, a)
	}
	return err
}

// claimed is the word for an activation; one that was claimed switches the phone
// on.
func (s *Server) claimed(ctx context.Context, a account) (string, error) {
	if a.Claimed {
		return "success", nil
	}
	claim, err := s.Factors.Approval(ctx, a.Approval)
	if _, gone := cause.Of(err); gone {
		return "invalid", nil
	}
	switch {
	case err != nil:
		return "", err
	case claim.State == factor.Pending:
		return "waiting", nil
	case claim.State != factor.Approved:
		return "invalid", nil
	}
	for _, id := range a.Devices {
		if err := s.Factors.Disable(ctx, id, false); err != nil {
			return "", err
		}
	}
	return "success", s.accounts.Edit(ctx, accountKey(a.Name), func(v *account, _ bool) (time.Time, error) {
		v.Claimed = true
		return time.Time{}, nil
	})
}
