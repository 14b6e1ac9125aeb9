package pluginhost

import "slices"

// logIn is the server-side authentication: keys before passwords, as SSH has
// it, until the target accepts one.
func (p *play) logIn() stop {
	if p.s.CredentialStore == nil || p.s.Target == nil {
		return nil
	}
	if p.who.user == "" {
		p.warn("no gateway user: a credential store needs gateway authentication, by the box or by an AA plugin")
	}
	accepted := false
	for _, m := range p.methods() {
		var out stop
		if m == PublicKey {
			accepted, out = p.offerKeys()
		} else {
			accepted, out = p.offerPasswords()
		}
		if out != nil {
			return out
		}
		if accepted {
			break
		}
	}
	if !accepted {
		return &Outcome{State: Failed, Plugin: CredentialStore}
	}
	if c, err := p.call(CredentialStore, AuthenticationCompleted, ignore); err != nil && !p.unsupported(c) {
		return p.errored(CredentialStore, AuthenticationCompleted, err)
	}
	return nil
}

// ignore reads nothing but what every answer may hold.
func ignore(answer, *Call) *HookError { return nil }

// methods are what the target offers and the protocol has, keys first.
func (p *play) methods() []Method {
	var out []Method
	offered := p.s.Target.Offers
	if p.conn.Protocol == "ssh" && (len(offered) == 0 || slices.Contains(offered, PublicKey)) {
		out = append(out, PublicKey)
	}
	if len(offered) == 0 || slices.Contains(offered, Password) {
		out = append(out, Password)
	}
	return out
}

func (p *play) offerKeys() (bool, stop) {
	var keys []Key
	_, err := p.call(CredentialStore, GetPrivateKeyList, func(a answer, _ *Call) (err *HookError) {
		keys, err = a.keys()
		return err
	})
	if err != nil {
		return false, p.errored(CredentialStore, GetPrivateKeyList, err)
	}
	p.r.Keys = append(p.r.Keys, keys...)
	for i, k := range keys {
		if k.Refused != "" {
			p.warn("private key %d is refused: %s", i+1, k.Refused)
			continue
		}
		ok := p.s.Target.takesKey(k)
		p.r.Attempts = append(p.r.Attempts, Attempt{PublicKey, k.Fingerprint, ok})
		if ok {
			return true, nil
		}
	}
	return false, nil
}

func (p *play) offerPasswords() (bool, stop) {
	var passwords []string
	_, err := p.call(CredentialStore, GetPasswordList, func(a answer, _ *Call) (err *HookError) {
		passwords, err = a.texts("passwords")
		return err
	})
	if err != nil {
		return false, p.errored(CredentialStore, GetPasswordList, err)
	}
	p.r.Passwords = append(p.r.Passwords, passwords...)
	for _, secret := range passwords {
		ok := p.s.Target.Anything || slices.Contains(p.s.Target.Passwords, secret)
		p.r.Attempts = append(p.r.Attempts, Attempt{Password, secret, ok})
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// during goes through what happens while the session runs.
func (p *play) during() stop {
	for _, step := range p.s.During {
		var out stop
		switch {
		case step.Wait > 0:
			if err := p.pause(step.Wait); err != nil && !p.leave() {
				p.fail(err)
			}
		case p.s.CredentialStore == nil:
			p.warn("no credential store plugin: nobody to ask for credentials")
		case step.TOTP:
			out = p.totp()
		default:
			out = p.remoteApp(*step.RemoteApp)
		}
		if out != nil || p.failure != nil || p.gone != nil {
			return out
		}
	}
	return nil
}

// known to the release, or a warning.
func (p *play) has(h Hook) bool {
	if available(h, p.h.Profile.API) {
		return true
	}
	p.warn("SPS %s does not call %s", p.h.Profile.SPS, h)
	return false
}

func (p *play) totp() stop {
	if !p.has(GetTOTPCodes) {
		return nil
	}
	var codes []TOTP
	c, err := p.call(CredentialStore, GetTOTPCodes, func(a answer, _ *Call) (err *HookError) {
		codes, err = a.totp()
		return err
	})
	if err != nil && !p.unsupported(c) {
		return p.errored(CredentialStore, GetTOTPCodes, err)
	}
	p.r.TOTP = append(p.r.TOTP, codes...)
	return nil
}

// remoteApp asks for an application's credentials, and for what the plugin
// needs to know to find them.
func (p *play) remoteApp(app RemoteApp) stop {
	if !p.has(GetRemoteAppCredentials) {
		p.r.Apps = append(p.r.Apps, AppCredentials{Unsupported: true})
		return nil
	}
	if p.conn.Protocol != "rdp" {
		p.warn("remote applications exist in RDP connections, not on %s", p.conn.Protocol)
	}
	p.asset = app.Asset
	defer func() { p.asset = "" }()
	for number := 1; ; number++ {
		var got AppCredentials
		more := false
		c, err := p.call(CredentialStore, GetRemoteAppCredentials, func(a answer, _ *Call) (err *HookError) {
			got, more, err = readApp(a)
			return err
		})
		if err != nil && !p.unsupported(c) {
			return p.errored(CredentialStore, GetRemoteAppCredentials, err)
		}
		got.Unsupported = err != nil
		if !more || got.Account != "" && got.Asset != "" {
			p.r.Apps = append(p.r.Apps, got)
			p.r.Passwords = append(p.r.Passwords, got.Passwords...)
			return nil
		}
		if number > p.s.MaxPrompts {
			return p.errored(CredentialStore, GetRemoteAppCredentials, &HookError{Kind: CannotPrompt, Text: "the plugin needs to know more without end"})
		}
		account, asset, ok := app.Account, app.Answer, true
		if p.s.RemoteApp != nil {
			account, asset, ok = p.s.RemoteApp(p.ctx, RemoteAppAsk{p.id, app, got.Account, got.Asset, number})
		}
		if !ok || account == "" && asset == "" {
			return &Outcome{State: Disconnected, Plugin: CredentialStore, Hook: GetRemoteAppCredentials}
		}
		p.setShared(map[string]string{"account": account, "asset": asset})
	}
}

// readApp reads a remote application's credentials; more says that an account
// or an asset is still unknown.
func readApp(a answer) (got AppCredentials, more bool, err *HookError) {
	if got.Passwords, err = a.texts("passwords"); err != nil {
		return got, false, err
	}
	if got.Launch, err = a.texts("launch_information"); err != nil {
		return got, false, err
	}
	for key, into := range map[string]*string{"account": &got.Account, "asset": &got.Asset} {
		if !isNull(a[key]) {
			if *into, _, err = a.text(key); err != nil {
				return got, false, err
			}
		}
	}
	if raw := a["additional_information"]; !isNull(raw) {
		if shape(raw) != "dict" {
			return got, false, bad("additional_information is a %s, not a dict", shape(raw))
		}
		got.Additional = raw
	}
	if raw := a["need_info"]; !isNull(raw) {
		if shape(raw) != "bool" {
			return got, false, bad("need_info is a %s, not a bool", shape(raw))
		}
		more = raw[0] == 't'
	}
	return got, more, nil
}
