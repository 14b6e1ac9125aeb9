package fleet

import "net/http"

// Bounds of what the journal keeps of the head of a request or an answer: its octets, and
// the names of fields.
const (
	mostHead   = 1 << 10
	mostFields = 32
	mostHost   = 300
)

// addHeads notes the heads of both messages for the journal, which hides what is secret in
// them when somebody reads.
func (x *exchange) addHeads() {
	b := append(append(append(x.heads[:0], "Host: "...), x.asked.Host[:min(len(x.asked.Host), mostHost)]...), '\n')
	b = appendHead(b, x.asked.Header)
	n := len(b)
	b = appendHead(b, x.ResponseWriter.Header())
	x.heads = b
	x.call.Wire.RequestHead, x.call.Wire.ResponseHead = b[:n:n], b[n:]
}

// appendHead appends the fields of a head in the order of their names, the first ones of it
// and as far as there is room: what does not fit is left out as a whole.
func appendHead(b []byte, h http.Header) []byte {
	var room [mostFields]string
	names := room[:0]
	for name := range h {
		at := len(names)
		switch {
		case at < mostFields:
			names = append(names, name)
		case names[at-1] > name: // the last one makes room
			at--
		default:
			continue
		}
		for ; at > 0 && names[at-1] > name; at-- {
			names[at] = names[at-1]
		}
		names[at] = name
	}
	end, fields := len(b)+mostHead, 0
	for _, name := range names {
		for _, value := range h[name] {
			if fields < mostFields && len(b)+len(name)+len(value)+3 <= end {
				b = append(append(append(append(b, name...), ": "...), value...), '\n')
				fields++
			}
		}
	}
	return b
}
