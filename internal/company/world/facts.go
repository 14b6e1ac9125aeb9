// Package world holds the seeded facts of one fictitious company: people,
// groups, machines, accounts, devices, tickets and API clients. It is immutable
// after New, so that every server reads it without a lock; what changes while a
// fleet runs lives in the state store, keyed by the IDs found here.
package world

import (
	"net/netip"
	"time"
)

// Facts is everything a seed says about the company, in the seed's order.
type Facts struct {
	Organization Organization
	RandomSeed   uint64 // all generated identifiers, passwords and keys follow from it
	Users        []User
	Groups       []Group
	Assets       []Asset
	Accounts     []Account
	Tickets      []Ticket
	Clients      []Client
	Generated    Generated // people, machines and accounts besides those above
}

// UserCount is the number of people, written and generated.
func (f *Facts) UserCount() int { return len(f.Users) + f.Generated.Users }

// AccountCount is the number of accounts, written and generated.
func (f *Facts) AccountCount() int {
	if f.Generated.Assets == 0 {
		return len(f.Accounts)
	}
	return len(f.Accounts) + f.Generated.Accounts
}

// Organization names the company and the rules that hold for all its people.
type Organization struct {
	Name    string // "Acme"
	Domain  string // DNS name, "acme.test"
	NetBIOS string // "ACME"
	Lockout Lockout
	Policy  PasswordPolicy
}

// Lockout says when wrong passwords lock a person out.
type Lockout struct {
	Threshold int           // failures that lock; 0 means never
	Window    time.Duration // failures older than this are forgotten; 0 means never
	Duration  time.Duration // how long the lock lasts; 0 means until an administrator unlocks
}

// PasswordPolicy says what a new password must look like.
type PasswordPolicy struct {
	MinLength int
	History   int           // how many earlier passwords may not be used again
	MaxAge    time.Duration // 0 means a password never expires by age
}

// Status is the standing that the seed gives a person.
type Status string

// The five standings of design section 4.
const (
	Active         Status = "active"
	Disabled       Status = "disabled"
	Locked         Status = "locked"
	Expired        Status = "expired" // the password is too old
	MustChange     Status = "must_change_password"
	AccountExpired Status = "account_expired" // the account's own end date has passed
)

// User is one person or service user.
type User struct {
	ID          string // the name in lower case
	Name        string
	Aliases     []string // other login names
	DisplayName string
	GivenName   string
	Surname     string
	Email       string
	Phone       string
	Password    string // as seeded; signin.Authenticator knows the current one
	Status      Status
	Groups      []string  // IDs of the groups that list this person directly
	Devices     []Device  // in Facts only; of a World ask DevicesOf
	UIDNumber   int       // POSIX; seeded or generated, unique
	GIDNumber   int       // POSIX primary group
	Expires     time.Time // account end date; zero means never
	Description string
	Attributes  map[string][]string // extra LDAP attributes
	Radius      map[string][]string // RADIUS reply attributes
	Settings    map[string]string   // what one server alone knows, keyed "<kind>.<name>"
}

// DeviceKind is what a device can do.
type DeviceKind string

// The kinds of device.
const (
	TOTP    DeviceKind = "totp"
	HOTP    DeviceKind = "hotp"
	Push    DeviceKind = "push"
	Call    DeviceKind = "call"
	SMS     DeviceKind = "sms"
	Voice   DeviceKind = "voice"
	Mail    DeviceKind = "email"
	Yubikey DeviceKind = "yubikey"
	Static  DeviceKind = "static" // one-time backup codes
)

// Device is one second factor of one person.
type Device struct {
	ID         string
	UserID     string
	Kind       DeviceKind
	Label      string
	Secret     []byte // TOTP and HOTP key
	Algorithm  string // SHA1 (default), SHA256, SHA512
	Digits     int    // default 6
	Period     time.Duration
	Counter    uint64        // HOTP: next counter; Yubikey: the session that comes next
	Window     Window        // what is accepted around now or the counter
	SyncWindow int           // resynchronisation search, default 1000
	Drift      time.Duration // how far the device's own clock is off
	MaxFail    int           // failures that lock the device, default 10
	LockReset  time.Duration // a locked device recovers after this; 0 means never
	NotBefore  time.Time
	NotAfter   time.Time
	Disabled   bool
	PIN        string   // for servers that prepend or append one
	Codes      []string // Static: the codes
	CodeTTL    time.Duration
	MaxTries   int // delivered codes: attempts per code, default 5
	Address    string
	PublicID   string   // Yubikey, modhex; may be empty
	PrivateID  []byte   // Yubikey, 6 octets
	AESKey     []byte   // Yubikey, 16 octets
	Presses    []string `json:",omitempty"` // Yubikey: what pressing it types, one policy per press, the last repeats; none: the next OTP
	FirstUse   uint8    `json:",omitempty"` // Yubikey: the use that comes next in that session
	Approval   *Approval
}

