package seed

import (
	"cmp"
	"context"
	"fmt"
	"hash"
	"net/netip"
	"slices"
	"strings"

	"counterpart/internal/company/world"
	"counterpart/internal/serving/strictyaml"
)

// loader is one file on its way to facts.
type loader struct {
	ctx      context.Context // of this one load
	report   *reporter
	warnings *reporter
	opt      Options
	hash     hash.Hash
	file     file
	names    *names
	uid, gid counter
	pems     map[*key]string   // the keys that are given, without comments
	parsed   map[string]parsed // by the text of a key
	files    map[string][]byte
	numbers  map[string]int // by the beginning of a device's name: the last number given out
	compared int            // assets that were held against patterns
}

// check holds the parts of the file against each other. What the decoder has
// refused already is zero here, and is not mentioned again.
func (l *loader) check() {
	l.checkNumbers()
	l.checkMails()
	for i := range l.file.Users {
		u := &l.file.Users[i]
		for j := range u.Devices {
			l.checkDevice(&u.Devices[j])
		}
	}
	owners := map[string]*node{}
	for i := range l.file.Accounts {
		l.checkAccount(&l.file.Accounts[i], owners)
	}
	l.checkTickets()
	l.checkGenerate()
	l.checkControl()
}

// counter gives out the numbers that nobody asked for.
type counter struct {
	last  int
	taken map[int]bool
}

func (c *counter) next() int {
	for c.last++; c.taken[c.last]; c.last++ {
	}
	return c.last
}

// rest is what counter would give out from now on.
func (c *counter) rest() world.Numbers {
	n := world.Numbers{First: c.last + 1}
	for number := range c.taken {
		if number >= n.First {
			n.Taken = append(n.Taken, number)
		}
	}
	slices.Sort(n.Taken)
	return n
}

// checkNumbers notes the POSIX numbers in the file and reports those given twice.
func (l *loader) checkNumbers() {
	const first = 10000
	l.uid, l.gid = counter{first - 1, map[int]bool{}}, counter{first - 1, map[int]bool{}}
	note := func(c *counter, number int, n *node, what string) {
		if number != 0 && c.taken[number] {
			l.report.node(n, fmt.Sprintf("two %s have the number %d", what, number), "choose another, or leave it out")
		}
		if number != 0 {
			c.taken[number] = true
		}
	}
	for _, u := range l.file.Users {
		note(&l.uid, u.UIDNumber, u.At.of("uid_number"), "users")
	}
	for _, g := range l.file.Groups {
		note(&l.gid, g.GIDNumber, g.At.of("gid_number"), "groups")
	}
}

// checkMails reports an address that two people have: it is a login name, too.
func (l *loader) checkMails() {
	seen := map[string]*node{}
	for _, u := range l.file.Users {
		mail, n := world.Fold(l.mail(&u)), u.At.of("email")
		if mail == "" {
			continue
		}
		if i, taken := l.names.generated.MailNumber(mail); taken && u.At.has("email") { // by default it is the name that clashes
			l.report.node(n, fmt.Sprintf("`%s` is the e-mail address of the generated %s", short(mail), world.Numbered("user", i+1)), "choose another")
			continue
		}
		if first := seen[mail]; first != nil {
			l.report.node(n, fmt.Sprintf("two users have the e-mail address `%s`", short(mail)), fmt.Sprintf("the first is in line %d", first.Line))
			continue
		}
		seen[mail] = n
	}
}

// mail is a person's address, written or by default.
func (l *loader) mail(u *user) string {
	if u.Email != "" || u.Name == "" || u.At.has("email") {
		return u.Email
	}
	if strings.ContainsAny(u.Name, " \t") {
		return ""
	}
	return world.Fold(u.Name) + "@" + l.file.Organization.Domain
}

// checkControl asks for a token where strangers can reach the control API. An
// address without a host stays on loopback as long as there is none.
func (l *loader) checkControl() {
	c := l.file.Control
	host, _, _ := cutPort(c.Listen)
	if host == "" || c.Token != "" || !c.At.has("listen") || c.At.has("token") {
		return
	}
	if a, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !a.IsLoopback()) {
		l.report.node(c.At.of("listen"), "the control API needs a `token` when others can reach it", "write a token, or listen on 127.0.0.1")
	}
}

