package seed

import (
	"net/netip"
	"time"
)

// The structs below are the seed's reference: their tags make the decoder, the
// JSON Schema and docs/seed.md. A field At holds where a block was written.

// file is the whole seed.
type file struct {
	At           place
	Version      int          `yaml:"version" default:"1" min:"1" max:"1" doc:"The version of this format."`
	Organization organization `yaml:"organization" doc:"The company, and the rules that hold for all its people."`
	RandomSeed   uint64       `yaml:"random_seed" default:"1" doc:"All generated identifiers, passwords and keys follow from this number: the same number, the same values, in every run and on every replica."`
	Users        []user       `yaml:"users" doc:"People and service users."`
	Groups       []group      `yaml:"groups" doc:"Sets of people and of groups."`
	Assets       []asset      `yaml:"assets" doc:"Machines and devices that have accounts."`
	Accounts     []account    `yaml:"accounts" doc:"Privileged accounts, the ones that vaults hand out."`
	Tickets      []ticket     `yaml:"tickets" doc:"Tickets of any ticketing system."`
	Clients      []client     `yaml:"clients" doc:"Programs that talk to the fleet: service users, integration keys, RADIUS clients."`
	Generate     generate     `yaml:"generate" doc:"Large numbers of people and machines for load tests, the same ones in every run."`
	Servers      []server     `yaml:"servers" doc:"What to run. A kind may appear several times."`
	Control      control      `yaml:"control" doc:"The control API and the console."`
	Egress       egress       `yaml:"egress" doc:"The forward proxy for clients that know a vendor's host name and port only. It runs as soon as a server plays such a vendor."`
	Decisions    []decision   `yaml:"decisions" doc:"Orders in force from the start, as counterpart ctl decide gives them; see control.md."`
	Faults       []fault      `yaml:"faults" doc:"What goes wrong from the start, as counterpart ctl faults sets it; see control.md."`
	State        saved        `yaml:"state" doc:"Where an exported fleet stood; only an export writes it."`
}

type organization struct {
	At      place
	Name    string  `yaml:"name" default:"Acme" doc:"What the company is called."`
	Domain  string  `yaml:"domain" default:"acme.test" format:"dns" doc:"Its DNS domain."`
	NetBIOS string  `yaml:"netbios" format:"netbios" doc:"Its short Windows domain name; by default the first part of the domain in capitals."`
	Lockout lockout `yaml:"lockout" doc:"When wrong passwords lock a person out."`
	Policy  policy  `yaml:"password_policy" doc:"What a new password must look like."`
}

type lockout struct {
	At        place
	Threshold int           `yaml:"threshold" default:"5" min:"0" max:"1000" doc:"Failures that lock; 0 means never."`
	Window    time.Duration `yaml:"window" default:"15m" doc:"Failures older than this are forgotten; 0 means never."`
	Duration  time.Duration `yaml:"duration" default:"15m" doc:"How long the lock lasts; 0 means until an administrator unlocks."`
}

type policy struct {
	At        place
	MinLength int           `yaml:"min_length" default:"8" min:"0" max:"128" doc:"Characters that a new password needs."`
	History   int           `yaml:"history" default:"0" min:"0" max:"100" doc:"How many earlier passwords may not be used again."`
	MaxAge    time.Duration `yaml:"max_age" default:"0s" doc:"A password older than this is expired; 0 means never."`
}

