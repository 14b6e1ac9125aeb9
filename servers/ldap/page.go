package ldap

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

const (
	maxSorted     = 100000 // hits of a sorted search
	maxResultSets = 10     // sorted results kept for paging, per connection
	macSize       = 8
)

// pages is what a connection remembers between pages.
type pages struct {
	last   string              // slapd knows one paged search per connection
	sorted map[uint32][]dir.ID // results in order, by the number in the cookie
	next   uint32
}

// cookie is a place in a result. It says all that is needed to go on, so that
// pages survive a reconnect and entries that come and go in between.
type cookie struct {
	at   uint32 // the last entry sent, or the position in a sorted result
	set  uint32 // number of the sorted result, 0 if none
	sent uint32 // entries so far: slapd's size limit is for all pages together
}

const cookieSize = 12

func (s *server) keyCookies() error {
	_, err := io.ReadFull(s.env.World.Derive("ldap", "cookie", s.env.Name), s.cookies[:])
	return err
}

// seal binds a cookie to its search, so that another filter cannot use it.
func (s *server) seal(c cookie, req proto.Search) []byte {
	b := make([]byte, 0, cookieSize+sha256.Size)
	for _, n := range []uint32{c.at, c.set, c.sent} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	mac := hmac.New(sha256.New, s.cookies[:])
	mac.Write(b)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(req.Scope)))
	mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(req.Base))))
	io.WriteString(mac, strings.ToLower(req.Base))
	mac.Write(req.Rest)
	return mac.Sum(b)[:cookieSize+macSize]
}

func (s *server) unseal(b []byte, req proto.Search) (c cookie, ok bool) {
	if len(b) != cookieSize+macSize {
		return c, false
	}
	c = cookie{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])}
	return c, hmac.Equal(s.seal(c, req), b)
}

// controlled runs a search that is sorted, paged or both.
func (s *query) controlled() (proto.Result, error) {
	var extra []proto.Control
	var order []dir.ID
	if s.want.sort != nil {
		r, control, err := s.prepareSort()
		if r != nil || err != nil {
			if err != nil {
				return proto.Result{}, err
			}
			return *r, nil
		}
		extra = append(extra, control)
	}
	if _, refuse := s.call.Fault(faultRefusePaging); refuse && s.want.paged != nil {
		if s.want.pagedCritical {
			return result(goldap.LDAPResultUnavailableCriticalExtension, s.op.c.s.text("critical extension is not recognized", "unwilling page")), nil
		}
		s.want.paged = nil
	}
	p := s.want.paged
	if p != nil && s.req.SizeLimit > 0 && p.Size >= s.req.SizeLimit {
		p = nil // the whole answer would fit: slapd then ignores the control
	}
	var place *cookie
	if p != nil && len(p.Cookie) > 0 {
		c, r := s.resume(p)
		if r != nil {
			return *r, nil
		}
		if p.Size == 0 {
			s.forget(c)
			return paged(success(), extra, nil), nil
		}
		place = &c
	}
	if s.want.sort != nil {
		var r *proto.Result
		if order, r = s.ordered(place); r != nil || s.err != nil {
			if s.err != nil {
				return s.done(false)
			}
			return *r, nil
		}
	}
	if p == nil {
		res, err := s.deliver(order)
		res.Controls = append(res.Controls, extra...)
		return res, err
	}
	return s.page(int(p.Size), place, order, extra)
}

// deliver sends a whole result, in order if there is one.
func (s *query) deliver(order []dir.ID) (proto.Result, error) {
	if s.want.sort == nil {
		return s.stream(s.limit)
	}
	for i, id := range order {
		if s.limit >= 0 && i >= s.limit {
			return s.done(true)
		}
		if i%64 == 0 && !s.alive() {
			break
		}
		if !s.snap.Alive(id) { // deleted between pages
			continue
		}
		s.reader.Seek(id)
		if s.err = s.entry(); s.err != nil {
			break
		}
	}
	return s.done(false)
}

// resume reads the cookie of a following page.
func (s *query) resume(p *proto.Paged) (cookie, *proto.Result) {
	srv, c := s.op.c.s, s.op.c
	place, ok := srv.unseal(p.Cookie, s.req)
	text := ""
	switch {
	case !ok:
		text = "paged results cookie is invalid"
	case !srv.set.ad():
		c.mu.Lock()
		if c.pages.last != string(p.Cookie) {
			text = "paged results cookie is invalid or old"
		}
		c.mu.Unlock()
	}
	if text != "" {
		r := result(goldap.LDAPResultProtocolError, text)
		if srv.set.ad() { // a cookie of another search or connection
			r = result(goldap.LDAPResultUnavailableCriticalExtension, adText["unwilling page"])
		}
		return place, &r
	}
	return place, nil
}

// forget drops what is kept for a paged search.
func (s *query) forget(place cookie) {
	c := s.op.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pages.last = ""
	delete(c.pages.sorted, place.set)
}

