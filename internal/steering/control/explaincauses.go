package control

import (
	"fmt"
	"net/url"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/world"
)

// outcomes are how an explanation's sentence ends: the server, then who asked.
var outcomes = map[string]string{
	"ok": "%s did what %s asked", "denied": "%s refused %s", "challenge": "%s asked %s back", "failed": "%s could not understand %s",
	"dropped": "%s stayed silent towards %s", "error": "%s gave %s no proper answer", "broken": "the answer of %s to %s was broken",
	"unimplemented": "%s does not know what %s asked for", "unplayed": "%s does not play what %s asked for", "lost": "%s lost what %s did",
}

// causes explain refusals: which rule of the seed decided, and what would make the same
// operation go well.
var causes = map[cause.Cause]func(*explaining) error{
	cause.UnknownUser: passes("with the name of a person whom the company has"), cause.UnknownAccount: (*explaining).hidden,
	cause.UnknownAsset: passes("with a machine that the company has"), cause.UnknownTicket: passes("with the number of a ticket that there is"),
	cause.UnknownLease: passes("with a lease that there is"), cause.UnknownRequest: passes("with a request that there is"),
	cause.UnknownClient: (*explaining).client, cause.WrongSecret: (*explaining).client,

	cause.WrongPassword: (*explaining).password, cause.Disabled: (*explaining).status, cause.AccountExpired: (*explaining).status,
	cause.Locked: (*explaining).locked, cause.PasswordExpired: (*explaining).password, cause.MustChange: (*explaining).password,
	cause.WeakPassword: (*explaining).policy, cause.PasswordInUse: (*explaining).policy,
	cause.UnknownToken: passes("with a token that is alive; sign in for one"), cause.TokenExpired: passes("with a new token; that one was over"),
	cause.TokenRevoked: passes("with a new token; that one was revoked"), cause.TokenUsedUp: passes("with a new token; that one was used up"),

	cause.WrongCode: (*explaining).code, cause.Replayed: (*explaining).code, cause.Malformed: (*explaining).code, cause.NoneDelivered: (*explaining).code,
	cause.DeviceLocked: (*explaining).deviceLocked, cause.DeviceOff: (*explaining).deviceOff,
	cause.Denied: (*explaining).push, cause.Fraud: (*explaining).push, cause.Pending: (*explaining).push, cause.Cancelled: (*explaining).push,
	cause.Expired: (*explaining).push, cause.NoDevice: (*explaining).devices, cause.WrongKind: (*explaining).devices,

	cause.CheckedOut: (*explaining).held, cause.NotHolder: (*explaining).held, cause.NotCheckedOut: (*explaining).checkout,
	cause.ReasonRequired: (*explaining).reason, cause.TooLong: (*explaining).length,
	cause.ApprovalRequired: (*explaining).approval, cause.NotApproved: (*explaining).approval, cause.NotApprover: (*explaining).approver,
	cause.SelfApproval: (*explaining).approver, cause.NotAllowed: (*explaining).access,

	cause.BadInput: passes("for a request that is formed as the server wants it"), cause.RateLimited: passes("once fewer are asked for at a time"),
	cause.Unavailable: passes("once what the fleet keeps is there again"),
}

// passes explains a refusal that one thing would have avoided.
func passes(says string) func(*explaining) error {
	return func(x *explaining) error { x.pass(pass{Says: says}); return nil }
}

func (x *explaining) client() error {
	if c, ok := x.World.Client(x.e.Actor); ok {
		x.rule("secret of "+c.Name, "clients", c.ID, "secret")
		x.pass(pass{Says: "with the secret of " + c.Name})
		return nil
	}
	x.pass(pass{Says: "for a client that the seed has"})
	return nil
}

// status explains somebody whom the company does not let in, whatever the password.
func (x *explaining) status() error {
	if !x.known {
		return nil
	}
	st, err := x.Logins.Standing(x.ctx, x.person.ID)
	if err != nil {
		return err
	}
	if x.cause == cause.AccountExpired && !x.person.Expires.IsZero() {
		x.rule("expires: "+x.person.Expires.Format("2006-01-02"), "users", x.person.ID, "expires")
	} else {
		x.rule("status: "+string(x.person.Status), "users", x.person.ID, "status")
	}
	x.fact = x.e.Why
	if f := x.person.ID + " is disabled"; x.cause == cause.Disabled {
		x.fact = f
	}
	x.pass(pass{Says: "once " + x.person.ID + " is active", Now: st.Status == world.Active})
	return nil
}

