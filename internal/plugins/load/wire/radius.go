package wire

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"counterpart/internal/face/radius/attr"
	radius "counterpart/internal/face/radius/wire"
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

// packet is a step over RADIUS, compiled.
type packet struct {
	spec      *step.Spec
	target    step.Target
	client    *Client
	operation string
	code      byte
	secret    []byte
	hiding    *radius.Secret
	user      step.Text
	password  *step.Text
	others    []attribute
	save      []savedAttribute
	means     meanings
	macs      sync.Pool // of HMAC-MD5 with the secret
}

// attribute is one that the plan adds to a request.
type attribute struct {
	name  string
	known attr.Known
	value step.Text
	fixed []byte // as it is sent, where it is the same each time
}

type savedAttribute struct {
	name string
	from *attr.Known // nil: the code of the answer
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
		p.hiding = radius.NewSecret(p.secret)
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
	for _, name := range slices.Sorted(maps.Keys(r.Attributes)) {
		a, err := c.added(name, r.Attributes[name], t.Constants)
		if err != nil {
			return nil, err
		}
		p.others = append(p.others, a)
	}
	for name, from := range s.Save {
		if from == "status" {
			p.save = append(p.save, savedAttribute{name: name})
			continue
		}
		k, err := c.attribute(from)
		if err != nil {
			return nil, err
		}
		p.save = append(p.save, savedAttribute{name, &k})
	}
	p.means, err = compileMeanings(&s, t.Constants)
	return p, err
}

// attribute finds one in the dictionary.
func (c *Client) attribute(name string) (attr.Known, error) {
	k, err := c.dictionary().Known(name)
	if errors.Is(err, attr.ErrUnknown) {
		hint := strictyaml.DidYouMean(name, c.dictionary().Names())
		if hint == "" {
			hint = "known are those of RFC 2865 to 2869, 3162, 4372, 5607 and some vendors', as seeds name them"
		}
		err = fmt.Errorf("`%s` is no attribute of the dictionary, %s", strictyaml.Short(name), hint)
	}
	return k, err
}

// added is an attribute of a step. What the step says in other ways is refused.
func (c *Client) added(name, value string, constants map[string]string) (a attribute, err error) {
	if a.name = name; strings.EqualFold(name, "User-Name") {
		return a, errors.New("`User-Name` is what the step's `user` says")
	}
	if a.known, err = c.attribute(name); err != nil {
		return a, err
	}
	if a.value, err = step.Compile(value, constants); err != nil {
		return a, err
	}
	text, same := a.value.Constant()
	if !same {
		text = "0" // whether the protocol sets it does not depend on the value
	}
	sealed, err := a.known.Value(text)
	if errors.Is(err, attr.ErrOurs) || same && err != nil {
		return a, fmt.Errorf("attribute %s: %w", name, err)
	}
	if same && !sealed.Salted() {
		a.fixed = sealed.Attribute.Value
	}
	return a, nil
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
	for rest := in[headerLength:]; len(rest) > 0; {
		n := int(rest[min(1, len(rest)-1)])
		if len(rest) < 2 || n < 2 || n > len(rest) {
			a.Verdict, a.Reason = step.Failed, "malformed answer"
			return a, nil
		}
		if rest[0] == stateAttribute {
			state = string(rest[2:n])
		}
		rest = rest[n:]
	}
	if _, had := w.Saved(stateName); had || state != "" {
		w.Save(stateName, state)
	}
	for _, s := range p.save {
		if s.from == nil {
			w.Save(s.name, a.Reason)
		} else if text, found := s.from.First(p.client.dictionary(), radius.Packet(in)); found {
			w.Save(s.name, text)
		}
	}
	var err error
	a.Facts, err = p.means.facts(w, a.Verdict)
	return a, err
}
