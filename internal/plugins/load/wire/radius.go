package wire

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"counterpart/internal/plugins/load/step"
	"counterpart/internal/serving/strictyaml"
)

// Codes of packets (RFC 2865 section 4, RFC 2866 section 4, RFC 5997).
const (
	accessRequest    = 1
	accessAccept     = 2
	accessReject     = 3
	accountingAsked  = 4
	accountingDone   = 5
	accessChallenge  = 11
	statusServer     = 12
	userName         = 1
	userPassword     = 2
	chapPassword     = 3
	stateAttribute   = 24
	chapChallenge    = 60
	messageAuth      = 80
	longestPassword  = 128
	longestPacket    = 4096
	headerLength     = 20
	longestAttribute = 253
)

// attributes are those that plans may name, and what their values look like.
var attributes = []struct {
	name   string
	number byte
	kind   byte // t text, n number, a address
}{
	{"NAS-IP-Address", 4, 'a'}, {"NAS-Port", 5, 'n'}, {"Service-Type", 6, 'n'}, {"Framed-IP-Address", 8, 'a'}, {"Reply-Message", 18, 't'},
	{"State", 24, 't'}, {"Class", 25, 't'}, {"Session-Timeout", 27, 'n'}, {"Called-Station-Id", 30, 't'}, {"Calling-Station-Id", 31, 't'},
	{"NAS-Identifier", 32, 't'}, {"Acct-Status-Type", 40, 'n'}, {"Acct-Input-Octets", 42, 'n'}, {"Acct-Output-Octets", 43, 'n'},
	{"Acct-Session-Id", 44, 't'}, {"Acct-Session-Time", 46, 'n'}, {"NAS-Port-Type", 61, 'n'}, {"Filter-Id", 11, 't'},
}

// packet is a step over RADIUS, compiled.
type packet struct {
	spec      *step.Spec
	target    step.Target
	client    *Client
	operation string
	code      byte
	secret    []byte
	user      step.Text
	password  *step.Text
	others    []attribute
	save      []savedAttribute
	means     meanings
	macs      sync.Pool // of HMAC-MD5 with the secret
}

type attribute struct {
	number, kind byte
	value        step.Text
}

type savedAttribute struct {
	name   string
	number byte // 0: the code of the answer
	kind   byte
}

// stateName is where a walk keeps the State of the last challenge.
const stateName = "radius.State"

// openRADIUS compiles a step.
func (c *Client) openRADIUS(s step.Spec, t step.Target) (step.Step, error) {
	r := s.RADIUS
	p := &packet{spec: &s, target: t, client: c}
	switch r.Code {
	case "accounting":
		p.operation, p.code = "Accounting-Request", accountingAsked
	case "status":
		p.operation, p.code = "Status-Server", statusServer
	default:
		p.operation, p.code = "Access-Request", accessRequest
	}
	secret := r.Secret
	if secret == "" {
		secret = t.Facts["secret"]
	}
	filled, err := step.Compile(secret, t.Constants)
	if text, same := filled.Constant(); err != nil || !same || text == "" {
		return nil, errors.New("a RADIUS step needs a `secret` that is the same for all walks")
	} else {
		p.secret = []byte(text)
		p.macs.New = func() any { return hmac.New(md5.New, p.secret) }
	}
	if p.user, err = step.Compile(r.User, t.Constants); err != nil {
		return nil, err
	}
	if r.Password != "" {
		text, err := step.Compile(r.Password, t.Constants)
		if err != nil {
			return nil, err
		}
		p.password = &text
	}
	for name, value := range r.Attributes {
		a, err := known(name)
		if err == nil {
			a.value, err = step.Compile(value, t.Constants)
		}
		if err != nil {
			return nil, err
		}
		p.others = append(p.others, a)
	}
	slices.SortFunc(p.others, func(a, b attribute) int { return int(a.number) - int(b.number) })
	for name, from := range s.Save {
		if from == "status" {
			p.save = append(p.save, savedAttribute{name: name})
			continue
		}
		a, err := known(from)
		if err != nil {
			return nil, err
		}
		p.save = append(p.save, savedAttribute{name, a.number, a.kind})
	}
	p.means, err = compileMeanings(&s, t.Constants)
	return p, err
}

func known(name string) (attribute, error) {
	var names []string
	for _, a := range attributes {
		if strings.EqualFold(a.name, name) {
			return attribute{number: a.number, kind: a.kind}, nil
		}
		names = append(names, a.name)
	}
	hint := strictyaml.DidYouMean(name, names)
	if hint == "" {
		hint = "known are " + strictyaml.Enumerate(names)
	}
	return attribute{}, fmt.Errorf("`%s` is no attribute that a plan may name, %s", strictyaml.Short(name), hint)
}

