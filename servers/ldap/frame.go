package ldap

import (
	"errors"
	"io"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// Lengths in octets.
const (
	maxAnonymous = 262143    // of a message before a bind (slapd's sockbuf_max_incoming)
	maxBound     = 16777215  // and after one
	maxAD        = 10 << 20  // MaxReceiveBuffer
	readStep     = 64 * 1024 // a message's buffer grows by what has arrived, not by what is claimed
)

// errGarbage is what slapd answers by closing without a word.
var errGarbage = errors.New("ldap: not an LDAP message")

// limit is the longest message taken now.
func (c *client) limit() int {
	switch {
	case c.s.set.ad():
		return maxAD
	case c.identity().bound():
		return maxBound
	}
	return maxAnonymous
}

// frame reads one message's content.
func (c *client) frame() ([]byte, error) {
	head, err := c.in.Peek(2)
	if err != nil {
		return nil, err
	}
	if head[0] != ber.Sequence {
		return nil, errGarbage
	}
	need := 2
	if head[1] > 0x80 {
		need += int(head[1] & 0x7f)
	}
	if head[1] == 0x80 || need > 6 {
		return nil, errGarbage
	}
	if head, err = c.in.Peek(need); err != nil {
		return nil, err
	}
	n, octets, err := ber.Length(head[1:])
	if err != nil || n > c.limit() {
		return nil, errGarbage
	}
	c.in.Discard(1 + octets)
	body := make([]byte, min(n, readStep))
	for at := 0; ; {
		m, err := io.ReadFull(c.in, body[at:])
		if err != nil {
			return nil, err
		}
		if at += m; at == n {
			return body, nil
		}
		body = append(body, make([]byte, min(n-at, readStep))...)
	}
}

// read takes requests off the wire until the connection ends.
func (c *client) read() {
	for !c.closed.Load() {
		body, err := c.frame()
		if err != nil {
			if errors.Is(err, errGarbage) {
				c.failed(err.Error())
			}
			return
		}
		c.idle.Store(c.s.env.Clock.Now().UnixNano())
		msg, err := proto.ParseMessage(body)
		if err != nil {
			c.failed("the message cannot be decoded")
			c.disconnect(goldap.LDAPResultProtocolError, "decoding error")
			return
		}
		if !c.dispatch(msg) {
			return
		}
	}
}
