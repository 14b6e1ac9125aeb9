package radius

import (
	"maps"
	"slices"
	"strings"

	"counterpart/internal/serving/dialect"
)

// foreignEAP are the EAP types of the IANA registry that RADIUS servers offer and
// this one does not. A peer that wants one is refused as by a server where the type
// is not configured.
var foreignEAP = map[byte]dialect.Feature{
	5:  {Name: "EAP-OTP", Doc: "one-time passwords (RFC 3748)"},
	13: {Name: "EAP-TLS", Doc: "client certificates (RFC 5216)"},
	17: {Name: "LEAP", Doc: "Cisco's older method"},
	18: {Name: "EAP-SIM", Doc: "SIM cards (RFC 4186)"},
	23: {Name: "EAP-AKA", Doc: "USIM cards (RFC 4187)"},
	26: {Name: "EAP-MSCHAPv2", Doc: "MS-CHAPv2 without a tunnel around it"},
	43: {Name: "EAP-FAST", Doc: "tunnels by shared keys (RFC 4851)"},
	49: {Name: "EAP-IKEv2", Doc: "keys as in IKEv2 (RFC 5106)"},
	50: {Name: "EAP-AKA'", Doc: "USIM cards (RFC 9048)"},
	52: {Name: "EAP-pwd", Doc: "passwords that nobody can guess off line (RFC 5931)"},
	55: {Name: "TEAP", Doc: "tunnels with several methods inside (RFC 7170)"},
}

// arap is AppleTalk's method.
var arap = dialect.Feature{Name: "ARAP", Doc: "AppleTalk's remote access (RFC 2869)"}

// foreignOf finds a known type among those that a peer wants.
func foreignOf(wanted []byte) (string, bool) {
	for _, typ := range wanted {
		if f, known := foreignEAP[typ]; known {
			return f.Name, true
		}
	}
	return "", false
}

// Scope is what this server plays of a RADIUS server, and what it knows besides.
func Scope() dialect.Scope {
	out := dialect.Scope{Plays: []string{"Access-Request", "Accounting-Request", "Status-Server", "PAP", "CHAP", "MS-CHAP", "MS-CHAPv2"}}
	for _, method := range eapMethods() {
		out.Plays = append(out.Plays, "EAP-"+strings.ToUpper(method))
	}
	for _, typ := range slices.Sorted(maps.Keys(foreignEAP)) {
		out.Unplayed = append(out.Unplayed, foreignEAP[typ])
	}
	out.Unplayed = append(out.Unplayed, arap)
	return out
}