// Do implements step.Step.
func (p *packet) Do(ctx context.Context, w *step.Walk) (step.Answer, error) {
	p.client.until(ctx)
	a := step.Answer{Operation: p.operation}
	address, err := addr(&p.target, w)
	if err != nil {
		return a, err
	}
	f, err := p.client.funnel(address)
	var s *slot
	if err == nil {
		s, err = f.take()
	}
	if err != nil {
		a.Reason, a.Answered = why(err), w.Now()
		return a, nil
	}
	defer f.put(s)
	request, err := p.build(s.out[:0], s.id, w)
	s.out = request
	if err != nil {
		return a, err
	}
	a.Sent, err = p.exchange(w, s, request)
	copy(s.before[:], request)
	a.Answered = w.Now()
	if err != nil {
		a.Reason = why(err)
		return a, nil
	}
	a.Octets = len(s.in)
	return p.judge(w, s.in, a)
}

// exchange sends the request, again if no answer comes, until a proper one is there.
func (p *packet) exchange(w *step.Walk, s *slot, request []byte) (sent time.Time, err error) {
	tries := max(p.spec.RADIUS.Tries, 1)
	each := timeout(p.spec) / time.Duration(tries)
	late := errLate
	for range tries {
		if sent.IsZero() {
			sent = w.Now()
		}
		if err = s.send(request); err != nil {
			return sent, err
		}
		for {
			if err = s.wait(each); err == errLate {
				break
			}
			if err != nil {
				return sent, err
			}
			if p.genuine(s, request) {
				return sent, nil
			}
			if !p.genuine(s, s.before[:]) { // nor a late answer to what had the identifier before
				late = errSecret
			}
		}
	}
	return sent, late
}

// genuine reports an answer from who knows the secret (RFC 2865 section 3, RFC 3579 section 3.2).
func (p *packet) genuine(s *slot, request []byte) bool {
	in := s.in
	b := append(s.room[:0], in...) // not on the stack, which would grow for it
	copy(b[4:20], request[4:20])
	s.room = append(b, p.secret...)
	sum := md5.Sum(s.room)
	b = s.room[:len(in)]
	if !bytes.Equal(sum[:], in[4:20]) {
		return false
	}
	for at := headerLength; at+2 <= len(b) && b[at+1] >= 2 && at+int(b[at+1]) <= len(b); at += int(b[at+1]) {
		if b[at] == messageAuth && b[at+1] == 18 {
			said := in[at+2 : at+18]
			clear(b[at+2 : at+18])
			return hmac.Equal(p.sign(sum[:0], b), said)
		}
	}
	return true
}

// sign appends the Message-Authenticator of a packet.
func (p *packet) sign(dst, b []byte) []byte {
	mac := p.macs.Get().(hash.Hash)
	defer p.macs.Put(mac)
	mac.Reset()
	mac.Write(b)
	return mac.Sum(dst)
}

// judge says what an answer means.
func (p *packet) judge(w *step.Walk, in []byte, a step.Answer) (step.Answer, error) {
	switch in[0] {
	case accessAccept:
		a.Verdict, a.Reason = step.LetIn, "Access-Accept"
	case accessReject:
		a.Verdict, a.Reason = step.Refused, "Access-Reject"
	case accessChallenge:
		a.Verdict, a.Reason = step.Asked, "Access-Challenge"
	case accountingDone:
		a.Verdict, a.Reason = step.LetIn, "Accounting-Response"
	default:
		a.Reason = "code " + strconv.Itoa(int(in[0]))
	}
	state := ""
	for rest := in[headerLength:]; len(rest) >= 2; {
		n := int(rest[1])
		if n < 2 || n > len(rest) {
			a.Verdict, a.Reason = step.Failed, "malformed answer"
			return a, nil
		}
		if rest[0] == stateAttribute {
			state = string(rest[2:n])
		}
		for _, s := range p.save {
			if s.number == rest[0] && s.number != 0 {
				w.Save(s.name, s.text(rest[2:n]))
			}
		}
		rest = rest[n:]
	}
	if _, had := w.Saved(stateName); had || state != "" {
		w.Save(stateName, state)
	}
	for _, s := range p.save {
		if s.number == 0 {
			w.Save(s.name, a.Reason)
		}
	}
	var err error
	a.Facts, err = p.means.facts(w, a.Verdict)
	return a, err
}

func (s savedAttribute) text(value []byte) string {
	switch {
	case s.kind == 'n' && len(value) == 4:
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(value)), 10)
	case s.kind == 'a' && len(value) == 4:
		return net.IP(value).String()
	}
	return string(value)
}
