package fleet

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// The states of a TCP connection in which the other side still sends (linux
// include/net/tcp_states.h).
const (
	tcpEstablished = 1
	tcpSynRecv     = 3
)

// peerGone reports whether the client has closed its side of a connection, also
// behind data that nobody has read.
func peerGone(c net.Conn) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		gone = err == nil && info.State != tcpEstablished && info.State != tcpSynRecv
	})
	return err != nil || gone
}
