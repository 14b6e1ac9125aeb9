package bundle

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// telling are the keys of seeds and scenarios below which secrets stand.
var telling = regexp.MustCompile(`(?i)^(?:.*[._-])?(?:password|passwd|passphrase|secret|token|pin|code|codes|aes_key|private_id|skey|private_key|unseal_keys|api_key|apikey)$`)

// forms are the keys within one of those: {secret: {hex: …}}.
var forms = []string{"base32", "base64", "hex", "ascii", "password", "key", "cert"}

// walker goes through a seed or a scenario and puts stand-ins in the place of secrets.
type walker struct {
	*standIns
	left *[]string // what it could not replace, in words
	done *[]string // where it did
}

// note remembers a place once.
func note(list *[]string, format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(*list, s) {
		*list = append(*list, s)
	}
}

// walk visits every value; secret says that those below are secrets. It returns what
// stands for v, with secrets at their places replaced.
func (w walker) walk(v any, path string, secret bool) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			at := strings.TrimPrefix(path+"."+k, ".")
			v[k] = w.walk(v[k], at, w.below(v[k], path, k, secret))
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = w.walk(e, fmt.Sprintf("%s[%d]", path, i), secret)
		}
		return v
	case nil, bool:
		return v
	case string:
		if secret && v != "" && !strings.Contains(v, "{{") && v != "$" && v != "any" {
			return w.replace(v, path)
		}
		return v
	}
	if text := fmt.Sprint(v); secret && strings.Trim(text, digits) == "" { // a PIN without quotes
		return w.replace(text, path)
	}
	return v
}

// below tells whether what stands under a key is secret.
func (w walker) below(v any, path, key string, secret bool) bool {
	_, isMap := v.(map[string]any)
	switch {
	case secret && isMap:
		return true
	case secret: // only the forms of a secret, or whatever a mount of kv or a credential store has
		return slices.Contains(forms, key) || strings.Contains(path, ".data") || strings.Contains(path, "credential_stores") || telling.MatchString(key)
	case key == "data" && strings.Contains(path, "secrets["):
		return true
	case key == "value" && strings.Contains(path, "secret_ids["), key == "key" && (strings.Contains(path, "api_keys[") || strings.HasSuffix(path, ".accepts")):
		return true
	case key == "settings" || key == "attributes":
		return false
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		if _, blocks := list[0].(map[string]any); blocks {
			return false // keys: [{type: …}] is looked into by its own keys
		}
	}
	return telling.MatchString(key)
}

func (w walker) replace(secret, path string) string {
	if strings.Contains(secret, "-----BEGIN ") {
		note(w.left, "%s is a key, for which nothing can stand; it was left out", path)
		return ""
	}
	if w.public(secret) {
		note(w.left, "%s is a name that stands in other places, too, and was left as it is", path)
		return secret
	}
	note(w.done, "%s", path)
	return w.standIn(secret)
}

// keysOf replaces private keys of accounts, which no other text can stand for: others of
// the same kind are generated.
func (w walker) keysOf(seed map[string]any) {
	accounts, _ := seed["accounts"].([]any)
	for i, a := range accounts {
		account, _ := a.(map[string]any)
		keys, _ := account["keys"].([]any)
		for j, k := range keys {
			key, _ := k.(map[string]any)
			if key == nil || key["pem"] == nil && key["file"] == nil {
				continue
			}
			delete(key, "pem")
			delete(key, "file")
			if key["generate"] = 256; key["type"] == "ssh-rsa" {
				key["generate"] = 2048
			}
			note(w.left, "accounts[%d].keys[%d]: another key is generated, with another fingerprint", i, j)
		}
	}
}

// csv replaces what yubico's keys_csv has of secrets: internal names, keys and codes.
func (w walker) csv(seed map[string]any) {
	servers, _ := seed["servers"].([]any)
	for i, s := range servers {
		block, _ := s.(map[string]any)
		text, _ := block["keys_csv"].(string)
		if text == "" {
			continue
		}
		block["keys_csv"] = longHex.ReplaceAllStringFunc(text, w.standIn)
		note(w.done, "servers[%d].keys_csv", i)
	}
}

var longHex = regexp.MustCompile(`\b[0-9a-f]{12}(?:[0-9a-f]{20})?\b`)

// secretOption is a line of a plugin's configuration that holds a secret.
var secretOption = regexp.MustCompile(`(?im)^([ \t]*[\w.-]*(?:password|passwd|secret|token|api_?key|skey|pin|private_key)[ \t]*[=:][ \t]*)([^\s{$#][^\r\n]*?)([ \t]*)$`)

// config replaces secrets in a plugin's configuration.
func (w walker) config(text, path string) string {
	return secretOption.ReplaceAllStringFunc(text, func(line string) string {
		m := secretOption.FindStringSubmatch(line)
		if strings.Contains(m[2], "{{") {
			return line
		}
		return m[1] + w.replace(m[2], path) + m[3]
	})
}

// spread replaces secrets wherever they stand in the texts of a value.
func (s *standIns) spread(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = s.spread(e)
		}
	case []any:
		for i, e := range v {
			v[i] = s.spread(e)
		}
	case string:
		return s.text(v)
	}
	return v
}

func sortedKeys(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
