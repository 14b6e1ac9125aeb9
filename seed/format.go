package seed

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"counterpart/internal/company/world"
)

// format is what a text must look like. The pattern is for the JSON Schema,
// where it may be looser than the check.
type format struct {
	what    string
	pattern string
	digits  bool // digits without quotes are taken as written
	check   func(string) (hint string, ok bool)
}

// formats are the values of the tag format.
var formats = map[string]format{
	"name": {what: "a name", pattern: `^[^\s\\/@:;,"*?<>|][^\\/@:;,"*?<>|]*$`, check: checkName},
	"id":   {what: "an identifier", pattern: `^[A-Za-z0-9][A-Za-z0-9._:@+-]*$`, check: matches(`^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,254}$`, "letters, digits and . _ : @ + -")},
	"dns":  {what: "a DNS name", pattern: `^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`, check: checkDNS},
	"host": {what: "a host name", pattern: `^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`, check: checkDNS},
	"netbios": {what: "a NetBIOS name", pattern: `^[A-Za-z0-9][A-Za-z0-9-]{0,14}$`,
		check: matches(`^[A-Za-z0-9][A-Za-z0-9-]{0,14}$`, "at most 15 letters, digits and -")},
	"mail": {what: "an e-mail address", pattern: `^[^@\s]+@[^@\s]+$`, check: matches(`^[^@\s]+@[^@\s]+$`, "write somebody@example.test")},
	"phone": {what: "a telephone number", pattern: `^\+?[0-9][0-9 ()./-]*$`,
		check: matches(`^\+?[0-9][0-9 ()./-]{1,39}$`, `write "+15550100"`)},
	"modhex": {what: "the public ID of a YubiKey", pattern: `^([cbdefghijklnrtuvCBDEFGHIJKLNRTUV]{2}|[0-9A-Fa-f]{2}){0,8}$`, digits: true, check: func(s string) (string, bool) {
		_, ok := world.PublicID(s)
		return "0 to 16 characters, an even number, all of them of cbdefghijklnrtuv (modhex) or of 0-9 and a-f", ok
	}},
	"token":   {what: "a token", pattern: `^[!-~]{1,1000}$`, check: matches(`^[!-~]{1,1000}$`, "letters, digits and signs of ASCII, no blank")},
	"listen":  {what: "an address to listen on", pattern: `^.*:[0-9]+$`, check: checkListen},
	"setting": {what: "a setting", pattern: `^[^\s.]+\.[^\s]+$`, check: matches(`^[^\s.]+\.\S+$`, "write <server kind>.<name>")},
	"word":    {what: "one word", pattern: `^[A-Za-z0-9_.-]+$`, check: matches(`^[A-Za-z0-9_.-]{1,64}$`, "letters, digits and . _ -")},
	"any":     {what: "text", digits: true, check: func(string) (string, bool) { return "", true }},
}

// matches makes a check of a regular expression.
func matches(pattern, hint string) func(string) (string, bool) {
	re := regexp.MustCompile(pattern)
	return func(s string) (string, bool) { return hint, re.MatchString(s) }
}

// checkName refuses what some server would cut a name at, or take for a
// separator: DOMAIN\name, name@asset, kind:name, a/b.
func checkName(s string) (string, bool) {
	const no = `\/@:;,"*?<>|`
	if s == "" || len(s) > 256 || strings.TrimSpace(s) != s {
		return "1 to 256 octets, no space around it", false
	}
	if strings.ContainsAny(s, no) || strings.ContainsFunc(s, unicode.IsControl) {
		return `none of \ / @ : ; , " * ? < > | can be in it`, false
	}
	return "", true
}

func checkDNS(s string) (string, bool) {
	if s == "" || len(s) > 253 {
		return "1 to 253 octets", false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label ||
			strings.ContainsFunc(label, func(r rune) bool {
				return r != '-' && r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
			}) {
			return "letters, digits and - between the dots", false
		}
	}
	return "", true
}

func checkListen(s string) (string, bool) {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return `write ":8080" or "127.0.0.1:8080"`, false
	}
	n, err := strconv.Atoi(port)
	return "a port goes from 0, any free one, to 65535", err == nil && n >= 0 && n <= 65535 && port[0] != '+'
}
