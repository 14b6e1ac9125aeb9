package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/redis/rueidis"

	"counterpart/internal/company/state"
)

// remedies are what to do about what a server says, by the word that it begins with.
var remedies = []struct{ word, remedy string }{
	{"NOAUTH", "it wants a password: redis://user:password@host"},
	{"WRONGPASS", "user or password of the URL are not those of the server"},
	{"ERR AUTH", "it knows no password; leave it out of the URL"},
	{"NOPERM", "its user may not do what the fleet needs: give it ~prefix:* and +@all -@dangerous +info +role"},
	{"READONLY", "it is a read-only replica: name the master, promote this one (REPLICAOF NO ONE), or let Sentinel name it"},
	{"OOM", "its memory is full: raise maxmemory, or delete what is not the fleet's"},
	{"LOADING", "it is still reading its data; wait"},
	{"MASTERDOWN", "it is a replica without its master: name the master"},
	{"BUSY", "a script keeps it busy: SCRIPT KILL ends it"},
	{"MISCONF", "it cannot write its data to the disk: free some, or see its log"},
	{"NOREPLICAS", "it wants replicas (min-replicas-to-write) that are not there"},
	{"CLUSTERDOWN", "a Redis Cluster cannot be used"},
	{"MOVED", "a Redis Cluster cannot be used"},
	{"ERR DB index", "the database number of the URL is more than it has (databases)"},
	{"ERR max number", "it has as many connections as it takes (maxclients)"},
	{"DENIED", "it is in protected mode: give it a password, or bind it to an address that is safe"},
}

// failed is err as an error of the store: with the server's word, and what to do.
func (s *Store) failed(err error) error {
	if errors.Is(err, state.ErrUnavailable) {
		return err
	}
	remedy := ""
	text := err.Error()
	for _, r := range remedies {
		if strings.Contains(" "+strings.TrimPrefix(text, "-"), " "+r.word) {
			remedy = "; " + r.remedy
			break
		}
	}
	var refused *net.OpError
	var noHost *net.DNSError
	switch {
	case remedy != "":
	case errors.Is(err, context.Canceled):
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		remedy = "; it does not answer in time"
	case errors.As(err, &noHost):
		remedy = "; nothing has that name"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		remedy = "; nothing listens there: start it, or mend the address"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.As(err, &refused):
		remedy = "; the connection was lost"
	}
	return fmt.Errorf("%w: %s: %w%s", state.ErrUnavailable, s.at, err, remedy)
}

// unfit are the answers of a server that another connection has to be made for: it is
// looked at anew then.
var unfit = []string{"READONLY", "LOADING", "MASTERDOWN", "NOAUTH", "CLUSTERDOWN", "MOVED"}

// answered looks at the error of an answer over l. definite means that the server has
// refused; the command had no effect.
func (s *Store) answered(l *link, err error) (definite bool) {
	if r, ok := rueidis.IsRedisErr(err); ok {
		for _, word := range unfit {
			if strings.HasPrefix(r.Error(), word) {
				l.end(err)
			}
		}
		return true
	}
	return false
}