type user struct {
	At          place
	Name        string              `yaml:"name" required:"true" format:"name" doc:"Login name. Upper and lower case are the same."`
	Aliases     []string            `yaml:"aliases" format:"name" doc:"Other login names."`
	DisplayName string              `yaml:"display_name" doc:"The name in full; by default given name and surname, or the login name."`
	GivenName   string              `yaml:"given_name" doc:"By default the first word of display_name."`
	Surname     string              `yaml:"surname" doc:"By default the rest of display_name."`
	Email       string              `yaml:"email" format:"mail" doc:"By default <name>@<domain>."`
	Phone       string              `yaml:"phone" format:"phone" doc:"Telephone number, in quotes."`
	Password    *string             `yaml:"password" doc:"By default generated from random_seed."`
	Status      string              `yaml:"status" default:"active" enum:"active|disabled|locked|expired|must_change_password|account_expired" doc:"The person's standing when the fleet starts."`
	Groups      []string            `yaml:"groups" ref:"group" doc:"Groups that list this person directly."`
	Devices     []device            `yaml:"devices" doc:"Second factors."`
	UIDNumber   int                 `yaml:"uid_number" min:"1" max:"2147483647" doc:"POSIX user number, unique; by default from 10000 up."`
	GIDNumber   int                 `yaml:"gid_number" min:"1" max:"2147483647" doc:"POSIX primary group; by default that of the first group, or 100."`
	Expires     time.Time           `yaml:"expires" doc:"When the account itself ends; by default never."`
	Description string              `yaml:"description" doc:"What this person is for. It is shown to those who try the fleet out."`
	Attributes  map[string][]string `yaml:"attributes" doc:"Extra LDAP attributes."`
	Radius      map[string][]string `yaml:"radius" doc:"RADIUS attributes that an Access-Accept carries."`
	Settings    map[string]string   `yaml:"settings" format:"any" doc:"What one kind of server alone knows, keyed <kind>.<name>."`
}

type group struct {
	At           place
	Name         string              `yaml:"name" required:"true" format:"name" doc:"Name. Upper and lower case are the same."`
	Description  string              `yaml:"description" doc:"What the group is for."`
	Email        string              `yaml:"email" format:"mail" doc:"Its mail address."`
	MemberGroups []string            `yaml:"member_groups" ref:"group" doc:"Groups whose members are members of this one, too."`
	GIDNumber    int                 `yaml:"gid_number" min:"1" max:"2147483647" doc:"POSIX group number, unique; by default from 10000 up."`
	Scope        string              `yaml:"scope" default:"global" enum:"global|domain_local|universal" doc:"Scope in Active Directory."`
	Attributes   map[string][]string `yaml:"attributes" doc:"Extra LDAP attributes."`
	Radius       map[string][]string `yaml:"radius" doc:"RADIUS attributes that its members get."`
}

type asset struct {
	At          place
	Name        string     `yaml:"name" required:"true" format:"name" doc:"Name. Upper and lower case are the same."`
	Address     netip.Addr `yaml:"address" doc:"IPv4 or IPv6 address."`
	Hostnames   []string   `yaml:"hostnames" format:"host" doc:"Host names; clients may use any of them, the name or the address."`
	Platform    string     `yaml:"platform" default:"linux" format:"word" doc:"Operating system: linux, windows, cisco-ios, …"`
	Description string     `yaml:"description" doc:"What the machine is for."`
}

type account struct {
	At          place
	Name        string            `yaml:"name" format:"name" doc:"Login name on the asset. Required with asset; by default the user's name."`
	Asset       string            `yaml:"asset" ref:"asset" doc:"The asset that has the account. Exactly one of asset and user is needed."`
	User        string            `yaml:"user" ref:"user" doc:"The directory user whose password a vault manages."`
	Password    *string           `yaml:"password" doc:"Version 1 of the password; by default generated from random_seed, and for a directory user that user's password."`
	Keys        []key             `yaml:"keys" doc:"Private keys."`
	Checkout    checkout          `yaml:"checkout" doc:"How the account is lent."`
	Access      access            `yaml:"access" doc:"Who may use the account."`
	Description string            `yaml:"description" doc:"What the account is for."`
	Settings    map[string]string `yaml:"settings" format:"any" doc:"What one kind of server alone knows, keyed <kind>.<name>."`
}

type key struct {
	At       place
	Type     string `yaml:"type" required:"true" enum:"ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp256" doc:"Kind of key."`
	File     string `yaml:"file" doc:"PEM file with the private key, relative to the seed. At most one of file, pem and generate; without any a key is generated."`
	PEM      string `yaml:"pem" doc:"The private key itself, in PEM."`
	Generate int    `yaml:"generate" min:"256" max:"8192" doc:"Generate a key of that many bits: 2048, 3072 or 4096 for ssh-rsa, 256 for the others."`
}

