package mutation

import (
	"regexp"
	"slices"
	"strings"

	"counterpart/internal/serving/fault/edit"
)

// verdict is a part of an answer that says yes or no.
type verdict struct {
	edit.Field
	yes bool
}

// The names of truth values that decide: where true is yes, and where it is no.
var (
	yesNames = regexp.MustCompile(`^(is_?)?(valid|allowed?|approved?|success(ful)?|succeeded|ok|authenticated|authori[sz]ed|granted|permitted|accepted|verified|passed|matche?[sd]?|confirmed|value|result|status|authentication|may_\w+|can_\w+)$`)
	noNames  = regexp.MustCompile(`^(is_?)?(locked(_?out)?|disabled|denied|rejected|revoked|expired|fraud|failed|error|blocked|suspended|replayed|sealed)$`)
)

// statesOnly are words that describe a thing as often as they decide about a request.
var statesOnly = []string{"active", "inactive", "enabled", "disabled", "yes", "no", "true", "false", "unlocked", "locked"}

// verdictsOf are the parts that decide. Of items of a list only the first one counts.
func verdictsOf(fields []edit.Field) (out []verdict) {
	for _, f := range fields {
		name := strings.ToLower(lastName(f.Path))
		switch f.Type {
		case edit.Boolean:
			if yesNames.MatchString(name) {
				out = append(out, verdict{f, f.Value == "true"})
			} else if noNames.MatchString(name) {
				out = append(out, verdict{f, f.Value != "true"})
			}
		case edit.Text:
			word := strings.TrimSpace(f.Value)
			yes, ok := edit.Says(word)
			if !ok || strings.HasPrefix(f.Path, "header.") || slices.Contains(statesOnly, strings.ToLower(word)) && !yesNames.MatchString(name) {
				continue
			}
			out = append(out, verdict{f, yes})
		}
	}
	return slices.DeleteFunc(out, func(v verdict) bool { return laterItem(v.Path) })
}

// affirmative are the verdicts that are more than a warning that is not there.
func affirmative(all []verdict) (out []verdict) {
	for _, v := range all {
		if v.Type != edit.Boolean || !noNames.MatchString(strings.ToLower(lastName(v.Path))) {
			out = append(out, v)
		}
	}
	return out
}

// lastName is the name of a part, without what it stands in.
func lastName(path string) string {
	name := path
	for rest := path; rest != ""; {
		var word string
		if word, rest = edit.Cutoff(rest); word != "" && strings.Trim(word, "0123456789") != "" {
			name = word
		}
	}
	name, _, _ = strings.Cut(name, "[")
	return strings.TrimPrefix(name, "@")
}

// laterItem reports a part of an item of a list that is not the first.
func laterItem(path string) bool {
	for rest := path; rest != ""; {
		var word string
		if word, rest = edit.Cutoff(rest); word != "" && word != "0" && strings.Trim(word, "0123456789") == "" {
			return true
		}
	}
	return false
}

// idNames are names of parts that say which thing an answer is about.
var idNames = regexp.MustCompile(`(?i)(^|[_.-]|[a-z])(id|txid|uuid|guid|sys_id|number|ticket|transaction|request|session|user|user_?name|login|account|asset|e?mail|otp|nonce|ref(erence)?)$`)

// repeats reports that a request has a value in it, as a word of its own: an answer that
// repeats it says which request it belongs to.
func repeats(request, value string) bool {
	if len(value) < 3 {
		return false
	}
	for at := 0; ; {
		i := strings.Index(request[at:], value)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(value)
		if !wordy(request, from-1) && !wordy(request, to) {
			return true
		}
		at = from + 1
	}
}

func wordy(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return false
	}
	c := s[i]
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// protects are names of headers and parts that protect an answer.
var protects = regexp.MustCompile(`(?i)(signature|digest|hmac|^mac$|^h$|^sig$)`)
