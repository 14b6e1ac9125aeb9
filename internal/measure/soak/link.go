package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// link is a replica's way to Redis: a proxy that can be cut.
type link struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	conns map[net.Conn]net.Conn // client: server
	down  bool                  // nobody comes through
	mute  bool                  // answers are lost
	up    time.Time             // when it was whole again last
}

func openLink(to string) (*link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &link{l: l, to: to, conns: map[net.Conn]net.Conn{}}
	go k.accept()
	return k, nil
}

func (k *link) accept() {
	for {
		c, err := k.l.Accept()
		if err != nil {
			return
		}
		s, err := net.DialTimeout("tcp", k.to, time.Second)
		k.mu.Lock()
		if err != nil || k.down {
			k.mu.Unlock()
			c.Close()
			if s != nil {
				s.Close()
			}
			continue
		}
		k.conns[c] = s
		k.mu.Unlock()
		go func() { io.Copy(s, c); k.drop(c, s) }()
		go func() { k.answers(c, s); k.drop(c, s) }()
	}
}

// answers forwards what the server says, as long as it is to be heard.
func (k *link) answers(c, s net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, err := s.Read(b)
		if err != nil {
			return
		}
		k.mu.Lock()
		mute := k.mute
		k.mu.Unlock()
		if mute {
			continue
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

func (k *link) drop(c, s net.Conn) {
	c.Close()
	s.Close()
	k.mu.Lock()
	delete(k.conns, c)
	k.mu.Unlock()
}

// cut ends all connections and takes no others.
func (k *link) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = true
	for c, s := range k.conns {
		c.Close()
		s.Close()
	}
}

// open lets connections through once more, before the link counts as whole.
func (k *link) open() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down, k.up = false, time.Time{}
}

// silence lets commands through and loses the answers.
func (k *link) silence() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mute = true
}

// restore makes it whole. What is on connections whose answers were lost is over.
func (k *link) restore() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mute {
		for c, s := range k.conns {
			c.Close()
			s.Close()
		}
	}
	k.down, k.mute, k.up = false, false, time.Now()
}

// whole is since when it is; zero: it is not.
func (k *link) whole() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down || k.mute {
		return time.Time{}
	}
	return k.up
}