type checkout struct {
	At          place
	Exclusive   bool          `yaml:"exclusive" doc:"One holder at a time."`
	For         time.Duration `yaml:"for" default:"1h" min:"1s" doc:"How long the account is lent."`
	Max         time.Duration `yaml:"max" doc:"The longest with renewals; 0 means no limit."`
	Rotate      string        `yaml:"rotate" default:"never" enum:"never|on_checkin|on_checkout|scheduled" doc:"When the password changes by itself."`
	Every       time.Duration `yaml:"every" doc:"How often, with rotate: scheduled."`
	Approval    string        `yaml:"approval" default:"none" enum:"none|required" doc:"Whether somebody must approve first."`
	Approvals   int           `yaml:"approvals" default:"1" min:"1" max:"100" doc:"How many must."`
	ApprovalFor time.Duration `yaml:"approval_for" default:"1h" min:"1s" doc:"How long an approval can be used."`
	Reason      string        `yaml:"reason" default:"optional" enum:"optional|required" doc:"Whether the requester must give a reason."`
}

type access struct {
	At        place
	Groups    []string `yaml:"groups" ref:"group" doc:"Groups whose members may check out and fetch."`
	Users     []string `yaml:"users" ref:"user" doc:"People who may."`
	Approvers []string `yaml:"approvers" ref:"user" doc:"People who may approve."`
	Viewers   []string `yaml:"viewers" ref:"user or group" doc:"People, or group:<name>, who see the account but fetch nothing."`
}

type client struct {
	At          place
	Name        string            `yaml:"name" required:"true" format:"id" doc:"Name, user name or key id, as the program sends it."`
	Secret      string            `yaml:"secret" doc:"Its password, key or shared secret; by default generated from random_seed."`
	Role        string            `yaml:"role" default:"operator" enum:"reader|validator|operator|admin" doc:"What it may do at the native server."`
	System      string            `yaml:"system" format:"word" doc:"The kind of server it belongs to; by default any."`
	From        []netip.Prefix    `yaml:"from" doc:"Where it may come from: addresses and networks; by default anywhere."`
	User        string            `yaml:"user" ref:"user" doc:"The person whose rights it has; by default none."`
	Settings    map[string]string `yaml:"settings" format:"any" doc:"What one kind of server alone knows, keyed <kind>.<name>."`
	Description string            `yaml:"description" doc:"What the program is."`
}

type generate struct {
	At       place
	Users    int    `yaml:"users" min:"0" max:"1000000" doc:"People user000001, user000002, …, each with a TOTP device <name>-totp."`
	Groups   int    `yaml:"groups" min:"0" max:"100000" doc:"Groups group000001, …; person n is in group n modulo their number. By default one for every thousand people."`
	Assets   int    `yaml:"assets" min:"0" max:"100000" doc:"Assets asset000001, … with addresses from 198.18.0.1 up."`
	Accounts int    `yaml:"accounts" min:"0" max:"1000000" doc:"Accounts spread over the generated assets: root first, then svc2, svc3, …"`
	Password string `yaml:"password" default:"Pass-{name}" doc:"Password of the generated people; {name} is the person's name."`
}

// server is one entry of servers; its other keys belong to the server itself.
type server struct {
	At   place
	Kind string `yaml:"kind" required:"true" format:"word" doc:"What to run."`
	Name string `yaml:"name" format:"id" doc:"Name of this instance; by default the kind, then kind-2, kind-3, …"`
}

type control struct {
	At     place
	Listen string `yaml:"listen" default:":8099" format:"listen" doc:"Address of the control API and the console. Without a host it is the fleet's, and loopback as long as there is no token."`
	Token  string `yaml:"token" format:"token" doc:"What callers must present; needed as soon as it listens elsewhere than on loopback."`
}

type egress struct {
	At       place
	Listen   string `yaml:"listen" default:":3128" format:"listen" doc:"Address of the proxy."`
	Username string `yaml:"username" format:"any" doc:"User name that it asks for; by default none."`
	Password string `yaml:"password" format:"any" doc:"Password that goes with it."`
}
