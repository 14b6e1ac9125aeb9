package fleet

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"counterpart/internal/serving/dialect"
)

// The search for free numbers in a row. The system offers first ones from the range
// that outgoing connections use, too, and Linux those of one parity, so that behind a
// busy client every one of them may have a taken neighbour; later tries look below
// that range (RFC 6335 section 6 has it begin at 49152, Linux at 32768).
const (
	mostTries   = 64
	systemTries = 16
	lowest      = 10000
	below       = 20000 // so many numbers from the lowest on
)

// member is a port of a group whose numbers hang together.
type member struct {
	dialect.Port
	at     int // its place among the server's ports
	offset int // how far its number is from that of the group's first port
}

// bindServer opens the ports of one server, in their order. Those that hang
// together (dialect.Port.After) get numbers in a row where they are free to
// choose.
func (f *Fleet) bindServer(in Instance) (bound []*port, wrong []error) {
	ports := in.Server.Ports()
	groups, err := together(ports)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: %w", in.Name, err)}
	}
	all := make([]*port, len(ports))
	for _, g := range groups {
		wrong = append(wrong, f.bindGroup(in, g, all)...)
	}
	return slices.DeleteFunc(all, func(p *port) bool { return p == nil }), wrong
}

// together sorts ports into groups, each with its first port in front.
func together(ports []dialect.Port) (groups [][]member, err error) {
	group := map[string]int{} // name of a group's first port → its place
	for i, p := range ports {
		first, offset := p, 0
		for first.After != "" {
			before := slices.IndexFunc(ports, func(o dialect.Port) bool { return o.Name == first.After })
			if offset++; before < 0 || offset > len(ports) {
				return nil, fmt.Errorf("port %s comes after %s, which is no port before it", p.Name, p.After)
			}
			first = ports[before]
		}
		g, known := group[first.Name]
		if !known {
			g = len(groups)
			group[first.Name] = g
			groups = append(groups, nil)
		}
		m := member{p, i, offset}
		if offset == 0 {
			groups[g] = slices.Insert(groups[g], 0, m)
		} else {
			groups[g] = append(groups[g], m)
		}
	}
	return groups, nil
}

// bindGroup opens a group's ports into all. Which numbers follow from a first one
// that the system chooses may be taken, also by another fleet that starts at the
// same time; then it goes on from another first one.
func (f *Fleet) bindGroup(in Instance, g []member, all []*port) (wrong []error) {
	base := f.base(in, g)
	var missed []*port // held until the end, or the system would offer them again
	defer func() { closeAll(missed) }()
	from := base
	for try := range mostTries {
		bound := make([]*port, len(g))
		wrong = nil
		for i, m := range g {
			number := 0
			if from > 0 {
				number = from + m.offset
			}
			var err error
			if bound[i], err = f.bind(in, m.Port, number); err != nil {
				wrong = append(wrong, err)
			} else if i == 0 && len(g) > 1 {
				from = numberOf(bound[0].Addr)
			}
		}
		if len(wrong) == 0 || base > 0 || from == 0 {
			for i, m := range g {
				all[m.at] = bound[i]
			}
			return wrong
		}
		missed = append(missed, bound...)
		if from = 0; try >= systemTries { // spread by what the system offered, which differs from fleet to fleet
			from = lowest + (numberOf(missed[0].Addr)*31+try*97)%below
		}
	}
	return append(wrong, fmt.Errorf("%s: no %d free numbers in a row in %d tries", in.Name, len(g), mostTries))
}

// base is the number from which a group's follow, 0 when the system may choose.
func (f *Fleet) base(in Instance, g []member) int {
	for _, m := range g {
		if addr := f.Fixed[in.Name+"/"+m.Name]; f.Auto && addr != "" {
			return max(numberOf(addr)-m.offset, 0)
		}
	}
	if f.Auto {
		return 0
	}
	return numberOf(g[0].Listen)
}

// numberOf is an address's port number, 0 when it has none.
func numberOf(addr string) int {
	_, text, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(text)
	return n
}

// address is where a port listens: the host filled in, and where the number is
// free to choose the one given, 0 for any.
func (f *Fleet) address(id, listen string, number int) (string, error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	if before := f.Fixed[id]; f.Auto && before != "" {
		return before, nil
	}
	if host == "" {
		host = f.Host
	}
	if f.Auto || text == "0" {
		if number > 65535 {
			return "", errors.New("there is no number above 65535")
		}
		text = strconv.Itoa(number)
	}
	return net.JoinHostPort(host, text), nil
}

func closeAll(ports []*port) {
	for _, p := range ports {
		if p == nil {
			continue
		}
		if p.listener != nil {
			p.listener.Close()
		}
		if p.packets != nil {
			p.packets.Close()
		}
	}
}
