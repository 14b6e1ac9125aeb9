package seed

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"counterpart/internal/company/world"
)

// build makes facts of a file without mistakes.
func (l *loader) build() world.Facts {
	o := l.file.Organization
	f := world.Facts{
		RandomSeed: l.file.RandomSeed,
		Organization: world.Organization{Name: o.Name, Domain: o.Domain, NetBIOS: o.netbios(),
			Lockout: world.Lockout{Threshold: o.Lockout.Threshold, Window: o.Lockout.Window, Duration: o.Lockout.Duration},
			Policy:  world.PasswordPolicy{MinLength: o.Policy.MinLength, History: o.Policy.History, MaxAge: o.Policy.MaxAge}},
	}
	gids := map[string]int{}
	for i := range l.file.Groups {
		g := l.group(&l.file.Groups[i])
		gids[g.ID] = g.GIDNumber
		f.Groups = append(f.Groups, g)
	}
	for i := range l.file.Users {
		u := l.user(&l.file.Users[i])
		if u.GIDNumber == 0 && len(u.Groups) > 0 {
			u.GIDNumber = gids[u.Groups[0]]
		}
		u.GIDNumber = cmp.Or(u.GIDNumber, 100) // the group "users" of most systems
		f.Users = append(f.Users, u)
	}
	for _, a := range l.file.Assets {
		f.Assets = append(f.Assets, world.Asset{ID: world.Fold(a.Name), Name: a.Name, Address: a.Address, Hostnames: a.Hostnames,
			Platform: a.Platform, Description: a.Description})
	}
	l.expand(&f)
	passwords := map[string]string{}
	if len(l.file.Accounts) > 0 {
		for i := range f.Users {
			passwords[f.Users[i].ID] = f.Users[i].Password
		}
	}
	password := func(userID string) string {
		if i, ok := f.Generated.UserNumber(userID); ok {
			return f.Generated.UserPassword(i)
		}
		return passwords[userID]
	}
	for i := range l.file.Accounts {
		f.Accounts = append(f.Accounts, l.account(&l.file.Accounts[i], password))
	}
	for i := range l.file.Tickets {
		f.Tickets = append(f.Tickets, l.ticket(&l.file.Tickets[i]))
	}
	for i := range l.file.Clients {
		f.Clients = append(f.Clients, l.client(&l.file.Clients[i]))
	}
	return f
}

func (o *organization) netbios() string {
	first, _, _ := strings.Cut(o.Domain, ".")
	name := cmp.Or(o.NetBIOS, strings.ToUpper(first))
	return name[:min(len(name), 15)]
}

// secret is a generated password: the same for the same seed.
func (l *loader) secret(kind, id string, n int) string {
	return world.Password(world.Derive(l.file.RandomSeed, kind, id), n)
}

func (l *loader) group(g *group) world.Group {
	out := world.Group{ID: world.Fold(g.Name), Name: g.Name, Description: g.Description, Email: g.Email, GIDNumber: g.GIDNumber,
		Scope: g.Scope, Attributes: g.Attributes, Radius: g.Radius}
	if out.GIDNumber == 0 {
		out.GIDNumber = l.gid.next()
	}
	for _, m := range g.MemberGroups {
		out.MemberGroups = append(out.MemberGroups, l.names.group(m))
	}
	return out
}

func (l *loader) user(u *user) world.User {
	id := world.Fold(u.Name)
	out := world.User{ID: id, Name: u.Name, Aliases: u.Aliases, DisplayName: u.DisplayName, GivenName: u.GivenName, Surname: u.Surname,
		Email: l.mail(u), Phone: u.Phone, Status: world.Status(u.Status), UIDNumber: u.UIDNumber, GIDNumber: u.GIDNumber,
		Expires: u.Expires, Description: u.Description, Attributes: u.Attributes, Radius: u.Radius, Settings: u.Settings}
	if out.DisplayName == "" {
		out.DisplayName = cmp.Or(strings.TrimSpace(u.GivenName+" "+u.Surname), u.Name)
	}
	given, surname, _ := strings.Cut(out.DisplayName, " ")
	out.GivenName = cmp.Or(u.GivenName, given)
	out.Surname = cmp.Or(u.Surname, surname, out.GivenName)
	if u.Password != nil {
		out.Password = *u.Password
	} else {
		out.Password = l.secret("user", id, 16)
	}
	if out.UIDNumber == 0 {
		out.UIDNumber = l.uid.next()
	}
	for _, g := range u.Groups {
		out.Groups = append(out.Groups, l.names.group(g))
	}
	for i := range u.Devices {
		out.Devices = append(out.Devices, l.device(&u.Devices[i], &out))
	}
	return out
}

