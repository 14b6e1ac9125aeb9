package world

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// People are numbered in the seed's order: those that are written, then the
// generated ones.

// UserCount is the number of people.
func (w *World) UserCount() int { return w.facts.UserCount() }

// UserNumber finds a person by name, alias or ID. The number is below UserCount.
func (w *World) UserNumber(name string) (i int, ok bool) {
	key := Fold(name)
	if i, ok := w.made.UserNumber(key); ok {
		return len(w.people) + i, true
	}
	i, ok = w.users[key]
	return i, ok
}

// UserAt is the person of a number below UserCount.
func (w *World) UserAt(i int) User {
	if i < len(w.people) {
		return w.people[i]
	}
	return w.made.user(i - len(w.people))
}

// UserIDAt is the ID of the person of a number below UserCount.
func (w *World) UserIDAt(i int) string {
	if i < len(w.people) {
		return w.people[i].ID
	}
	return w.made.userID(i - len(w.people))
}

// User finds a person by name, alias or ID.
func (w *World) User(name string) (User, bool) {
	i, ok := w.UserNumber(name)
	if !ok {
		return User{}, false
	}
	return w.UserAt(i), true
}

// MailNumber finds a person by e-mail address. The number is below UserCount.
func (w *World) MailNumber(mail string) (i int, ok bool) {
	key := Fold(mail)
	if i, ok := w.made.MailNumber(key); ok {
		return len(w.people) + i, true
	}
	i, ok = w.mails[key]
	return i, ok
}

// UserByMail finds a person by e-mail address.
func (w *World) UserByMail(mail string) (User, bool) {
	i, ok := w.MailNumber(mail)
	if !ok {
		return User{}, false
	}
	return w.UserAt(i), true
}

// Login finds the person meant by any of the forms people log in with: a name
// or alias, DOMAIN\name, name@domain of the organization, an e-mail address.
func (w *World) Login(name string) (User, bool) {
	if u, ok := w.User(name); ok {
		return u, true
	}
	if domain, user, ok := strings.Cut(name, `\`); ok {
		o := w.facts.Organization
		if strings.EqualFold(domain, o.NetBIOS) || strings.EqualFold(domain, o.Domain) {
			return w.User(user)
		}
		return User{}, false
	}
	if i := strings.LastIndexByte(name, '@'); i > 0 && strings.EqualFold(name[i+1:], w.facts.Organization.Domain) {
		if u, ok := w.User(name[:i]); ok {
			return u, true
		}
	}
	return w.UserByMail(name)
}

// Users yields all people in the seed's order.
func (w *World) Users() iter.Seq[User] {
	return func(yield func(User) bool) {
		for i := range w.UserCount() {
			if !yield(w.UserAt(i)) {
				return
			}
		}
	}
}

// Written yields the people that the seed writes out, in its order. The others,
// the generated ones, have no attributes, aliases and settings of their own.
func (w *World) Written() iter.Seq[User] { return slices.Values(w.people) }

// WrittenCount is the number of people that the seed writes out: theirs are the
// numbers from 0 up.
func (w *World) WrittenCount() int { return len(w.people) }

// groupsAt are the IDs of the groups that list a person directly.
func (w *World) groupsAt(i int) []string {
	if i < len(w.people) {
		return w.people[i].Groups
	}
	return w.made.groupsOf(i - len(w.people))
}

// GroupsOf returns the groups a person is in, directly ones first, then those
// that contain them, each once; cycles end by themselves.
func (w *World) GroupsOf(userID string) []Group {
	i, ok := w.UserNumber(userID)
	if !ok {
		return nil
	}
	direct := w.groupsAt(i)
	queue := make([]int, 0, len(direct))
	for _, g := range direct {
		queue = append(queue, w.groups[Fold(g)])
	}
	var out []Group
	for _, i := range w.around(queue) {
		out = append(out, w.facts.Groups[i])
	}
	return out
}

// InAnyGroup reports whether a person is, directly or not, in one of groups.
func (w *World) InAnyGroup(userID string, groups []string) bool {
	i, ok := w.UserNumber(userID)
	if !ok || len(groups) == 0 {
		return false
	}
	for _, g := range w.groupsAt(i) {
		for _, j := range w.enclosing[Fold(g)] {
			id := w.facts.Groups[j].ID
			if slices.ContainsFunc(groups, func(name string) bool { return name == id || Fold(name) == id }) {
				return true
			}
		}
	}
	return false
}

// Generated is what the world generates.
func (w *World) Generated() *Generated { return &w.made.Generated }

// MadeSecret reads the TOTP secret of the i-th generated person, or its beginning.
func (w *World) MadeSecret(i int, secret []byte) { w.made.secret(i, secret) }

// Device finds a seeded device by ID.
func (w *World) Device(id string) (Device, bool) {
	if i, ok := w.made.DeviceNumber(id); ok {
		return w.made.device(i), true
	}
	p, ok := w.devices[id]
	if !ok {
		return Device{}, false
	}
	return w.owned[p.user][p.device], true
}

// Yubikey finds a seeded YubiKey by its public ID in modhex.
func (w *World) Yubikey(publicID string) (Device, bool) {
	p, ok := w.yubikeys[publicID]
	if !ok {
		return Device{}, false
	}
	return w.owned[p.user][p.device], true
}

// Yubikeys yields the seeded YubiKeys in the order of their public IDs.
func (w *World) Yubikeys() iter.Seq[Device] {
	return func(yield func(Device) bool) {
		for _, id := range slices.Sorted(maps.Keys(w.yubikeys)) {
			if d, _ := w.Yubikey(id); !yield(d) {
				return
			}
		}
	}
}

// DevicesOf returns the seeded devices of a person.
func (w *World) DevicesOf(userID string) []Device {
	i, ok := w.UserNumber(userID)
	switch {
	case !ok:
		return nil
	case i < len(w.people):
		return w.owned[i]
	}
	return []Device{w.made.device(i - len(w.people))}
}
