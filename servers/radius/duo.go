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

// duo is the Duo Authentication Proxy: a password, then a factor that is chosen
// by itself (auto), behind the password (append mode, "password,push2"), or from
// a menu (challenge mode).
type duo struct{ menu bool }

func newDuo(s *server) (flow, error) {
	switch s.set.Duo.Mode {
	case "", "auto":
		return &duo{}, nil
	case "challenge":
		return &duo{menu: true}, nil
	}
	return nil, fmt.Errorf("duo.mode: unknown %q; known are auto and challenge", s.set.Duo.Mode)
}

// duoFactor is a factor as it is typed: "push", "phone2", "123456".
type duoFactor struct {
	kind   world.DeviceKind
	number int
	code   string
}

// parseDuoFactor reads a factor; "" is auto.
func parseDuoFactor(s string) (f duoFactor, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if digits(s) && len(s) >= 6 && len(s) <= 8 {
		return duoFactor{code: s}, true
	}
	for word, kind := range map[string]world.DeviceKind{"push": world.Push, "phone": world.Call, "sms": world.SMS} {
		rest, is := strings.CutPrefix(s, word)
		if !is {
			continue
		}
		f = duoFactor{kind: kind, number: 1}
		if rest == "" {
			return f, true
		}
		n, err := strconv.Atoi(rest)
		f.number = n
		return f, err == nil && digits(rest) && n > 0 && n < 100
	}
	return duoFactor{}, s == ""
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// start implements flow.
func (d *duo) start(ctx context.Context, l *login) verdict {
	if l.proof.empty() { // an empty password asks for the push alone
		if err := l.standing(ctx); err != nil {
			return reject(err)
		}
		return d.play(ctx, l, duoFactor{})
	}
	if d.menu {
		if err := l.password(ctx); err != nil {
			return reject(err)
		}
		return d.ask(ctx, l)
	}
	chosen := l.splitFactor()
	if err := l.password(ctx); err != nil {
		return reject(err)
	}
	return d.play(ctx, l, chosen)
}

// splitFactor cuts the factor off a typed password, at the last delimiter: a
// password may contain the delimiter, a factor cannot. What follows it is part
// of the password unless it is a factor.
func (l *login) splitFactor() duoFactor {
	if !l.proof.shown {
		return duoFactor{} // a hash of both cannot be taken apart
	}
	text, delimiter := string(l.proof.text), l.s.set.Duo.Delimiter
	i := strings.LastIndex(text, delimiter)
	if i < 0 {
		return duoFactor{}
	}
	f, ok := parseDuoFactor(text[i+len(delimiter):])
	if ok {
		l.proof.text = []byte(text[:i])
	}
	return f
}

// play carries out a factor.
func (d *duo) play(ctx context.Context, l *login, f duoFactor) verdict {
	var err error
	switch {
	case f.code != "":
		_, err = l.s.env.Factors.VerifyUser(ctx, l.user.ID, f.code)
	case f.kind == world.SMS:
		// In append mode an sms sends new codes and fails the login; the user
		// comes again with one of them.
		if err = l.send(ctx, world.SMS, f.number); err == nil {
			err = cause.Because(cause.NoneDelivered, "codes were sent to %s, who must come again with one", l.user.ID)
		}
	case f.kind != "":
		err = l.approve(ctx, f.kind, f.number)
	default:
		err = d.auto(ctx, l)
	}
	if err != nil {
		return reject(err)
	}
	return accept(l.s.words.success)
}

// auto takes the first push device, or else the first phone.
func (d *duo) auto(ctx context.Context, l *login) error {
	list, err := l.devices(ctx, world.Push, world.Call)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return cause.Because(cause.NoDevice, "%s has neither push nor phone", l.user.ID)
	}
	for _, dev := range list {
		if dev.Kind == world.Push {
			return l.approve(ctx, world.Push, 1)
		}
	}
	return l.approve(ctx, world.Call, 1)
}

// ask shows the menu. All of it is in one Reply-Message, because clients show
// the first only; what does not fit in 253 octets is left out from the end.
func (d *duo) ask(ctx context.Context, l *login) verdict {
	list, err := l.s.env.Factors.Devices(ctx, l.user.ID)
	if err != nil {
		return reject(err)
	}
	if len(list) == 0 {
		if url := l.s.set.Duo.EnrollURL; url != "" {
			v := challenge("enroll", fmt.Sprintf(duoEnroll, url), true)
			v.fixed = true
			return v
		}
		return rejectf(cause.NoDevice, "%s has no device", l.user.ID)
	}
	greeting := fmt.Sprintf(duoGreeting, l.name)
	lines, n := "", 0
	for _, o := range d.options(l, list) {
		line := fmt.Sprintf("%d. %s\n", n+1, o)
		if len(greeting)+len(lines)+len(line)+len(fmt.Sprintf(duoChoice, n+1)) > 253 {
			break
		}
		lines, n = lines+line, n+1
	}
	v := challenge("menu", greeting+lines+fmt.Sprintf(duoChoice, n), true)
	v.fixed = l.s.set.Challenge.Prompt == ""
	return v
}

// options are the lines of the menu in order.
func (d *duo) options(l *login, list []factor.Device) (out []string) {
	phone := func(dev factor.Device) string { return masked(orElse(dev.Address, l.user.Phone)) }
	for _, o := range []struct {
		kind world.DeviceKind
		text string
	}{{world.Push, "Duo Push to "}, {world.Call, "Phone call to "}, {world.SMS, "SMS passcodes to "}} {
		for _, dev := range list {
			if dev.Kind == o.kind && !dev.Disabled {
				out = append(out, o.text+phone(dev))
			}
		}
	}
	return out
}

// answer implements flow: an option's number, a factor's name, or a passcode.
func (d *duo) answer(ctx context.Context, l *login, r round) verdict {
	if err := l.standing(ctx); err != nil {
		return reject(err)
	}
	if r.Step == "enroll" {
		return rejectf(cause.NoDevice, "%s has not enrolled a device", l.user.ID)
	}
	if !l.proof.shown {
		return rejectf(cause.WrongKind, "%s cannot answer a menu", l.proof.method)
	}
	text := strings.TrimSpace(string(l.proof.text))
	f, ok := parseDuoFactor(text)
	if n, err := strconv.Atoi(text); err == nil && len(text) < 3 {
		f, ok = d.option(ctx, l, n)
	}
	if !ok || text == "" {
		return rejectf(cause.Malformed, "%q is no option, factor or passcode", text)
	}
	if f.kind == world.SMS { // in challenge mode the codes can be used at once
		if err := l.send(ctx, world.SMS, f.number); err != nil {
			return reject(err)
		}
		return d.ask(ctx, l)
	}
	return d.play(ctx, l, f)
}

// option is the n-th line of the menu.
func (d *duo) option(ctx context.Context, l *login, n int) (duoFactor, bool) {
	for _, kind := range []world.DeviceKind{world.Push, world.Call, world.SMS} {
		list, err := l.devices(ctx, kind)
		if err != nil {
			return duoFactor{}, false
		}
		if n >= 1 && n <= len(list) {
			return duoFactor{kind: kind, number: n}, true
		}
		n -= len(list)
	}
	return duoFactor{}, false
}