// locked explains a lock-out.
func (x *explaining) locked() error {
	if !x.known {
		return nil
	}
	st, err := x.Logins.Standing(x.ctx, x.person.ID)
	if err != nil {
		return err
	}
	x.fact = x.person.ID + " is locked out"
	policy := x.World.Organization().Lockout
	p := pass{Says: "once " + x.person.ID + " is unlocked", Now: st.Status != world.Locked, Do: doing("person", x.person.ID, "/users/"+url.PathEscape(x.person.ID)+"/unlock")}
	if x.person.Status == world.Locked {
		x.rule("status: locked", "users", x.person.ID, "status")
	} else {
		x.rule(fmt.Sprintf("lockout.threshold: %d", policy.Threshold), "", "", "organization", "lockout", "threshold")
		if !st.LockedAt.IsZero() && policy.Duration > 0 {
			p.At = st.LockedAt.Add(policy.Duration)
		}
	}
	x.pass(p)
	return nil
}

// password explains a wrong password, and one that is too old to be taken.
func (x *explaining) password() error {
	if !x.known {
		return nil
	}
	st, err := x.Logins.Standing(x.ctx, x.person.ID)
	if err != nil {
		return err
	}
	switch x.cause {
	case cause.WrongPassword:
		x.rule("password of "+x.person.ID, "users", x.person.ID, "password")
		x.pass(pass{Says: "with the password of " + x.person.ID})
	case cause.MustChange:
		x.fact = x.person.ID + " must change the password first"
		x.rule("status: "+string(x.person.Status), "users", x.person.ID, "status")
		x.pass(pass{Says: "once " + x.person.ID + " has a new password", Now: !st.MustChange})
	default:
		x.fact = "the password of " + x.person.ID + " has expired"
		if x.person.Status == world.Expired {
			x.rule("status: expired", "users", x.person.ID, "status")
		} else {
			x.rule("password_policy.max_age: "+x.World.Organization().Policy.MaxAge.String(), "", "", "organization", "password_policy", "max_age")
		}
		x.pass(pass{Says: "once " + x.person.ID + " has a new password", Now: st.Status != world.Expired})
	}
	return nil
}

func (x *explaining) policy() error {
	x.rule("password_policy", "", "", "organization", "password_policy")
	x.pass(pass{Says: "with a new password that the policy allows"})
	return nil
}

// code explains one-time codes: which would have been the right one is not told here, but
// where it stands.
func (x *explaining) code() error {
	if !x.known {
		x.pass(pass{Says: "with the code that the person's device shows"})
		return nil
	}
	devices, err := x.Factors.Devices(x.ctx, x.person.ID)
	if err != nil {
		return err
	}
	do := &link{Kind: "person", ID: x.person.ID, Href: "/users/" + url.PathEscape(x.person.ID) + "/otp"}
	for _, d := range devices {
		if x.factor && d.ID != x.device.ID {
			continue
		}
		_, until, err := x.Factors.Current(x.ctx, d.ID)
		if _, refused := cause.Of(err); err != nil && !refused {
			return err
		}
		if err != nil {
			continue
		}
		if x.out.Rule == nil {
			x.rule(fmt.Sprintf("device %s: %s", d.ID, d.Kind), "users", x.person.ID, "devices", d.ID)
		}
		if x.cause == cause.Replayed && d.Kind == world.TOTP {
			x.pass(pass{Says: "with the next code of " + d.ID, At: until, Do: do})
			continue
		}
		x.pass(pass{Says: "with the code that " + d.ID + " shows", Do: do})
	}
	return nil
}

func (x *explaining) deviceLocked() error {
	if !x.known {
		return nil
	}
	devices, err := x.Factors.Devices(x.ctx, x.person.ID)
	if err != nil {
		return err
	}
	now := true
	for _, d := range devices {
		if !x.factor || d.ID == x.device.ID {
			now = now && !d.Locked
			x.rule(fmt.Sprintf("device %s: locks after wrong codes", d.ID), "users", x.person.ID, "devices", d.ID, "max_fail")
		}
	}
	x.pass(pass{Says: "once " + x.person.ID + " is unlocked", Now: now, Do: doing("person", x.person.ID, "/users/"+url.PathEscape(x.person.ID)+"/unlock")})
	return nil
}

func (x *explaining) deviceOff() error {
	if x.factor {
		x.rule("device "+x.device.ID+": disabled", "users", x.device.UserID, "devices", x.device.ID, "disabled")
	}
	x.pass(pass{Says: "with a device that is switched on"})
	return nil
}

func (x *explaining) devices() error {
	if x.known {
		x.rule("devices of "+x.person.ID, "users", x.person.ID, "devices")
		x.pass(pass{Says: "with a device of that kind that " + x.person.ID + " has"})
	}
	return nil
}

// push explains how a request to somebody's phone ended.
func (x *explaining) push() error {
	if !x.known {
		return nil
	}
	for _, d := range x.World.DevicesOf(x.person.ID) {
		if d.Kind != world.Push && d.Kind != world.Call || x.factor && d.ID != x.device.ID {
			continue
		}
		policy := "interactive"
		if d.Approval != nil && d.Approval.Policy != "" {
			policy = d.Approval.Policy
		}
		x.rule("approval.policy: "+policy, "users", x.person.ID, "devices", d.ID, "approval", "policy")
		x.link("device", d.ID)
	}
	x.pass(pass{Says: "if " + x.person.ID + " approves in time", Do: &link{Kind: "person", ID: x.person.ID, Href: "/phone/" + url.PathEscape(x.person.ID)}})
	return nil
}