// device fills in what the file leaves to defaults.
func (l *loader) device(d *device, owner *world.User) world.Device {
	out := world.Device{ID: d.ID, UserID: owner.ID, Kind: world.DeviceKind(d.Kind), Label: d.Label, Secret: d.Secret.octets,
		Algorithm: d.Algorithm, Digits: d.Digits, Period: d.Period, Counter: d.Counter, Window: d.Window.Window, SyncWindow: d.SyncWindow,
		Drift: d.Drift, MaxFail: d.MaxFail, LockReset: d.LockReset, NotBefore: d.NotBefore, NotAfter: d.NotAfter, Disabled: d.Disabled,
		PIN: d.PIN, Codes: d.Codes, CodeTTL: d.CodeTTL, MaxTries: d.MaxTries, Address: d.Address,
		PrivateID: d.PrivateID, AESKey: d.AESKey}
	if out.ID == "" {
		out.ID = l.deviceID(owner.ID + "-" + d.Kind)
	}
	stream := world.Derive(l.file.RandomSeed, "device", out.ID)
	octets := func(n int) []byte {
		b := make([]byte, n)
		io.ReadFull(stream, b)
		return b
	}
	switch out.Kind {
	case world.TOTP, world.HOTP:
		if len(out.Secret) == 0 {
			out.Secret = octets(20)
		}
		if !d.Window.given {
			out.Window = profiles["rfc"]
			if out.Kind == world.HOTP {
				out.Window = world.Window{After: 10}
			}
		}
	case world.Yubikey:
		fill := func(given []byte, n int) []byte {
			derived := octets(n) // always drawn, so that one key given does not change the others
			if len(given) > 0 {
				return given
			}
			return derived
		}
		if out.PublicID = world.Modhex(octets(6)); d.At.has("public_id") {
			out.PublicID, _ = world.PublicID(d.PublicID) // checked
		}
		out.Presses = d.Press.build()
		out.PrivateID, out.AESKey = fill(d.PrivateID, 6), fill(d.AESKey, 16)
	case world.Static:
		for len(out.Codes) < 10 && len(d.Codes) == 0 {
			b := octets(4)
			out.Codes = append(out.Codes, fmt.Sprintf("%08d", (uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3]))%100_000_000))
		}
	case world.SMS, world.Voice:
		out.Address = cmp.Or(out.Address, owner.Phone)
	case world.Mail:
		out.Address = cmp.Or(out.Address, owner.Email)
	case world.Push, world.Call:
		out.Approval = d.Approval.build()
		if out.Kind == world.Call {
			out.Address = cmp.Or(out.Address, owner.Phone)
		}
	}
	return out
}

// deviceID is a name for a device that nothing else has.
func (l *loader) deviceID(base string) string {
	if l.numbers == nil {
		l.numbers = map[string]int{}
	}
	for {
		l.numbers[base]++
		id := base
		if n := l.numbers[base]; n > 1 {
			id = fmt.Sprintf("%s-%d", base, n)
		}
		if _, taken := l.names.devices[id]; !taken && !l.names.makes("devices", id) {
			l.names.devices[id] = named{id: id}
			return id
		}
	}
}

func (a *approval) build() *world.Approval {
	if a == nil {
		return &world.Approval{Policy: "interactive", TTL: time.Minute}
	}
	out := &world.Approval{Policy: a.policy(), Delay: a.Delay, When: a.When, TTL: cmp.Or(a.TTL, time.Minute)}
	for _, s := range a.Sequence {
		out.Sequence = append(out.Sequence, world.Approval{Policy: s.Policy, Delay: s.Delay, When: s.When, TTL: out.TTL})
	}
	return out
}