// cutPort separates "[::1]:80" into ::1 and 80.
func cutPort(address string) (host, port string, ok bool) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return address, "", false
	}
	return strings.Trim(address[:i], "[]"), address[i+1:], true
}

func (l *loader) checkAccount(a *account, owners map[string]*node) {
	switch {
	case a.At.has("asset") && a.At.has("user"):
		l.report.node(a.At.of("user"), "an account has an `asset` or a `user`, not both", "remove one")
	case !a.At.has("asset") && !a.At.has("user"):
		l.report.node(a.At.n, "`asset` is missing", "write where the account is, or whose it is with `user`")
	case a.At.has("asset") && !a.At.has("name"):
		l.report.node(a.At.n, "`name` is missing", "")
	case a.User != "":
		id := l.names.user(a.User)
		if first := owners[id]; first != nil {
			l.report.node(a.At.of("user"), fmt.Sprintf("two accounts belong to the user `%s`", short(a.User)), fmt.Sprintf("the first is in line %d", first.Line))
		}
		owners[id] = a.At.of("user")
		if a.Password != nil {
			l.report.node(a.At.of("password"), "the account of a user has that user's password", "write it at the user")
		}
	}
	for i := range a.Keys {
		l.checkKey(&a.Keys[i])
	}
	l.checkCheckout(a)
}

func (l *loader) checkCheckout(a *account) {
	c := a.Checkout
	if c.Max != 0 && c.Max < c.For {
		l.report.node(c.At.of("max"), "`max` is shorter than `for`", "make it at least as long")
	}
	switch scheduled := c.Rotate == string(world.RotateScheduled); {
	case scheduled && c.Every == 0 && !c.At.has("every"):
		l.report.node(c.At.of("rotate"), "`rotate: scheduled` needs `every`", "write `every: 1d`")
	case scheduled && c.Every == 0 && c.At.of("every").Text != "":
		if _, ok := parseDuration(c.At.of("every").Text); ok {
			l.report.node(c.At.of("every"), "`every` cannot be 0", "write `every: 1d`")
		}
	case !scheduled && c.Every != 0 && c.Rotate != "":
		l.report.node(c.At.of("every"), "`every` is for `rotate: scheduled`", "write that, or remove it")
	}
	if c.Approval != "required" {
		return
	}
	switch n := len(a.Access.Approvers); {
	case n == 0 && a.Access.At.has("approvers") && a.Access.At.of("approvers").Kind != list:
	case n == 0:
		l.report.node(c.At.of("approval"), "nobody can approve", "name people in `access: {approvers: […]}`")
	case n < c.Approvals:
		l.report.node(c.At.of("approvals"), fmt.Sprintf("%d approvals are needed, but `approvers` names %d", c.Approvals, n), "name more in `access: {approvers: […]}`")
	}
}

// belongs says which kinds of device a key is for. A key of another kind does
// nothing, so it is a mistake.
var belongs = map[string]string{
	"secret": "totp hotp", "algorithm": "totp hotp", "digits": "totp hotp sms voice email", "period": "totp",
	"counter": "hotp yubikey", "window": "totp hotp", "sync_window": "totp hotp", "drift": "totp",
	"codes": "static", "code_ttl": "sms voice email", "max_tries": "sms voice email",
	"address": "sms voice email push call", "public_id": "yubikey", "private_id": "yubikey", "aes_key": "yubikey", "press": "yubikey",
	"approval": "push call",
}