// Window is how many steps (TOTP) before and after now, or counters (HOTP,
// After only) from the next one on, are accepted.
type Window struct{ Before, After int }

// Approval is how a push or call is answered (otp-core section 4.1).
type Approval struct {
	Policy   string            // approve deny timeout fraud interactive approve_if sequence
	Delay    time.Duration     // how long the owner takes
	Sequence []Approval        // one per request, the last repeats
	When     map[string]string // approve_if: details that must be equal
	TTL      time.Duration     // how long a request stays open; default 60 s
}

// Group is a set of people and of groups.
type Group struct {
	ID           string // the name in lower case
	Name         string
	Description  string
	Email        string
	MemberGroups []string // IDs of groups whose members are members here too
	GIDNumber    int
	Scope        string // AD: global, domain_local, universal
	Attributes   map[string][]string
	Radius       map[string][]string
}

// Asset is a machine or a device that has accounts.
type Asset struct {
	ID          string // the name in lower case
	Name        string
	Address     netip.Addr
	Hostnames   []string
	Platform    string // linux, windows, cisco-ios, …
	Description string
}

// Account is a privileged account on an asset, or, with UserID, a directory
// user whose password a vault manages.
type Account struct {
	ID          string // "root@db01"
	Name        string
	AssetID     string
	UserID      string // set when the account is a person or service user of the directory
	Password    string // as seeded: version 1; see World.AccountPassword
	Keys        []Key
	Checkout    Checkout
	Access      Access
	Description string
	Settings    map[string]string

	drawn bool // the password follows from the random seed and is drawn when asked for
}

// HasPassword reports whether the account was seeded with a password.
func (a Account) HasPassword() bool { return a.Password != "" || a.drawn }

// Key is a private key of an account.
type Key struct {
	Type string // ssh-rsa, ssh-ed25519, ecdsa-sha2-nistp256
	PEM  string // empty: generated from the random seed on first use
	Bits int    // for generated ssh-rsa
}

// Rotation says when an account's secret changes by itself.
type Rotation string

// When a secret is rotated.
const (
	RotateNever      Rotation = "never"
	RotateOnCheckin  Rotation = "on_checkin"
	RotateOnCheckout Rotation = "on_checkout"
	RotateScheduled  Rotation = "scheduled"
)

// Checkout is the policy of one account.
type Checkout struct {
	Exclusive   bool
	For         time.Duration // length of a lease, default 1 h
	Max         time.Duration // longest lease with renewals; 0 means no limit
	Rotate      Rotation
	Every       time.Duration // RotateScheduled
	Approval    string        // none or required
	Approvals   int           // how many are needed, default 1
	ApprovalFor time.Duration // how long an approval can be used, default 1 h
	Reason      string        // optional or required
}

// Access lists who may use an account, and how.
type Access struct {
	Groups    []string // may check out and fetch
	Users     []string
	Approvers []string // user IDs
	Viewers   []string // user IDs or "group:<id>": see the account, fetch nothing
}

// Target is what a ticket permits to reach.
type Target struct {
	Asset     string   // asset name, address, CIDR or glob
	Accounts  []string // account names; "*" is any
	Protocols []string // empty is any
	Ports     []int    // empty is any
}

// Ticket is a seeded ticket of any ticketing system.
type Ticket struct {
	ID, System, Kind  string // "CHG0000038", "servicenow", "change"
	Title             string
	Description       string
	State             string // in the words of its own system
	Approval          string // approved, requested, rejected, not_requested
	Requester         string // user IDs
	Assignee          string
	Approvers         []Approver
	MinApprovals      int
	AllowSelfApproval bool
	BreakGlass        bool
	Targets           []Target
	From, Until       time.Time // zero: open on that side
	MaxSessions       int       // concurrent; 0 means no limit
	MaxUses           int       // in total; 0 means no limit
	Labels            map[string]string
	Fields            map[string]string // what only its own system knows
	Created           time.Time
}

// Approver is one person asked to approve a ticket.
type Approver struct {
	User     string // ID
	Decision string // "", approved, rejected
	At       time.Time
	Comment  string
}

// Client is a program that talks to the fleet: a service user, an integration
// key, a RADIUS client.
type Client struct {
	ID          string
	Name        string
	Secret      string
	Role        string         // native: reader, validator, operator, admin
	System      string         // the server kind it belongs to; empty is any
	From        []netip.Prefix // where it may come from; empty is anywhere
	UserID      string         // the person whose rights it has; empty is none
	Settings    map[string]string
	Description string
}
