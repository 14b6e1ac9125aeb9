package ldap

import (
	"context"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/dialect"
	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/proto"
)

// compare answers a compare request (RFC 4511 section 4.10).
func (op *operation) compare(ctx context.Context, call *dialect.Call) (proto.Result, error) {
	s := op.c.s
	req, err := proto.ParseCompare(op.msg.Body)
	if err != nil {
		return proto.Result{}, err
	}
	call.Object, call.Request = req.Name, "compare "+req.Desc
	want, refused := op.controls(onCompare)
	if refused != nil {
		return *refused, nil
	}
	switch {
	case req.Name == "":
		return op.holds(virtualEntry{s.rootDSE(op)}, req), nil
	case s.sub.named(s.schema, req.Name):
		return op.holds(virtualEntry{s.sub}, req), nil
	}
	if r := s.mayRead(op); r != nil {
		return *r, nil
	}
	snap, err := s.dir.Snapshot(ctx)
	if err != nil {
		return proto.Result{}, err
	}
	id, matched, err := snap.Find(req.Name)
	if err != nil {
		return proto.Result{}, err
	}
	if id == dir.None {
		return s.noSuchObject(snap, matched), nil
	}
	r := snap.Reader(ctx)
	r.Secrets = op.who.root && !s.set.ad()
	r.Seek(id)
	if err := op.asserted(want, snap, r); err != nil {
		return proto.Result{}, err
	}
	return op.holds(r, req), r.Err
}

// holds compares one value with an entry's.
func (op *operation) holds(e filter.Entry, req proto.Compare) proto.Result {
	s := op.c.s
	a, options := s.schema.Describe(req.Desc)
	if a == nil {
		return result(goldap.LDAPResultUndefinedAttributeType, s.text("", "no attribute"))
	}
	normal, ok := s.schema.Norm(a, req.Value)
	if !ok {
		return result(goldap.LDAPResultInvalidAttributeSyntax, s.text("value does not conform to assertion syntax", "no attribute"))
	}
	if holds, known := e.Links(a, normal, false); known && holds {
		return result(goldap.LDAPResultCompareTrue, "")
	}
	values := e.Values(a, strings.ToLower(options))
	if len(values) == 0 {
		return result(goldap.LDAPResultNoSuchAttribute, s.text("", "no attribute"))
	}
	for _, v := range values {
		if n, ok := s.schema.Norm(a, v); ok && n == normal {
			return result(goldap.LDAPResultCompareTrue, "")
		}
	}
	return result(goldap.LDAPResultCompareFalse, "")
}
