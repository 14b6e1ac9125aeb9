package radius

import (
	"errors"

	"counterpart/internal/face/radius/wire"

	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

// Why an Access-Request is dropped although its octets are sound.
var (
	errNeedMA       = errors.New("Message-Authenticator is missing and this client must send it")
	errNeedMAProxy  = errors.New("Proxy-State without Message-Authenticator is not taken from this client")
	errNeedMAStatus = errors.New("Status-Server without Message-Authenticator")
	errNeedMAEAP    = errors.New("EAP-Message without Message-Authenticator")
	errEAPAndMore   = errors.New("EAP-Message together with another password attribute")
)

// admit holds an Access-Request against the client's policy for CVE-2024-3596
// and lets auto learn, as FreeRADIUS 3.2.5 and later do. signed tells whether
// the request has a Message-Authenticator, which has been verified by then.
func (c *client) admit(p wire.Packet, signed bool) error {
	eap := p.Has(rfc2869.EAPMessage_Type)
	require := tri(c.requireMA.Load())
	if require == auto {
		require = c.learnRequire(signed, eap)
	}
	proxied := p.Has(rfc2865.ProxyState_Type)
	limit := tri(c.limitPS.Load())
	if limit == auto && require != yes {
		if limit = yes; proxied && !signed {
			limit = no
		}
		if !c.limitPS.CompareAndSwap(int32(auto), int32(limit)) {
			limit = tri(c.limitPS.Load())
		}
	}
	switch {
	case signed:
		return nil
	case require == yes:
		return errNeedMA
	case limit == yes && proxied:
		return errNeedMAProxy
	}
	return nil
}

// learnRequire decides what auto becomes by the first request: without a
// Message-Authenticator "no"; with one "yes", except that EAP always has one and
// so proves nothing, and that a network of clients is never tied down.
func (c *client) learnRequire(signed, eap bool) tri {
	learnt := auto
	switch {
	case !signed:
		learnt = no
	case !eap && c.prefix.IsValid() && c.prefix.IsSingleIP():
		learnt = yes
	}
	if learnt == auto || c.requireMA.CompareAndSwap(int32(auto), int32(learnt)) {
		return learnt
	}
	return tri(c.requireMA.Load())
}