// page sends one page. One more match is looked for, so that the last page is
// known to be the last.
func (s *query) page(size int, place *cookie, order []dir.ID, extra []proto.Control) (proto.Result, error) {
	srv, c := s.op.c.s, s.op.c
	if most := srv.set.PageMax; most > 0 && size > most {
		size = most
	}
	more, at := false, cookie{}
	if place != nil {
		at = *place
	}
	left := -1 // what the size limit lets through; slapd counts all pages
	if s.limit >= 0 && !srv.set.ad() {
		left = max(s.limit-int(at.sent), 0)
	}
	over := false
	if s.want.sort != nil {
		start := 0
		if place != nil {
			start = min(int(place.at), len(order))
		}
		end := min(start+size, len(order))
		if left >= 0 && end-start > left {
			end, over = start+left, true
		}
		s.limit = -1
		if _, err := s.deliver(order[start:end]); err != nil || s.err != nil {
			return s.done(false)
		}
		more, at.at = end < len(order) && !over, uint32(end)
		at.set = s.keep(at.set, order, more)
	} else {
		if place != nil {
			s.q.After = dir.ID(place.at)
		}
		s.snap.Search(s.q, s.reader, s.alive, func(id dir.ID) bool {
			if s.sent >= size {
				more = true
				return false
			}
			if over = left >= 0 && s.sent >= left; over {
				return false
			}
			at.at = uint32(id)
			s.err = s.entry()
			return s.err == nil
		})
	}
	at.sent += uint32(s.sent)
	res, err := s.done(over)
	if err != nil || res.Code != goldap.LDAPResultSuccess {
		return res, err
	}
	var next []byte
	if more {
		next = srv.seal(at, s.req)
	}
	c.mu.Lock()
	c.pages.last = string(next)
	c.mu.Unlock()
	return paged(res, extra, next), nil
}

// paged adds the response control to a result.
func paged(res proto.Result, extra []proto.Control, next []byte) proto.Result {
	res.Controls = append(extra, proto.Control{OID: oidPaged, HasValue: true, Value: proto.AppendPaged(nil, proto.Paged{Cookie: next})})
	return res
}

// keep remembers a sorted result for the next page; the oldest is forgotten.
func (s *query) keep(number uint32, order []dir.ID, more bool) uint32 {
	c := s.op.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if !more {
		delete(c.pages.sorted, number)
		return number
	}
	if number != 0 {
		return number
	}
	if c.pages.sorted == nil {
		c.pages.sorted = map[uint32][]dir.ID{}
	}
	c.pages.next++
	c.pages.sorted[c.pages.next] = order
	delete(c.pages.sorted, c.pages.next-maxResultSets)
	return c.pages.next
}

// prepareSort judges the sort keys (RFC 2891). A key that cannot be used is the
// end of a critical request; otherwise the response control says so.
func (s *query) prepareSort() (*proto.Result, proto.Control, error) {
	srv := s.op.c.s
	code, text, attr := int64(0), "", ""
	for _, k := range s.want.sort {
		a, _ := srv.schema.Describe(k.Attr)
		switch {
		case a == nil:
			code, text, attr = goldap.LDAPResultNoSuchAttribute, "serverSort control: Unrecognized attribute type in sort key", k.Attr
		case !srv.schema.Ordered(a):
			code, text, attr = goldap.LDAPResultInappropriateMatching, "serverSort control: No ordering rule", k.Attr
		}
	}
	if srv.set.ad() && len(s.want.sort) > 1 {
		code, text = goldap.LDAPResultUnwillingToPerform, adText["unwilling"]
	}
	control := proto.Control{OID: oidSorted, HasValue: true, Value: proto.AppendSortResult(nil, code, attr)}
	if code == 0 {
		return nil, control, nil
	}
	if s.want.sortCritical {
		r := result(uint16(code), text)
		if srv.set.ad() && code != goldap.LDAPResultUnwillingToPerform {
			r.Text = adText["no attribute"]
		}
		return &r, control, nil
	}
	s.want.sort = nil
	return nil, control, nil
}

// ordered is the sorted result: computed for a first page, remembered for
// others. Entries without the key come last, in reverse first.
func (s *query) ordered(place *cookie) ([]dir.ID, *proto.Result) {
	c := s.op.c
	if place != nil {
		c.mu.Lock()
		order, ok := c.pages.sorted[place.set]
		c.mu.Unlock()
		if !ok {
			r := result(goldap.LDAPResultProtocolError, "paged results cookie is invalid or old")
			if s.op.c.s.set.ad() {
				r = result(goldap.LDAPResultUnavailableCriticalExtension, adText["unwilling page"])
			}
			return nil, &r
		}
		return order, nil
	}
	type hit struct {
		id   dir.ID
		keys []string
	}
	var hits []hit
	var attrs []*schema.Attribute
	for _, k := range s.want.sort {
		a, _ := s.snap.Schema.Describe(k.Attr)
		attrs = append(attrs, a)
	}
	over := false
	s.snap.Search(s.q, s.reader, s.alive, func(id dir.ID) bool {
		if len(hits) >= maxSorted {
			over = true
			return false
		}
		h := hit{id: id}
		for _, a := range attrs {
			h.keys = append(h.keys, s.sortValue(a))
		}
		hits = append(hits, h)
		return true
	})
	if over {
		r := result(goldap.LDAPResultAdminLimitExceeded, "")
		return nil, &r
	}
	slices.SortStableFunc(hits, func(x, y hit) int {
		for i, k := range s.want.sort {
			a, b := x.keys[i], y.keys[i]
			n := schema.Compare(attrs[i].Kind, a, b)
			if (a == "") != (b == "") { // missing is larger than anything (RFC 2891 section 2.2)
				n = cmp.Compare(len(b), len(a))
			}
			if n != 0 {
				if k.Reverse {
					n = -n
				}
				return n
			}
		}
		return 0
	})
	order := make([]dir.ID, len(hits))
	for i := range hits {
		order[i] = hits[i].id
	}
	return order, nil
}

// sortValue is the smallest normal value of an attribute, "" if there is none.
func (s *query) sortValue(a *schema.Attribute) string {
	best := ""
	for _, v := range s.reader.Values(a, "") {
		if n, ok := s.snap.Schema.Norm(a, v); ok && (best == "" || schema.Compare(a.Kind, n, best) < 0) {
			best = n
		}
	}
	return best
}
