package main

import (
	"net/http"
	"net/url"
)

type ctlYubikeys struct {
	List       yubikeysList  `cmd:"" default:"1" help:"List them, with what servers have seen of each."`
	Press      yubikeysPress `cmd:"" help:"Touch one, and print what it types."`
	PowerCycle yubikeysPower `cmd:"" help:"Take one out and put it in again."`
}

type yubikeysList struct{}

// Run does what the command is for.
func (yubikeysList) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/yubikeys"}, "yubikeys", "DEVICE=device", "USER=user", "ID=public_id", "ACTIVE=active",
		"SESSION=row.session", "USE=row.use", "NEXT-SESSION=next.session", "NEXT-USE=next.use")
}

type yubikeysPress struct {
	Key    string `arg:"" help:"Its device, or its public ID."`
	Policy string `enum:",next,replay_last,corrupt_crc,wrong_private_id,wrong_aes,old_session" default:"" help:"What it types, in place of its own policy (${enum})."`
}

// Run does what the command is for.
func (x yubikeysPress) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodPost, path: "/yubikeys/" + url.PathEscape(x.Key) + "/press", in: map[string]string{"policy": x.Policy}}, "%s", "otp")
}

type yubikeysPower struct {
	Key string `arg:"" help:"Its device, or its public ID."`
}

// Run does what the command is for.
func (x yubikeysPower) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodPost, path: "/yubikeys/" + url.PathEscape(x.Key) + "/power-cycle"}, "%s is in its session %s", "device", "next.session")
}
