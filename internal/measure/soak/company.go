package main

import (
	"encoding/base32"
	"fmt"
	"strings"

	"counterpart/seed/worlds"
)

// How many there are of each.
const (
	accounts = 400
	hotps    = 150
	twins    = 50 // of them have the same secret on a second device
	totps    = 150
	askable  = 60 // have a phone that asks
	tickets  = 200
)

// libraries is how many of the accounts vault has, each in a library of its own.
const libraries = 150

// codesEach is how many backup codes one person has.
const codesEach = 50

// company is the demo company with more people, accounts and tickets, and a RADIUS server
// that takes codes; backups are how many have backup codes.
func company(backups int) (string, error) {
	text, err := worlds.Open("demo")
	if err != nil {
		return "", err
	}
	var users, assets, lent, incidents strings.Builder
	for i := range hotps {
		secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secretOf("hotp", i))
		fmt.Fprintf(&users, "  - {name: %s, devices: [{id: %[1]s, kind: hotp, max_fail: 1000000, secret: %s}", name("hotp", i), secret)
		if i < twins {
			fmt.Fprintf(&users, ", {id: %s-twin, kind: hotp, max_fail: 1000000, secret: %s}", name("hotp", i), secret)
		}
		users.WriteString("]}\n")
	}
	for i := range totps {
		fmt.Fprintf(&users, "  - {name: %s, devices: [{id: %[1]s, kind: totp, max_fail: 1000000, secret: %s}]}\n", name("totp", i),
			base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secretOf("totp", i)))
	}
	for i := range backups {
		fmt.Fprintf(&users, "  - {name: %s, devices: [{id: %[1]s, kind: static, max_fail: 1000000, codes: [", name("backup", i))
		for n := range codesEach {
			fmt.Fprintf(&users, "%q, ", backupCode(i, n))
		}
		users.WriteString("]}]}\n")
	}
	for i := range askable {
		fmt.Fprintf(&users, "  - {name: %s, devices: [{id: %[1]s, kind: push, approval: {policy: interactive, ttl: 1h}}]}\n", name("push", i))
	}
	for i := range accounts {
		fmt.Fprintf(&assets, "  - {name: %s, address: 10.1.%d.%d}\n", name("host", i), i/200, i%200+1)
		fmt.Fprintf(&lent, "  - {name: root, asset: %s, password: Root-Pass-1, checkout: {exclusive: true, for: 8h}, access: {users: [alice]}}\n", name("host", i))
	}
	for i := range tickets {
		fmt.Fprintf(&incidents, "  - {id: %s, system: servicenow, kind: incident, title: One session at a time, state: in_progress, requester: alice, assignee: alice, max_sessions: 1}\n", incident(i))
	}
	var shelves strings.Builder
	for i := range libraries {
		fmt.Fprintf(&shelves, "{name: %s, accounts: [root@%[1]s]}, ", name("host", i))
	}
	out := strings.Replace(string(text), "lockout: {threshold: 5,", "lockout: {threshold: 0,", 1)
	out = strings.Replace(out, "    mounts:\n", "    mounts:\n      - {path: lent, type: ldap, libraries: ["+shelves.String()+"]}\n", 1)
	for word, more := range map[string]string{"users:\n": users.String(), "assets:\n": assets.String(), "accounts:\n": lent.String(), "tickets:\n": incidents.String(),
		"servers:\n": "  - {kind: radius, name: codes, flow: otp, clients: [{name: local, from: 127.0.0.0/8, secret: " + sharedSecret + "}]}\n"} {
		head, tail, found := strings.Cut(out, "\n"+word)
		if !found {
			return "", fmt.Errorf("the demo company has no %q", word)
		}
		out = head + "\n" + word + more + tail
	}
	return out, nil
}

func name(kind string, i int) string { return fmt.Sprintf("%s%03d", kind, i) }

func incident(i int) string { return fmt.Sprintf("INC%07d", 9000000+i) }

// secretOf is 20 octets, another for each device.
func secretOf(kind string, i int) []byte { return fmt.Appendf(nil, "%-20.20s", name(kind, i)) }

func backupCode(i, n int) string { return fmt.Sprintf("backup-%03d-%03d", i, n) }