func (l *loader) checkDevice(d *device) {
	if d.Kind == "" || d.At.n == nil {
		return
	}
	for _, e := range d.At.n.Entries {
		if kinds := strings.Fields(belongs[e.Name]); len(kinds) > 0 && !slices.Contains(kinds, d.Kind) {
			l.report.add(Problem{Line: e.Line, Column: e.Column, Path: join(d.At.n.Path(), e.Name),
				Message: fmt.Sprintf("`%s` does nothing for a %s device", e.Name, d.Kind), Hint: "it is for " + strictyaml.Enumerate(kinds)})
		}
	}
	if !d.NotBefore.IsZero() && !d.NotAfter.IsZero() && !d.NotBefore.Before(d.NotAfter) {
		l.report.node(d.At.of("not_after"), "`not_after` is not later than `not_before`", "swap them")
	}
	if d.Kind == string(world.HOTP) && d.Window.given && (d.Window.Before > 0 || d.At.of("window").Kind == text) {
		l.report.node(d.At.of("window"), "counters are only looked for ahead", "write `window: {after: 10}`")
	}
	if n := len(d.Secret.octets); n > 0 && n < 16 {
		l.warnings.node(d.At.of("secret"), fmt.Sprintf("the secret has only %d bits", 8*n), "RFC 4226 wants 128; some apps refuse it")
	}
	if d.Kind == string(world.Static) && d.At.has("codes") && d.At.of("codes").Kind == list && len(d.Codes) == 0 {
		l.report.node(d.At.of("codes"), "a static device needs codes", "write some, or leave `codes` out")
	}
	if d.Kind == string(world.Yubikey) && d.Counter > 1<<16-1 {
		l.report.node(d.At.of("counter"), "the session counter of a YubiKey has 16 bits", "65535 is the highest")
	}
	if p := d.Press; p != nil {
		l.checkPress(p)
	}
	if a := d.Approval; a != nil {
		l.checkApproval(a)
	}
}

// checkPress holds the parts of a press against its policy.
func (l *loader) checkPress(p *press) {
	if p.At.n == nil {
		return
	}
	switch policy := p.Policy; {
	case policy == "sequence" && len(p.Sequence) == 0 && (!p.At.has("sequence") || p.At.of("sequence").Kind == list):
		l.report.node(p.At.of("policy"), "`policy: sequence` needs a `sequence`", "write `sequence: [corrupt_crc, next]`")
	case policy != "" && policy != "sequence" && p.At.has("policy") && len(p.Sequence) > 0:
		l.report.node(p.At.of("sequence"), "`sequence` is for `policy: sequence`", "write that, or remove it")
	}
}

// checkApproval holds the parts of an approval against its policy.
func (l *loader) checkApproval(a *approval) {
	if a.At.n == nil || a.At.has("policy") && a.Policy == "" {
		return
	}
	policy := a.policy()
	answers(l, a.At, policy, len(a.When))
	switch {
	case policy == "sequence" && len(a.Sequence) == 0 && (!a.At.has("sequence") || a.At.of("sequence").Kind == list):
		l.report.node(a.At.of("policy"), "`policy: sequence` needs a `sequence`", "write `sequence: [deny, approve]`")
	case policy != "sequence" && len(a.Sequence) > 0:
		l.report.node(a.At.of("sequence"), "`sequence` is for `policy: sequence`", "write that, or remove it")
	}
	for _, s := range a.Sequence {
		answers(l, s.At, s.Policy, len(s.When))
	}
	if a.TTL > 0 && a.Delay >= a.TTL {
		l.warnings.node(a.At.of("delay"), "the request has expired before it is answered", "make `delay` shorter than `ttl`")
	}
}

// answers holds the details of one answer against its policy.
func answers(l *loader, at place, policy string, details int) {
	switch {
	case policy == "" || at.n == nil:
	case policy == "approve_if" && details == 0 && !at.has("when"):
		l.report.node(at.of("policy"), "`policy: approve_if` needs `when`", "write `when: {<detail>: <value>}`")
	case policy != "approve_if" && details > 0:
		l.report.node(at.of("when"), "`when` is for `policy: approve_if`", "write that, or remove it")
	}
}

// policy is what is written, or what the other keys mean.
func (a *approval) policy() string {
	switch {
	case a.Policy != "":
		return a.Policy
	case len(a.Sequence) > 0:
		return "sequence"
	case len(a.When) > 0:
		return "approve_if"
	}
	return cmp.Or(a.Policy, "interactive")
}