// held explains an account that somebody has.
func (x *explaining) held() error {
	if !x.vaulted {
		return nil
	}
	st, err := x.Accounts.Standing(x.ctx, x.account)
	if err != nil {
		return err
	}
	x.rule(fmt.Sprintf("checkout.exclusive: %t", x.account.Checkout.Exclusive), "accounts", x.account.ID, "checkout", "exclusive")
	if _, why, cut := strings.Cut(x.e.Why, string(x.cause)+": "); cut {
		x.fact = why
	}
	if len(st.Leases) == 0 {
		x.pass(pass{Says: "nobody has " + x.account.ID + " any more", Now: true})
	}
	for _, l := range st.Leases {
		who := l.UserID
		if who == "" {
			who = l.Client
		}
		x.link("lease", l.ID)
		x.link("person", who)
		x.fact = fmt.Sprintf("%s holds %s until %s", who, x.account.ID, x.moment(l.Expires))
		x.pass(pass{Says: "once " + l.ID + " is given back", At: l.Expires, Do: doing("lease", l.ID, "/leases/"+url.PathEscape(l.ID)+"/force")})
	}
	return nil
}

func (x *explaining) checkout() error {
	if x.vaulted {
		x.pass(pass{Says: "after a checkout of " + x.account.ID})
	}
	return nil
}

func (x *explaining) reason() error {
	if x.vaulted {
		x.rule("checkout.reason: required", "accounts", x.account.ID, "checkout", "reason")
	}
	x.pass(pass{Says: "with a reason"})
	return nil
}

func (x *explaining) length() error {
	if x.vaulted {
		x.rule("checkout.max: "+x.account.Checkout.Max.String(), "accounts", x.account.ID, "checkout", "max")
		x.pass(pass{Says: "for " + x.account.Checkout.Max.String() + " at most"})
	}
	return nil
}

// approval explains an account that somebody must approve first.
func (x *explaining) approval() error {
	if !x.vaulted {
		if x.ticket != "" {
			x.rule("state of "+x.ticket, "tickets", x.ticket, "state")
			x.pass(pass{Says: "once " + x.ticket + " is approved"})
		}
		return nil
	}
	x.rule("checkout.approval: "+orElse(x.account.Checkout.Approval, "none"), "accounts", x.account.ID, "checkout", "approval")
	st, err := x.Accounts.Standing(x.ctx, x.account)
	if err != nil {
		return err
	}
	approvers := "an approver"
	if len(x.account.Access.Approvers) > 0 {
		approvers = strings.Join(x.account.Access.Approvers, " or ")
	}
	for _, r := range st.Requests {
		if r.UserID != x.e.Actor {
			continue
		}
		x.link("request", r.ID)
		if r.State == checkout.Granted {
			x.pass(pass{Says: r.ID + " is approved", Now: true})
			return nil
		}
		x.pass(pass{Says: fmt.Sprintf("once %s approves %s", approvers, r.ID), At: r.At, Do: doing("request", r.ID, "/requests/"+url.PathEscape(r.ID))})
		return nil
	}
	x.pass(pass{Says: fmt.Sprintf("once %s approves a request of %s for it", approvers, orElse(x.e.Actor, "the client"))})
	return nil
}

func (x *explaining) approver() error {
	if x.vaulted {
		x.rule("access.approvers", "accounts", x.account.ID, "access", "approvers")
		x.pass(pass{Says: "for another approver: " + orElse(strings.Join(x.account.Access.Approvers, ", "), "the seed names none")})
	}
	return nil
}

// access explains who may use an account.
func (x *explaining) access() error {
	if !x.vaulted {
		x.pass(pass{Says: "for somebody who may"})
		return nil
	}
	x.rule("access", "accounts", x.account.ID, "access")
	if x.known && x.Accounts.MayUse(checkout.Principal{UserID: x.person.ID}, x.account) {
		return nil
	}
	var who []string
	if len(x.account.Access.Groups) > 0 {
		who = append(who, "members of "+strings.Join(x.account.Access.Groups, ", "))
	}
	who = append(who, x.account.Access.Users...)
	x.pass(pass{Says: "for " + orElse(strings.Join(who, ", "), "an administrator")})
	return nil
}

// hidden explains an account that is not there, or not for the one who asked.
func (x *explaining) hidden() error {
	if x.vaulted {
		return x.access()
	}
	x.pass(pass{Says: "with an account that the company has"})
	return nil
}

// orElse is s, or what stands in for an empty one.
func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
