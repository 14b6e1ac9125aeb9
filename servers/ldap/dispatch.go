package ldap

import (
	"context"
	"crypto/tls"
	"fmt"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// handlers are the operations that run beside others.
var handlers = map[byte]struct {
	name string
	tag  byte
	run  func(*operation, context.Context, *dialect.Call) (proto.Result, error)
}{
	proto.SearchRequest:   {"search", proto.SearchDone, (*operation).search},
	proto.CompareRequest:  {"compare", proto.CompareResponse, (*operation).compare},
	proto.ModifyRequest:   {"modify", proto.ModifyResponse, (*operation).modify},
	proto.AddRequest:      {"add", proto.AddResponse, (*operation).add},
	proto.DeleteRequest:   {"delete", proto.DeleteResponse, (*operation).remove},
	proto.ModifyDNRequest: {"modifydn", proto.ModifyDNResponse, (*operation).rename},
}

// dispatch starts one request; false ends the connection.
func (c *client) dispatch(msg proto.Message) bool {
	op := &operation{c: c, msg: msg}
	switch msg.Op {
	case proto.UnbindRequest:
		c.quiet("unbind", "")
		return false
	case proto.BindRequest: // abandons everything and runs alone (RFC 4511 section 4.2.1)
		c.cancelAll()
		return op.alone("bind", proto.BindResponse, (*operation).bind)
	case proto.AbandonRequest:
		c.abandon(msg)
		return true
	case proto.ExtendedRequest:
		return c.extended(op)
	}
	h, known := handlers[msg.Op]
	if !known {
		c.failed(fmt.Sprintf("no request has the tag %#x", msg.Op))
		c.disconnect(goldap.LDAPResultProtocolError, "unknown LDAP request")
		return false
	}
	return op.beside(h.name, h.tag, h.run)
}

// extended starts an extended request: StartTLS and Cancel concern the
// connection and run alone.
func (c *client) extended(op *operation) bool {
	x, err := proto.ParseExtended(op.msg.Body)
	if err != nil {
		c.disconnect(goldap.LDAPResultProtocolError, "decoding error")
		return false
	}
	h, known := extendedOperations[x.OID]
	if !known || h.openldap && c.s.set.ad() {
		return op.beside("extended "+x.OID, proto.ExtendedResponse, (*operation).unsupported)
	}
	run := func(op *operation, ctx context.Context, call *dialect.Call) (proto.Result, error) {
		return h.run(op, ctx, call, x)
	}
	switch x.OID {
	case oidStartTLS:
		return op.alone(h.name, proto.ExtendedResponse, run) && c.upgrade(op)
	case oidCancel:
		return op.alone(h.name, proto.ExtendedResponse, run)
	}
	return op.beside(h.name, proto.ExtendedResponse, run)
}

// upgrade switches to TLS after a StartTLS was answered with success (RFC 4511
// section 4.14). Plaintext that was sent behind the request is an attack or a
// mistake, and ends the connection.
func (c *client) upgrade(op *operation) bool {
	if !op.upgraded {
		return true
	}
	if c.in.Buffered() > 0 {
		return false
	}
	t := tls.Server(c.conn, c.s.env.TLS)
	if err := t.HandshakeContext(c.ctx); err != nil {
		return false
	}
	c.wmu.Lock()
	c.conn = t
	c.wmu.Unlock()
	c.mu.Lock()
	c.secure, c.who = true, identity{}
	c.mu.Unlock()
	c.in.Reset(t)
	return true
}

// abandon silences a running operation; nothing is answered, ever (RFC 4511
// section 4.11).
func (c *client) abandon(msg proto.Message) {
	id, err := ber.ParseInt(msg.Body)
	c.quiet("abandon", "")
	if err != nil {
		return
	}
	if op := c.find(id); op != nil {
		op.silent.Store(true)
		op.cancel()
	}
}

// find is a running operation by its message ID.
func (c *client) find(id int64) *operation {
	c.mu.Lock()
	defer c.mu.Unlock()
	for op := range c.ops {
		if op.msg.ID == id {
			return op
		}
	}
	return nil
}
